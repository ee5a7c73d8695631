"""Where in its pipe each log of a logger process stands: at the begin of a line, or within one.

A logger that is killed takes the begin of an unfinished line with it; the next one must not take
the rest for a line. So there is a byte for each log, in memory that svscan keeps and gives to one
logger process after the other: what is noted there costs no system call, and outlives a KILL.

A logger that is exchanged for another leaves the begin of an unfinished line there as well, so that
the line stays one.
"""

import mmap
import os
import struct

SIZE_BYTES = (
    1 << 20
)  # a byte for each number of a log; of these only the pages in use cost anything
SLOTS = 8192  # for lines that are left: by the number's rest
SLOT = struct.Struct("=IH1018s")  # number + 1 (0: nothing is left), length, line
ALL_BYTES = SIZE_BYTES + SLOTS * SLOT.size

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
        os.truncate(fd, ALL_BYTES)
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
        return mmap.mmap(fd, ALL_BYTES)
    finally:
        os.close(fd)


class Place:
    """The place of one log.

    Attributes:
        is_left: a line was left; what comes now is the next logger's to note.
    """

    __slots__ = ("at", "is_left", "memory", "number", "slot")

    def __init__(self, memory: "Memory", number: int) -> None:
        self.memory = memory
        self.number = number
        self.at = number % SIZE_BYTES
        self.slot = SIZE_BYTES + number % SLOTS * SLOT.size
        self.is_left = False

    def is_within(self) -> bool:
        """Say whether the logger before us left it within a line."""
        return self.memory[self.at] == 1

    def note(self, is_within: bool) -> None:
        """Note where the log stands from now on; during a read it is within a line, who knows."""
        if not self.is_left:
            self.memory[self.at] = is_within

    def leave(self, line: bytes) -> bool:
        """Leave the begin of a line to the logger after us; False: there is no room for it."""
        owner, _, _ = SLOT.unpack_from(self.memory, self.slot)
        if owner not in (0, self.number + 1) or len(line) > 1018:
            return False
        SLOT.pack_into(self.memory, self.slot, self.number + 1, len(line), line)
        self.note(False)
        self.is_left = True
        return True

    def left(self) -> bytes:
        """Take the begin of a line that the logger before us left; empty if there is none."""
        owner, size, line = SLOT.unpack_from(self.memory, self.slot)
        if owner != self.number + 1:
            return b""
        self.note(True)  # were we killed from now on, it is lost
        SLOT.pack_into(self.memory, self.slot, 0, 0, b"")
        return bytes(line[:size])
