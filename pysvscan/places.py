"""Where in its pipe each log of a logger process stands: at the begin of a line, or within one.

A logger that is killed takes the begin of an unfinished line with it; the next one must not take
the rest for a line. So there is a byte for each log, in memory that svscan keeps and gives to one
logger process after the other: what is noted there costs no system call, and outlives a KILL.
"""

import mmap
import os

SIZE_BYTES = (
    1 << 20
)  # a byte for each number of a log; of these only the pages in use cost anything

TYPE_CHECKING = False
if TYPE_CHECKING:
    Memory = mmap.mmap | bytearray


def make() -> int:
    """Make the memory, all logs at the begin of a line; gives its descriptor.

    Raises:
        OSError: there is none to be had.
    """
    fd = os.memfd_create("places", os.MFD_CLOEXEC)
    try:
        os.truncate(fd, SIZE_BYTES)
    except OSError:
        os.close(fd)
        raise
    return fd


def take(fd: int) -> mmap.mmap:
    """Use the memory that svscan gave us; its descriptor is closed.

    Raises:
        OSError: it cannot be mapped.
    """
    try:
        return mmap.mmap(fd, SIZE_BYTES)
    finally:
        os.close(fd)


class Place:
    """The place of one log.

    Attributes:
        is_within: as the logger before us left it.
    """

    __slots__ = ("at", "is_within", "memory")

    def __init__(self, memory: "Memory", number: int) -> None:
        self.memory = memory
        self.at = number % SIZE_BYTES
        self.is_within = memory[self.at] == 1

    def note(self, is_within: bool) -> None:
        """Note where the log stands from now on; during a read it is within a line, who knows."""
        self.memory[self.at] = is_within
