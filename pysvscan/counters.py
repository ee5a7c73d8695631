"""SERVICE/log/supervise/counters: written in place by the logger, read by anybody.

The file is mapped: to count costs no system call. Its two slots are described in core/counters.py.
Whoever opens it for a logger under another account hands the descriptor over. Where the file system
takes a new block for an old one (btrfs) a full disk would end who writes to a map, by SIGBUS: there
each write is a system call.
"""

import contextlib
import functools
import mmap
import os

from pysvscan.core import counters
from pysvscan.core.counters import Counts
from pysvscan.files import BOTH, READ, check
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
        fd = os.open(path, BOTH | os.O_CREAT, 0o644, dir_fd=directory)
        try:
            check(fd)
        except OSError:
            os.close(fd)
            raise
    except OSError as exc:
        raise Fatal(f"unable to open {name(label)}") from exc
    return fd


class Counters:
    """The counters of one log, as its logger holds them.

    Attributes:
        counts: what was counted; changed by the caller, seen by others after `write`.
    """

    def __init__(self, fd: int, now_ns: int) -> None:
        """Take a file, and go on from what it holds; an empty or damaged one begins now.

        The caller keeps the descriptor and may close it.

        Raises:
            OSError: it cannot be read, written or mapped.
        """
        data = os.pread(fd, counters.BYTES, 0)
        # Written out whole: a hole in a mapped file would end the process on a full disk.
        os.pwrite(fd, data.ljust(counters.BYTES, b"\0"), 0)
        is_safe = is_overwritten_in_place(os.fstat(fd).st_dev)
        self.map = mmap.mmap(fd, counters.BYTES) if is_safe else None
        self.fd = -1 if is_safe else os.dup(fd)
        self.counts, self.number = Counts(now_ns), 0
        with contextlib.suppress(counters.CountersError):
            self.counts, self.number = counters.newest(data)
        self.write()

    def write(self) -> None:
        """Let others see the counts: 1 µs; once a read, not once a line."""
        self.number += 1
        data = counters.pack(self.counts, self.number)
        at = counters.offset(self.number)
        if self.map is not None:
            self.map[at : at + len(data)] = data
            return
        with contextlib.suppress(OSError):  # a full disk; the next write is as good
            os.pwrite(self.fd, data, at)

    def close(self) -> None:
        """Let go of the file, with all that was counted in it."""
        self.write()
        if self.map is not None:
            self.map.close()
        else:
            os.close(self.fd)


@functools.lru_cache(maxsize=64)
def is_overwritten_in_place(device: int) -> bool:
    """Say whether a file on this device may be written to through a map; see core."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            mounts = file.read()
    except OSError:
        return False
    number = b"%d:%d" % (os.major(device), os.minor(device))
    return counters.is_overwritten_in_place(mounts, number)


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
