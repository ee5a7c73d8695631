"""svlog [-f] [--since T] [--until T] [-n N] [-g REGEX] [-o FORM] SERVICE…: read logs together.

`svlog explain …` and `svlog plan …` are commands of their own.
"""

from pysvscan.strerr import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.pathexec import Chain
    from pysvscan.svlog import Wanted

PARTS = {"explain": "explain", "plan": "svlogplan"}
PLAN = (b"--retain",)  # what `svlog plan` takes besides -o
LETTERS = b"f", b"gno"
LONG = (b"--conversations",)
LONG_WITH_ARGUMENT = (b"--since", b"--until", b"--pid")
USAGE = (
    "svlog [-f] [--since time] [--until time] [-n lines] [-g regex] [-o local|utc|tai64n|json] "
    "[--conversations] [--pid pid] service ..."
)


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Print lines of logs; 111 if something could not be read."""
    if argv[1:2] in ([b"explain"], [b"plan"]):
        return part(argv[1].decode())(argv[1:])
    from pysvscan import options, sgetopt, svlog

    try:
        given, services = options.parse(argv[1:], *LETTERS, LONG, LONG_WITH_ARGUMENT)
    except sgetopt.OptionError as exc:
        raise Usage(f"{USAGE}: {exc}") from None
    if not services:
        raise Usage(USAGE)
    wanted = svlog.Wanted()
    for name, value in given:
        take(wanted, name, value)
    return svlog.main(wanted, services)


def is_quiet(words: list[bytes]) -> bool:
    """Say whether `svlog explain` shall print no lines; it has no other option: -… is a pattern."""
    return words[:1] == [b"-q"]


def part(name: str) -> "Callable[[list[bytes]], int]":
    """Import what another first word asks for."""
    module = __import__(f"pysvscan.{PARTS[name]}", fromlist=["main"])
    found: Callable[[list[bytes]], int] = module.main
    return found


def take(wanted: "Wanted", name: bytes, value: bytes) -> None:
    """Take an option."""
    from pysvscan import svlog

    if name == b"-f":
        wanted.follows = True
    elif name == b"--conversations":
        wanted.is_talk = True
    else:
        svlog.VALUES[name](wanted, value)
