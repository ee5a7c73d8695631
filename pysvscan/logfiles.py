"""The files of a log directory as one reads them: archives, oldest first, leftovers, `current`.

A reader has no lock: the log is rotated, compressed and pruned while it looks. So it looks until
nothing has changed meanwhile, and a file that is gone when it is opened is looked for under its
next name.
"""

import contextlib
import os
from bisect import bisect_left

from pysvscan.core import tai
from pysvscan.core.logline import HEX
from pysvscan.keeping import SUFFIXES
from pysvscan.logfile import READ, Damaged, Logfile
from pysvscan.strerr import Fatal, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
TRIES = 50
COMPLETE = 0o100  # in the mode of a file: its writer has ended it
LEFTOVERS = (b"previous", b"processed")
PACKED = tuple(SUFFIXES.values())


class Archive:
    """A file that is written no more.

    Attributes:
        name: of the file.
        after: no line in it is older, as far as names can tell.
        end: no line in it is younger; empty: nobody knows.
    """

    __slots__ = ("after", "end", "name")

    def __init__(self, name: bytes, after: bytes) -> None:
        self.name = name
        self.after = after
        self.end = name[: tai.LABEL_BYTES] if is_archive(name) else b""

    def is_torn_end(self) -> bool:
        """Say whether a last line without newline ends here: its logger was killed."""
        return self.name.endswith((b".u", *(b".u" + it for it in PACKED)))


class Logfiles:
    """One look at a log directory.

    Attributes:
        path: the directory, for messages.
        fd: its descriptor; the caller's.
        archives: complete files, oldest first, leftovers of a rotation last.
        current: the file being written; None: there is none just now, or it cannot be read.
        failure: why it cannot be read; None: it can.
        left: what a rotation left that is no archive yet, open; None: nothing.
        labels: the names of all archives, without what follows the label.
    """

    def __init__(self, path: bytes, fd: int) -> None:
        """Look.

        Raises:
            OSError: the directory cannot be read.
        """
        self.path = path
        self.fd = fd
        self.current: Logfile | None = None
        self.left: Logfile | None = None
        self.failure: Damaged | None = None
        names: list[bytes] = []
        left = b""
        for _ in range(TRIES):
            self.close()
            before = self.inode(b"current")
            self.open_current()
            names = self.names()
            left = self.open_left()
            if names == self.names() and before == self.inode(b"current"):
                break
        names = sorted(it for it in names if is_archive(it))
        self.archives = self.arrange(names, left)
        self.labels = {it.end for it in self.archives if it.end}

    def close(self) -> None:
        """Let go of all files."""
        for file in (self.current, self.left):
            if file:
                file.close()
        self.current = self.left = None

    def open_current(self) -> None:
        """Open the file being written."""
        label = self.path + b"/current"
        self.failure = None
        try:
            self.current = opened(os.open(b"current", READ, dir_fd=self.fd), label)
        except FileNotFoundError:
            pass
        except OSError as exc:
            self.failure = Damaged(f"unable to open {name(label)}")
            self.failure.__cause__ = exc
        except Damaged as exc:
            self.failure = exc

    def names(self) -> list[bytes]:
        """List what is there; equal lists say that nothing was rotated meanwhile."""
        return list(map(os.fsencode, os.listdir(self.fd)))

    def arrange(self, names: list[bytes], left: bytes) -> list[Archive]:
        """Put names in order; what is there twice counts once."""
        every = set(names)
        found: list[Archive] = []
        after = b""
        for one in names:
            if not (one.endswith(PACKED) and one.rpartition(b".")[0] in every):
                found.append(Archive(one, after))
                after = one[: tai.LABEL_BYTES]
        return [*found, Archive(left, after)] if left else found

    def open_left(self) -> bytes:
        """Open what a rotation left: `previous`, or, where that is gone, what was made of it.

        Returns:
            Its name; b"" where there is nothing, or where it has its archive's name, too.
        """
        for one in LEFTOVERS:
            with contextlib.suppress(OSError, Damaged):
                file = opened(os.open(one, READ, dir_fd=self.fd), self.path + b"/" + one)
                found = os.fstat(file.fd)
                if found.st_nlink == 1 and (one == b"previous" or found.st_mode & COMPLETE):
                    self.left = file
                    return one
                file.close()
        return b""

    def inode(self, file: bytes) -> tuple[int, int] | None:
        """Say which file a name is; None: none."""
        try:
            found = os.stat(file, dir_fd=self.fd)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def overlapping(self, since: bytes) -> int:
        """Say which is the first archive that may have lines not older than a label; by halves."""
        ends = [it.end for it in self.archives if it.end]
        return bisect_left(ends, since)

    def open(self, archive: Archive) -> Logfile | None:
        """Open an archive; None: it was deleted meanwhile.

        Raises:
            Damaged: it cannot be read.
        """
        if self.left and not archive.end:
            return opened(os.dup(self.left.fd), self.left.label)
        for one in (archive.name, *(archive.name + suffix for suffix in PACKED)):
            label = self.path + b"/" + one
            try:
                fd = os.open(one, READ, dir_fd=self.fd)
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise Damaged(f"unable to open {name(label)}") from exc
            return opened(fd, label)
        return None

    def last_end(self) -> bytes:
        """Say when the last archive ended, so that current began."""
        return (self.archives[-1].end or self.archives[-1].after) if self.archives else b""


def look(path: bytes) -> Logfiles:
    """Look at a log directory; its descriptor and its files are the caller's.

    Raises:
        Fatal: it cannot be read.
    """
    try:
        return Logfiles(path, os.open(path, DIRECTORY))
    except OSError as exc:
        raise Fatal(f"unable to read {name(path)}") from exc


@contextlib.contextmanager
def looking(path: bytes) -> "Iterator[Logfiles]":
    """Look at a log directory, and let go of it in the end."""
    files = look(path)
    try:
        yield files
    finally:
        files.close()
        os.close(files.fd)


def opened(fd: int, label: bytes) -> Logfile:
    """Take a descriptor for a file, or close it."""
    try:
        return Logfile(fd, label)
    except Damaged:
        os.close(fd)
        raise


def is_archive(file: bytes) -> bool:
    """Say whether a name is `@`, 24 hex digits, and more or nothing."""
    label = file[: tai.LABEL_BYTES]
    return (
        file[:1] == b"@"
        and len(label) == tai.LABEL_BYTES
        and not label[1:].translate(None, HEX)
        and not file.endswith((b".new", b".tmp"))
    )


def inode_of(fd: int) -> tuple[int, int]:
    """Say which file is open."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
