"""The archives of a log directory: how a file becomes one, and which of them go.

Source: daemontools 0.76 multilog.c finish(), filesfit().
"""

import os
import time

from pysvscan.core import tai
from pysvscan.core.suffix import FINISHED, TORN
from pysvscan.keeping import SUFFIXES
from pysvscan.logdir import CLEAN
from pysvscan.stuck import pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logdir import Logdir
    from pysvscan.strand import Step

COMPRESSED = tuple(SUFFIXES.values())
FLOOR = 2  # so many archives stay whatever their age, and however full the disk


class Archives:
    """The archives of one directory.

    Attributes:
        count: of all files, current included.
        max_age_ns: older ones go, one at a time; None: age does not matter.
        suffix: of the names of those that were finished in order.
        newest_ns: the latest name's moment; None: not yet looked for.
    """

    def __init__(
        self,
        directory: "Logdir",
        count: int,
        max_age_ns: int | None,
        suffix: bytes = FINISHED,
    ) -> None:
        self.directory = directory
        self.count = count
        self.max_age_ns = max_age_ns
        self.suffix = suffix
        self.newest_ns: int | None = None

    def names(self) -> list[bytes]:
        """List them, oldest first: whatever is named `@` and 24 bytes or more.

        One that was compressed, and is still there, is not counted besides its successor.
        """
        names = self.directory.names()
        found = [name for name in names if name[:1] == b"@" and len(name) >= tai.LABEL_BYTES]
        if has_compressed(found):
            every = set(found)
            found = [name for name in found if every.isdisjoint(successors(name))]
        return sorted(found)

    def add(self, name: bytes, suffix: bytes) -> "list[Step]":
        """Give a file its archive name, unless that happened before a crash."""
        found = self.directory.stat(name)
        if not found:
            return []
        is_nothing = suffix == TORN and found.st_size == 0
        if found.st_nlink == 1 and not is_nothing:
            self.link(name, suffix)
        return [lambda: self.remove(name), self.prune]

    def link(self, name: bytes, suffix: bytes) -> None:
        """Link a file to a new archive name, later than all there are.

        Archives are deleted by name, oldest first: a clock that was set back must not make the
        newest file the next to go.
        """
        if self.newest_ns is None:
            self.newest_ns = max(map(moment, self.names()), default=0)
        now_ns = max(time.time_ns(), self.newest_ns + 1)
        target = tai.label(now_ns) + suffix
        fd = self.directory.fd
        with pausing("unable to link to {}/{}", self.directory.path, target):
            os.link(name, target, src_dir_fd=fd, dst_dir_fd=fd)
        self.newest_ns = now_ns

    def remove(self, name: bytes) -> "list[Step]":
        """Remove one name."""
        self.directory.unlink(name)
        return []

    def remove_replaced(self) -> "list[Step]":
        """Remove those of which a compressed one is complete: a crash came in between."""
        names = set(self.directory.names())
        for name in names:
            for successor in names.intersection(successors(name)):
                found = self.directory.stat(successor)
                if found and found.st_mode & CLEAN:
                    self.directory.unlink(name)
        return []

    def prune(self) -> "list[Step]":
        """Remove the oldest archives until there are less than count, and perhaps an aged one."""
        names = self.names()
        excess = max(0, len(names) - self.count + 1)
        rest = names[excess:]
        if len(rest) > FLOOR and self.is_aged(rest[0]):
            excess += 1
        for name in names[:excess]:
            self.directory.unlink(name)
        return []

    def is_aged(self, name: bytes) -> bool:
        """Say whether an archive is older than wanted; what has no legal name has no age."""
        if self.max_age_ns is None:
            return False
        then_ns = moment(name)
        return bool(then_ns) and then_ns < time.time_ns() - self.max_age_ns

    def drop_oldest(self) -> bool:
        """Make room on a full disk; says whether there was an archive to spare."""
        names = self.names()
        if len(names) <= FLOOR:
            return False
        self.directory.unlink(names[0])
        return True


def has_compressed(names: list[bytes]) -> bool:
    """Say whether any of them is compressed; to look into all at once is several times cheaper."""
    every = b"".join(names)
    return any([suffix in every for suffix in COMPRESSED])  # noqa: C419 (half the time)


def successors(name: bytes) -> list[bytes]:
    """List what an archive is named when it is compressed."""
    return [name + suffix for suffix in SUFFIXES.values()]


def moment(name: bytes) -> int:
    """Decode an archive's name; one that is no label of a legal moment is as old as can be."""
    label = name[: tai.LABEL_BYTES]
    try:
        moment_ns = tai.unpack(bytes.fromhex(label[1:].decode()))
    except ValueError:
        return 0
    return moment_ns if label < b"@8" and tai.label(moment_ns) == label else 0
