"""Descriptor 0, read in chunks of 64 kB at most, by a process that must hear signals as well.

Who asks poll before each read never blocks in one, but pays for it where lines come singly. So
reads that cannot block are tried first, and what they bring is taken as one, unless the last try
found nothing there, or a lot. A file never lets one wait, nor does it lose what was read and not
yet written: there, a chunk is larger.
"""

import errno
import os
import stat

from pysvscan.core.selection import SHOWN_BYTES

READ_BYTES = 65536
FILE_BYTES = 8 * READ_BYTES
BEFORE_BYTES = SHOWN_BYTES  # of the buffer: for the line that is not finished
FEW_BYTES = 4096  # more than that is not worth another read
PATIENCE = 16  # so many reads ask first after a try that was not worth it
NEVER = -1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.hearing import Hearing


class Reader:
    """Descriptor 0.

    Attributes:
        is_file: it is a file.
        buffer: what `fill` has read, from BEFORE_BYTES on.
        asking: so many reads are not tried before poll was asked; NEVER: this descriptor, or this
            kernel, cannot say that there is nothing.
        is_ended: what was read last was its end.
    """

    def __init__(self, hearing: "Hearing") -> None:
        self.hearing = hearing
        self.is_file = stat.S_ISREG(os.fstat(0).st_mode)
        self.asking = PATIENCE if hasattr(os, "RWF_NOWAIT") else NEVER
        self.is_ended = False
        self.buffer = bytearray(BEFORE_BYTES + (FILE_BYTES if self.is_file else READ_BYTES))
        self.view = memoryview(self.buffer)[BEFORE_BYTES:]
        self.views = [self.view]

    def read_at_once(self) -> bytes | None:
        """Read what is there; None: ask poll, then read. b"": the end."""
        if self.is_file:
            return self.read(READ_BYTES)
        count = self.fill_at_once()
        return None if count is None else self.view[:count].tobytes()

    def read(self, count: int) -> bytes | None:
        """Read; None: nothing there after all. An error ends the input, as in C."""
        try:
            return os.read(0, count)
        except OSError as exc:
            return None if exc.errno in (errno.EAGAIN, errno.EINTR) else b""

    def fill_at_once(self) -> int | None:
        """Read what is there into the buffer; None: ask poll, then fill. 0: the end."""
        if self.is_file:
            return self.fill()
        if self.asking:
            self.asking -= self.asking != NEVER
            return None
        return 0 if self.is_ended else self.fill_together()

    def fill_together(self) -> int | None:
        """Read again and again until there is nothing, or it is enough, or a signal came."""
        views, size = self.views, 0
        try:
            while count := os.preadv(0, views, -1, os.RWF_NOWAIT):
                size += count
                if size > FEW_BYTES or self.hearing.is_called():
                    self.asking = PATIENCE if count > FEW_BYTES else 0
                    return size
                views = [self.view[size:]]
            self.is_ended = True
        except OSError as exc:
            self.ask(exc)
        return size if size or self.is_ended else None

    def ask(self, exc: OSError) -> None:
        """Ask poll before each read, for some reads or for good."""
        self.asking = PATIENCE if exc.errno in (errno.EAGAIN, errno.EINTR) else NEVER

    def fill(self) -> int | None:
        """Read into the buffer; None: nothing there after all."""
        try:
            return os.readv(0, self.views)
        except OSError as exc:
            return None if exc.errno in (errno.EAGAIN, errno.EINTR) else 0
