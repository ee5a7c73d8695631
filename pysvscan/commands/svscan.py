"""svscan [--json] [DIR]: keep the services of a directory running. Source: daemontools 0.76."""

from pysvscan import strerr
from pysvscan.inherited import Inherited
from pysvscan.log import Log
from pysvscan.pathexec import Chain
from pysvscan.svscan import Svscan


def main(argv: list[bytes], chain: Chain) -> int:
    """Supervise until TERM, then stop in order."""
    words = argv[1:]
    as_json = words[:1] == [b"--json"]
    if as_json:
        words.pop(0)
    if words[:1] == [b"--help"]:
        raise strerr.Usage("svscan [--json] [dir]")
    inherited = Inherited(chain.env, chain.ignored, chain.limits)
    Svscan(words[0] if words else b".", Log(as_json), inherited).run()
    return 0
