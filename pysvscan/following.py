"""svlog -f: what is added to a log, from where a reader stopped, over rotations by anybody.

`current` stays open while it is renamed: it is read to its end, then come the archives made since,
then the new `current`. Which archive the old one became is found by its inode, or, where it was
compressed or processed meanwhile, by its content: nothing is missed, and nothing read twice.
"""

import contextlib
import os

from pysvscan.core.logline import Stamps
from pysvscan.logfile import BLOCK_BYTES, Damaged, Logfile
from pysvscan.logfiles import DIRECTORY, Archive, Logfiles, inode_of
from pysvscan.logreader import Logreader, Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logreader import Entry, Match


class Follower:
    """Follows one log.

    Attributes:
        reader: what has read the log so far; it keeps an unfinished line.
        current: the file being read on; None: there was none at the last look.
        offset: up to where.
        read: files read to their end that had no archive's name when we looked last, oldest first.
    """

    def __init__(self, reader: Logreader, match: "Match | None") -> None:
        self.reader = reader
        self.window = Window(match=match)
        self.current = reader.files.current
        self.offset = self.current.size_bytes if self.current else 0
        left = reader.files.left
        self.read: list[Logfile] = [duplicate(left)] if left else []

    def close(self) -> None:
        """Let go of all files."""
        self.forget()
        if self.current:
            self.current.close()
        self.reader.files.current = None
        self.reader.files.close()
        os.close(self.reader.files.fd)

    def poll(self) -> "list[Entry]":
        """Read what has come."""
        found = self.read_on()
        if self.is_replaced():
            return [*found, *self.begin_anew()]
        files = self.reader.files
        ours = inode_of(self.current.fd) if self.current else None
        if files.inode(b"current") == ours:
            return found
        return [*found, *self.read_on(), *self.look()]

    def read_on(self) -> "list[Entry]":
        """Read the open file to its end."""
        found: list[Entry] = []
        while self.current:
            try:
                if os.fstat(self.current.fd).st_size < self.offset:
                    self.offset = 0  # somebody has emptied it
                data = os.pread(self.current.fd, BLOCK_BYTES, self.offset)
            except OSError:
                break
            if not data:
                break
            self.offset += len(data)
            found += self.lines(data)
        return found

    def lines(self, data: bytes) -> "list[Entry]":
        """Cut what was read into lines."""
        return list(self.reader.select(self.reader.cut(data), self.window))

    def look(self) -> "list[Entry]":
        """Look at the directory: there was a rotation, or more than one."""
        before = self.reader.files
        try:
            files = Logfiles(before.path, before.fd)
        except OSError:
            return []  # at the next poll
        if self.current and self.offset:  # of an empty one nothing comes again, nor any archive
            self.read.append(self.current)
            before.current = None
        before.close()
        self.reader.files = files
        self.current, self.offset = files.current, 0
        found: list[Entry] = []
        for number, archive in enumerate(files.archives):
            if archive.end not in before.labels:
                found += self.take(number, archive)
        if not files.left:
            self.forget()
        return [*found, *self.read_on()]

    def take(self, number: int, archive: Archive) -> "list[Entry]":
        """Read an archive that is new, unless we have read it under another name."""
        file = self.reader.open(number)
        if not file:
            return []
        try:
            ours = self.find_read(file)
            if not ours:
                if not archive.end:
                    self.read.append(duplicate(file))
                return list(self.reader.of_file(file, number, 0, self.window))
            if archive.end:
                self.read.remove(ours)
                ours.close()
            return self.reader.rest(self.window) if archive.is_torn_end() else []
        finally:
            file.close()

    def find_read(self, file: Logfile) -> Logfile | None:
        """Find a file read before that an archive is, or was made of.

        A processor may leave anything of a file, which has no name then: where no content is the
        same, the archive is of the oldest such file if its first stamp says so, or it has none.
        """
        for ours in self.read:
            if inode_of(ours.fd) == inode_of(file.fd):
                return ours
        nameless = [ours for ours in self.read if not os.fstat(ours.fd).st_nlink]
        if not nameless:
            return None
        try:
            text = next(file.blocks(), b"")
        except Damaged:
            return nameless[0]
        copied = next((ours for ours in nameless if begins_alike(ours, text)), None)
        return copied or (nameless[0] if self.is_old(text) else None)

    def is_old(self, text: bytes) -> bool:
        """Say whether a text begins not after what we have read last, or with no stamp at all."""
        split = Stamps(self.reader.zone).split
        first = next((it for it, _ in map(split, text.split(b"\n")) if it), b"")
        return not first or first <= self.reader.order

    def forget(self) -> None:
        """Let go of files that have got a name, or were deleted before they had one."""
        for ours in self.read:
            ours.close()
        self.read.clear()

    def is_replaced(self) -> bool:
        """Say whether another directory has taken the place of ours."""
        files = self.reader.files
        try:
            found = os.stat(files.path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) != inode_of(files.fd)

    def begin_anew(self) -> "list[Entry]":
        """Go on in another directory."""
        with contextlib.suppress(OSError):
            fd = os.open(self.reader.files.path, DIRECTORY)
            os.dup2(fd, self.reader.files.fd, inheritable=False)
            os.close(fd)
            self.reader.files.labels.clear()
            return self.look()
        return []


def duplicate(file: Logfile) -> Logfile:
    """Open a file once more."""
    return Logfile(os.dup(file.fd), file.label)


def begins_alike(ours: Logfile, text: bytes) -> bool:
    """Say whether a file has the same begin as a text, as far as both go."""
    begin = os.pread(ours.fd, len(text), 0)
    size = min(len(text), len(begin))
    return size > 0 and text[:size] == begin[:size]
