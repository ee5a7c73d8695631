"""Descriptor 0, read in chunks of 64 kB at most, by a process that must hear signals as well.

Who asks poll before each read never blocks in one, but pays for it where lines come singly. So a
read that cannot block is tried first, unless the last try found nothing there, or a lot.
"""

import errno
import os

READ_BYTES = 65536
FEW_BYTES = 4096  # more than that is not worth a second copy
PATIENCE = 16  # so many reads ask first after a try that was not worth it
NEVER = -1


class Reader:
    """Descriptor 0.

    Attributes:
        asking: so many reads are not tried before poll was asked; NEVER: this descriptor, or this
            kernel, cannot say that there is nothing.
    """

    def __init__(self) -> None:
        self.asking = PATIENCE if hasattr(os, "RWF_NOWAIT") else NEVER
        self.view = memoryview(bytearray(READ_BYTES))
        self.views = [self.view]

    def read_at_once(self) -> bytes | None:
        """Read what is there; None: ask poll, then read. b"": the end."""
        if self.asking:
            self.asking -= self.asking != NEVER
            return None
        try:
            count = os.preadv(0, self.views, -1, os.RWF_NOWAIT)
        except OSError as exc:
            self.asking = PATIENCE if exc.errno in (errno.EAGAIN, errno.EINTR) else NEVER
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
