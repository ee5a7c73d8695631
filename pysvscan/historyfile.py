"""The file `supervise/history` of one service, written in place; see core/history.py.

It is for whoever looks later, and for the next supervisor, which goes on with the back-off. Where
it cannot be written nothing is said: then that one begins afresh.
"""

import contextlib
import os
import time

from pysvscan import ownfile, strerr
from pysvscan.core import history
from pysvscan.core.history import End
from pysvscan.ownfile import BOTH, open_own

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
        """Write down that the process ended; None: nobody knows how."""
        now_ns = time.time_ns()
        self.history.ended(End(now_ns, max(0, now_ns - since_ns), wstatus))
        self.write()

    def known(self, end: End, wstatus: int) -> None:
        """Write down how an end that is recorded came about."""
        end.wstatus = wstatus
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

    def gave_up(self) -> None:
        """Write down that it is not tried again."""
        self.history.backoff.gave_up_ns = time.time_ns()
        self.write()

    def forget(self) -> None:
        """Write down that back-off begins afresh, if it does not anyway."""
        backoff = self.history.backoff
        if backoff.young or backoff.gave_up_ns:
            backoff.forget()
            self.history.next_ns = 0
            self.write()

    def started_ns(self) -> int:
        """Say when it was started last, by the wall clock; 0: nobody knows."""
        it = self.history
        started_ns = it.ends[0].at_ns - it.ends[0].ran_ns if it.ends else 0
        return max(started_ns, it.failed_ns)

    def write(self) -> None:
        """Write the record over the last one."""
        try:
            fd = open_own(self.directory, PATH, BOTH | os.O_CREAT, 0o644)
        except OSError:
            return
        try:
            os.pwrite(fd, history.pack(self.history), 0)
        except OSError:
            pass
        finally:
            os.close(fd)


def read(directory: int) -> bytes:
    """Read the record of a service directory.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    return ownfile.read(directory, PATH, history.BYTES)
