"""svok DIR: exit 0 where a supervise runs, 100 where none does.

Source: daemontools 0.76 svok.c.
"""

import errno
import os

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

NOT_RUNNING = (errno.ENOENT, errno.ENXIO)


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Ask whether somebody holds supervise/ok open for reading; words after DIR are not read."""
    if len(argv) < 2:
        raise strerr.Usage("svok dir")
    where = strerr.name(argv[1])
    try:
        os.chdir(argv[1])
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {where}") from exc
    try:
        os.open(b"supervise/ok", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as exc:
        if exc.errno in NOT_RUNNING:
            return 100
        raise strerr.Fatal(f"unable to open {where}/supervise/ok") from exc
    return 0
