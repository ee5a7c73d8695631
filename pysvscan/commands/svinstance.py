"""svinstance create|delete|list|sync: service instances, made of templates."""

from pysvscan import scandirectory, sgetopt, templates
from pysvscan.instances import Instances
from pysvscan.strerr import Usage
from pysvscan.svinstance import CALLS, WORDS, Call, say, warn
from pysvscan.templates import Templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

WAIT = b"60"


def main(argv: list[bytes], chain: "Chain") -> int:
    """Do what the first word that is no option says; 111 if some of it could not be done."""
    words = [word for word in argv[1:] if word != b"--plan"]
    try:
        before, words = sgetopt.parse(words, b"l", b"dtw")
        after, rest = sgetopt.parse(words[1:], b"l", b"dtw")
    except sgetopt.OptionError as exc:
        raise Usage(f"{exc}; {WORDS}") from None
    options = dict([*before, *after])
    wait = options.get(b"w", WAIT)
    if not words or words[0] not in CALLS or not wait.isdigit():
        raise Usage(WORDS)
    directory = options.get(b"d") or chain.env.get(b"SVDIR") or scandirectory.usual()
    known = Templates(options.get(b"t") or templates.usual())
    scan = Instances(directory, say, warn, int(wait))
    CALLS[words[0]](Call(scan, known, rest, b"--plan" in argv, b"l" not in options))
    return 111 if scan.troubles else 0
