"""`.svscan/loggers`: which logger processes svscan has, for the next svscan to ask them to end.

Records like `supervise/child`, written in place, so that it works on a full disk.
"""

import os
import stat

from pysvscan.core import identity
from pysvscan.core.identity import Identity
from pysvscan.ownfile import READ, WRITE, author, open_own

PATH = b".svscan/loggers"
PAGE = 4096


class Register:
    """The loggers of one scan directory.

    Attributes:
        directory: the scan directory's descriptor.
        known: who is recorded.
    """

    def __init__(self, directory: int) -> None:
        self.directory = directory
        self.known: list[Identity] = []

    def own(self, process: Identity) -> Identity:
        """Tie an identity to this scan directory: a copy of it must not claim our logger."""
        found = os.fstat(self.directory)
        process.device, process.inode = found.st_dev, found.st_ino
        return process

    def add(self, process: Identity) -> bool:
        """Record a logger; False: it cannot be, and the next svscan would not find it."""
        self.known.append(self.own(process))
        return self.write()

    def remove(self, pid: int) -> None:
        """Forget a logger that is dead."""
        self.known = [process for process in self.known if process.pid != pid]
        self.write()

    def read(self) -> list[Identity]:
        """Read who was recorded by the svscan before us; what others may write is not believed."""
        try:
            fd = os.open(PATH, READ, dir_fd=self.directory)
        except OSError:
            return []
        try:
            if author(fd) not in (0, os.geteuid()) or not stat.S_ISREG(os.fstat(fd).st_mode):
                return []
            return unpack(os.read(fd, 16 * PAGE))
        except OSError:
            return []
        finally:
            os.close(fd)

    def write(self) -> bool:
        """Write down all that are known; what is left of a page is blank."""
        data = b"".join(identity.pack(process) for process in self.known)
        data = data.ljust(-(-max(len(data), 1) // PAGE) * PAGE)
        try:
            fd = open_own(self.directory, PATH, WRITE | os.O_CREAT, 0o600)
            try:
                os.pwrite(fd, data, 0)
                os.ftruncate(fd, len(data))
            finally:
                os.close(fd)
        except OSError:
            return False
        return True


def unpack(data: bytes) -> list[Identity]:
    """Decode what is no blank."""
    found = []
    for at in range(0, len(data), identity.BYTES):
        try:
            found.append(identity.unpack(data[at : at + identity.BYTES]))
        except identity.IdentityError:
            break
    return found
