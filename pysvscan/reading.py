"""Descriptor 0, read in chunks of 64 kB at most, by a process that must hear signals as well.

Who asks poll before each read never blocks in one, but pays for it where lines come singly. So a
read that cannot block is tried first, unless the last try found nothing there, or a lot. A file
never lets one wait, nor does it lose what was read and not yet written: there, a chunk is larger.
"""

import errno
import os
import stat

from pysvscan.core.selection import SHOWN_BYTES

READ_BYTES = 65536
FILE_BYTES = 4 * READ_BYTES
BEFORE_BYTES = SHOWN_BYTES  # of the buffer: for the line that is not finished
FEW_BYTES = 4096  # more than that is not worth a second copy
PATIENCE = 16  # so many reads ask first after a try that was not worth it
NEVER = -1


class Reader:
    """Descriptor 0.

    Attributes:
        is_file: it is a file.
        buffer: what `fill` has read, from BEFORE_BYTES on.
        asking: so many reads are not tried before poll was asked; NEVER: this descriptor, or this
            kernel, cannot say that there is nothing.
    """

    def __init__(self) -> None:
        self.is_file = stat.S_ISREG(os.fstat(0).st_mode)
        self.asking = PATIENCE if hasattr(os, "RWF_NOWAIT") else NEVER
        self.buffer = bytearray(BEFORE_BYTES + (FILE_BYTES if self.is_file else READ_BYTES))
        self.view = memoryview(self.buffer)[BEFORE_BYTES:]
        self.views = [self.view]

    def read_at_once(self) -> bytes | None:
        """Read what is there; None: ask poll, then read. b"": the end."""
        if self.is_file:
            return self.read(READ_BYTES)
        count = self.fill_at_once()
        if count is None:
            return None
        if count > FEW_BYTES:
            self.asking = PATIENCE
        return bytes(self.view[:count])

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
        try:
            return os.preadv(0, self.views, -1, os.RWF_NOWAIT)
        except OSError as exc:
            self.asking = PATIENCE if exc.errno in (errno.EAGAIN, errno.EINTR) else NEVER
            return None

    def fill(self) -> int | None:
        """Read into the buffer; None: nothing there after all."""
        try:
            return os.readv(0, self.views)
        except OSError as exc:
            return None if exc.errno in (errno.EAGAIN, errno.EINTR) else 0
