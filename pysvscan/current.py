"""The file `current` of a log directory: what is written, up to where, and the way to `previous`.

Source: daemontools 0.76 multilog.c fullcurrent(), c_write().
"""

import os

from pysvscan.stuck import dying, ignoring, pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logdir import Logdir
    from pysvscan.strand import Step, Strand

NEWLINE = 10
MARGIN_BYTES = 2000  # a file this close to its size, and at the end of a line, is full


class Current:
    """The file that is written to.

    Attributes:
        fd: -1 means not open.
        bytes: in it.
        is_line_start: what was written last, to this file or the one before, is a newline.
    """

    def __init__(self, directory: "Logdir", size_bytes: int, strand: "Strand") -> None:
        self.directory = directory
        self.size_bytes = size_bytes
        self.strand = strand
        self.file = directory.file(b"current")
        self.fd = -1
        self.bytes = 0
        self.is_line_start = True

    def open(self, unable: str) -> "list[Step]":
        """Open it at the start: no multilog without it."""
        with dying(f"{unable} {self.file}"):
            self.fd = self.directory.open_new(b"current", os.O_APPEND, 0o600)
            self.bytes = os.fstat(self.fd).st_size
        with dying(f"unable to set mode of {self.file}"):
            os.fchmod(self.fd, 0o644)
        return []

    def is_removed(self) -> bool:
        """Say whether the file has no name any more: what is written to it, nobody reads."""
        return os.fstat(self.fd).st_nlink == 0

    def room(self) -> int:
        """Say how many bytes it can still take."""
        return self.size_bytes - self.bytes

    def write(self, text: "bytes | memoryview", at: int) -> int:
        """Write once, never beyond the size, and to the end of a line if the file gets full.

        Returns:
            How many bytes of the text, from `at` on, are written.
        """
        end = min(len(text), at + self.room())
        if self.bytes + end - at >= self.size_bytes - MARGIN_BYTES:
            # A newline before that would not fill the file: the rest need not be looked at.
            tail = bytes(text[max(at, end - MARGIN_BYTES) : end])
            end -= len(tail) - (tail.rfind(b"\n") + 1 or len(tail))
        with pausing(f"unable to write to {self.file}"):
            count = os.write(self.fd, memoryview(text)[at:end])
        self.bytes += count
        self.is_line_start = text[at + count - 1] == NEWLINE
        return count

    def add(self, text: "bytes | memoryview") -> int:
        """Write complete lines if the file takes them all and is not full then.

        Returns:
            How many bytes are written. Why not all, write() will find out.
        """
        size = len(text)
        if self.bytes + size >= self.size_bytes - MARGIN_BYTES or text[-1] != NEWLINE:
            return 0
        try:
            count = os.write(self.fd, text)
        except OSError:
            return 0
        self.bytes += count
        self.is_line_start = count == size or text[count - 1] == NEWLINE
        return count

    def is_full(self) -> bool:
        """Say whether it is time for the next one."""
        return self.is_line_start and self.bytes >= self.size_bytes - MARGIN_BYTES

    def sync(self) -> "list[Step]":
        """Bring it to the disk."""
        return self.strand.sync(self.fd, self.file, self.sync)

    def mode_clean(self) -> "list[Step]":
        """Mark it as complete."""
        with pausing(f"unable to set mode of {self.file}"):
            os.fchmod(self.fd, 0o744)
        return []

    def rotation(self) -> "list[Step]":
        """List the steps that make it previous, and begin a new one."""
        return [self.sync, self.rename, self.create, self.mode_live, self.mode_previous]

    def rename(self) -> "list[Step]":
        """Make it previous."""
        self.directory.rename(b"current", b"previous")
        self.close()
        return []

    def create(self) -> "list[Step]":
        """Begin a new one."""
        with pausing(f"unable to create {self.file}"):
            self.fd = self.directory.open_new(b"current", os.O_APPEND, 0o600)
        self.bytes = 0
        return []

    def mode_live(self) -> "list[Step]":
        """Mark it as being written."""
        with pausing(f"unable to set mode of {self.file}"):
            os.fchmod(self.fd, 0o644)
        return []

    def mode_previous(self) -> "list[Step]":
        """Mark previous as complete."""
        self.directory.chmod(b"previous", 0o744)
        return []

    def close(self) -> None:
        """Let go of it: it is on the disk, or given up."""
        if self.fd >= 0:
            with ignoring():
                os.close(self.fd)
        self.fd = -1
