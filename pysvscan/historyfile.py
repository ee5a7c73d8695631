"""The file `supervise/history` of one service, written in place; see core/history.py.

It is for whoever looks later. Where it cannot be written nothing is said: nothing depends on it.
"""

import contextlib
import os
import time

from pysvscan import strerr
from pysvscan.core import history
from pysvscan.core.history import End
from pysvscan.files import BOTH, READ, check

PATH = b"supervise/history"


class HistoryFile:
    """What one service has gone through, and the file that says so."""

    def __init__(self, directory: int) -> None:
        self.directory = directory
        self.history = history.History()

    def load(self) -> None:
        """Go on with what a predecessor wrote, if that can be read."""
        with contextlib.suppress(OSError, history.HistoryError):
            self.history = history.unpack(read(self.directory))

    def ended(self, since_ns: int, wstatus: int | None) -> None:
        """Write down that the process ended; None: nobody can know how."""
        now_ns = time.time_ns()
        self.history.ended(End(now_ns, max(0, now_ns - since_ns), wstatus))
        self.write()

    def failed(self, message: str, cause: BaseException | None) -> None:
        """Write down that the service could not be started."""
        reason = f": {strerr.reason(cause)}" if cause is not None else ""
        self.history.failed(time.time_ns(), os.fsencode(message + reason))
        self.write()

    def retried_in(self, delay_ns: int) -> None:
        """Write down when it is tried again."""
        self.history.next_ns = time.time_ns() + delay_ns
        self.write()

    def write(self) -> None:
        """Write the record over the last one."""
        with contextlib.suppress(OSError):
            fd = os.open(PATH, BOTH | os.O_CREAT, 0o644, dir_fd=self.directory)
            try:
                check(fd)
                os.pwrite(fd, history.pack(self.history), 0)
            finally:
                os.close(fd)


def read(directory: int) -> bytes:
    """Read the record of a service directory.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    fd = os.open(PATH, READ, dir_fd=directory)
    try:
        return os.read(fd, history.BYTES)
    finally:
        os.close(fd)
