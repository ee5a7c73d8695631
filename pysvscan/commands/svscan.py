"""svscan [--json] [DIR]: keep the services of a directory running. Source: daemontools 0.76."""

from pysvscan import strerr
from pysvscan.core.handover import Scan
from pysvscan.inherited import Inherited
from pysvscan.log import Log
from pysvscan.pathexec import Chain
from pysvscan.svscan import Svscan


def main(argv: list[bytes], chain: Chain) -> int:
    """Supervise until TERM, then stop in order."""
    return run(Inherited(chain.env, chain.ignored, chain.limits, tuple(argv)))


def run(inherited: Inherited, state: Scan | None = None) -> int:
    """Do as the command line says; go on with what another image has handed over, if one has."""
    words = list(inherited.words[1:])
    as_json = words[:1] == [b"--json"]
    if as_json:
        words.pop(0)
    if words[:1] == [b"--help"]:
        raise strerr.Usage("svscan [--json] [dir]")
    Svscan(words[0] if words else b".", Log(as_json), inherited, state).run()
    return 0
