"""Ends the service of a directory that is listed no more: service, log, and what is in the pipe.

Told by the control FIFOs, as by svc, one step after the other; asked again and again by whoever
waits, so that many end at the same time. Nothing is asked of svscan but what C's does as well.
"""

import contextlib
import os
import stat

from pysvscan.core import identity
from pysvscan.core.identity import IdentityError
from pysvscan.instancedir import DIRECTORY, READ
from pysvscan.pidfd import Kernel
from pysvscan.unread import unread

WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Removal:
    """The end of one service.

    Attributes:
        fd: the service directory's descriptor; the caller's.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.is_told = self.is_drained = self.is_log_told = False

    def is_over(self) -> bool:
        """Say whether nothing is left to do."""
        return not is_supervised(self.fd, b".") and not is_supervised(self.fd, b"log")

    def is_done(self) -> bool:
        """Take the next step if it can be taken; say whether nothing is left to do."""
        if is_supervised(self.fd, b"."):
            if not self.is_told:
                self.is_told = tell(self.fd, b".", b"dx")
            return False
        if not is_supervised(self.fd, b"log"):
            return True
        if not self.is_drained:
            self.drain()
        elif not self.is_log_told:
            self.is_log_told = tell(
                self.fd, b"log", b"xtc"
            )  # a built-in one heeds no x, and ends by itself
        return False

    def drain(self) -> None:
        """Have the log read what is in the pipe: once more, should it be down or paused."""
        if not self.is_log_told:
            self.is_log_told = tell(self.fd, b"log", b"oc")
        if unread(self.fd) == 0:
            self.is_drained, self.is_log_told = True, False


def is_supervised(directory: int, part: bytes) -> bool:
    """Say what svok says of a directory or its log."""
    fd = open_fifo(directory, part, b"ok")
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def tell(directory: int, part: bytes, letters: bytes) -> bool:
    """Send control bytes; False: nobody hears them."""
    fd = open_fifo(directory, part, b"control")
    if fd < 0:
        return False
    try:
        return os.write(fd, letters) == len(letters)
    except OSError:
        return False
    finally:
        os.close(fd)


def open_fifo(directory: int, part: bytes, base: bytes) -> int:
    """Open a FIFO of `supervise` for writing; -1: it has no reader, or something else is there."""
    with contextlib.ExitStack() as held, contextlib.suppress(OSError):
        here = directory
        for step in (part, b"supervise"):
            here = os.open(step, DIRECTORY, dir_fd=here)
            held.callback(os.close, here)
        fd = os.open(base, WRITE, dir_fd=here)
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
    return -1


def is_running(directory: int, kernel: Kernel) -> bool:
    """Say whether the process that a svscan recorded here lives, be that svscan dead."""
    try:
        fd = os.open(b"supervise/child", READ, dir_fd=directory)
        with open(fd, "rb", buffering=0) as file:
            recorded = identity.unpack(file.read(identity.BYTES))
        lock = os.stat(b"supervise/lock", dir_fd=directory, follow_symlinks=False)
        found = kernel.identify(recorded.pid)
    except (OSError, IdentityError, OverflowError):
        return False
    found.device, found.inode = lock.st_dev, lock.st_ino
    return identity.is_same(recorded, found)
