"""svup [-lL] DIR: exit 0 where a service is up, 100 where it is not, or no supervise runs.

`-L` asks for the log process that daemontools-encore's supervise keeps beside the service, `-l` for
the service alone; else both have to be up. Source: daemontools-encore's manual, svup(8).
"""

import os

from pysvscan import sgetopt, strerr
from pysvscan.commands import svok
from pysvscan.core import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

USAGE = "svup [-lL] dir"


def main(argv: list[bytes], chain: "Chain") -> int:
    """Ask whether a supervise runs, and its status whether the service does."""
    try:
        options, words = sgetopt.parse(argv[1:], b"lL")
    except sgetopt.OptionError as exc:
        raise strerr.Usage(USAGE) from exc
    if not words:
        raise strerr.Usage(USAGE)
    if code := svok.main([b"svok", words[0]], chain):
        return code
    try:
        data = read(strerr.name(words[0]))
    except FileNotFoundError:
        return 100
    which = options[-1][0] if options else b""
    return 0 if is_up(data, which) else 100


def read(where: str) -> bytes:
    """Read the status of the service in the current directory.

    Raises:
        FileNotFoundError: there is none yet.
        strerr.Fatal: it cannot be read.
    """
    doing = f"unable to open {where}/supervise/status"
    try:
        fd = os.open(b"supervise/status", os.O_RDONLY | os.O_NONBLOCK)
        doing = f"unable to read {where}/supervise/status"
        data = os.read(fd, status.LONGEST)
        status.unpack(data)
    except FileNotFoundError:
        raise
    except (OSError, status.StatusError) as exc:
        raise strerr.Fatal(doing) from exc
    return data


def is_up(data: bytes, which: bytes) -> bool:
    """Say whether the service is up (-l), its log (-L), or both as far as there are two."""
    log = status.unpack_log(data)
    if which == b"L":
        return log is not None and log.is_up()
    return status.unpack(data).is_up() and (which == b"l" or log is None or log.is_up())
