"""SERVICE/log/supervise/counters: written in place by the logger, read by anybody.

By pwrite, once a second at most: a map would need no system call, but costs a page of memory for
each log, and on btrfs a full disk would end the logger by SIGBUS. Of the two slots of the file see
core/counters.py. Whoever opens it for a logger under another account hands the descriptor over.
"""

import contextlib
import os

from pysvscan.core import counters
from pysvscan.core.counters import Counts
from pysvscan.ownfile import BOTH, READ, open_own
from pysvscan.strerr import Fatal, name

TRIES = 10  # who finds both slots half written was overtaken twice while it read


def open_file(directory: int, path: bytes, label: bytes) -> int:
    """Open a file of counters for its writer, made if need be; the caller's descriptor.

    Args:
        directory: descriptor of the directory that path is relative to.
        path: such as supervise/counters.
        label: the file's name in messages.

    Raises:
        Fatal: it cannot be had; logging does not depend on it.
    """
    try:
        return open_own(directory, path, BOTH | os.O_CREAT, 0o644)
    except OSError as exc:
        raise Fatal(f"unable to open {name(label)}") from exc


class Counters:
    """The counters of one log, as its logger holds them.

    Attributes:
        counts: what was counted; changed by the caller, seen by others after `write`.
    """

    def __init__(self, fd: int, now_ns: int) -> None:
        """Take a file, and go on from what it holds; an empty or damaged one begins now.

        The caller keeps the descriptor and may close it.

        Raises:
            OSError: it cannot be read or written.
        """
        data = os.pread(fd, counters.BYTES, 0)
        # Written out whole: later there may be no room for it.
        os.pwrite(fd, data.ljust(counters.BYTES, b"\0"), 0)
        self.fd = os.dup(fd)
        self.counts, self.number = Counts(now_ns), 0
        with contextlib.suppress(counters.CountersError):
            self.counts, self.number = counters.newest(data)
        self.write()

    def write(self) -> None:
        """Let others see the counts."""
        self.number += 1
        data = counters.pack(self.counts, self.number)
        with contextlib.suppress(OSError):  # a full disk; the next write is as good
            os.pwrite(self.fd, data, counters.offset(self.number))

    def close(self) -> None:
        """Let go of the file, with all that was counted in it."""
        self.write()
        os.close(self.fd)


def read(directory: int, path: bytes = b"supervise/counters") -> Counts:
    """Read what a log has counted, without asking its logger.

    Raises:
        FileNotFoundError: nothing was ever counted.
        OSError: it cannot be read.
        counters.CountersError: it is no such file.
    """
    fd = os.open(path, READ, dir_fd=directory)
    try:
        for _ in range(TRIES):
            with contextlib.suppress(counters.CountersError):
                return counters.newest(os.pread(fd, counters.BYTES, 0))[0]
        return counters.newest(os.pread(fd, counters.BYTES, 0))[0]
    finally:
        os.close(fd)
