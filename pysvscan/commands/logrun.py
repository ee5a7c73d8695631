"""pysvscan logrun DIR…: log/run from [log] of service.toml, or [log] from log/run."""

import os

from pysvscan import logrun, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Make what is missing in each directory, say what; 111 if one of them has a trouble."""
    if len(argv) < 2:
        raise strerr.Usage("pysvscan logrun dir ...")
    code = 0
    for directory in argv[1:]:
        try:
            made = logrun.convert(directory)
        except strerr.Fatal as exc:
            strerr.warn("logrun", str(exc), exc.__cause__)
            code = 111
        else:
            strerr.write(os.fsencode(f"{made}\n") if made else b"", fd=1)
    return code
