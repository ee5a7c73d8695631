"""svscan [--json] [--stop-budget SECONDS] [DIR]: keep the services of a directory running.

Source: daemontools 0.76 svscan.c.
"""

from pysvscan import signals, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.handover import Scan
    from pysvscan.inherited import Inherited
    from pysvscan.pathexec import Chain
    from pysvscan.svscan import Svscan

USAGE = "svscan [--json] [--stop-budget seconds] [dir]"
SECOND_NS = 1_000_000_000
LONGEST = 86400


def main(argv: list[bytes], chain: "Chain") -> int:
    """Supervise until TERM, then stop in order."""
    held = signals.hold(chain.env)  # first of all: PID 1 loses what is not blocked
    from pysvscan.inherited import Inherited

    inherited = Inherited(chain.env, chain.ignored, chain.limits, tuple(argv))
    inherited.mask -= held
    scan = make(inherited)
    scan.begin()
    return scan.serve()


def make(inherited: "Inherited", state: "Scan | None" = None, path: bytes = b"") -> "Svscan":
    """Make what the command line says.

    Args:
        inherited: what services get, and the command line.
        state: what another image has handed over, if one has.
        path: the scan directory; empty: the one of the command line.
    """
    given, as_json, budget_ns = parse(list(inherited.words[1:]))
    from pysvscan.log import Log
    from pysvscan.svscan import Svscan

    scan = Svscan(path or given, Log(as_json), inherited, state)
    if budget_ns:
        scan.stopping.budget_ns = budget_ns
    return scan


def parse(words: list[bytes]) -> tuple[bytes, bool, int]:
    """Read the command line: directory, whether JSON is wanted, budget or 0."""
    as_json, budget_ns = False, 0
    while words and words[0].startswith(b"--"):
        option = words.pop(0)
        if option == b"--json":
            as_json = True
        elif option == b"--stop-budget" and words:
            budget_ns = read_seconds(words.pop(0))
        else:
            raise strerr.Usage(USAGE)
    return words[0] if words else b".", as_json, budget_ns


def read_seconds(word: bytes) -> int:
    """Read a number of seconds; nanoseconds are returned."""
    if not word.isdigit() or len(word) > 5 or not 1 <= int(word) <= LONGEST:
        raise strerr.Usage(USAGE)
    return int(word) * SECOND_NS
