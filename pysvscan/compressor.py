"""Compresses the archives of a log directory, one after the other, while the log goes on.

`@….s` is read by a child that writes `newstate`: a name that C multilog removes after a crash, and
so do we; it has no other use, for a log with a processor is not compressed. On the disk, and marked
as complete, it becomes `@….s.gz`, and `@….s` goes. After a crash in between, both are there: the
next owner removes the older one. Only this process renames and unlinks, never the child.
"""

import contextlib
import os
import sys
from _signal import SIGKILL

from pysvscan.child import READ, WRITE, Program
from pysvscan.core import tai
from pysvscan.core.suffix import FINISHED, TORN
from pysvscan.keeping import MISSING, SUFFIXES
from pysvscan.stuck import Left, Stuck, pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.archives import Archives
    from pysvscan.logdir import Logdir
    from pysvscan.pathexec import Chain
    from pysvscan.strand import Step, Strand
    from pysvscan.sync import Job


class Compressor:
    """The compressor of one directory, with a strand of its own: the log does not wait for it.

    What fails is said, and left until the next rotation: nothing is lost by it.
    """

    def __init__(self, archives: "Archives", method: str, chain: "Chain", strand: "Strand") -> None:
        self.directory: Logdir = archives.directory
        self.archives = archives
        self.method = method
        self.chain = chain
        self.strand = strand
        self.turn: Job | None = None
        self.at_hand = b""
        self.failed: set[bytes] = set()
        self.replaced = b""  # its successor is in place
        self.is_ended = False

    def look(self) -> "list[Step]":
        """Look for work, unless it is at work; a step of the log."""
        if not self.strand.steps and not self.is_ended:
            self.strand.steps = [self.archives.remove_replaced, self.choose]
        return []

    def is_busy(self) -> bool:
        """Say whether there is anything left to do."""
        return bool(self.strand.steps)

    def advance(self) -> None:
        """Do all that can be done now.

        Raises:
            Left: a step failed. It will be tried again after the next rotation.
        """
        try:
            while self.strand.steps and not self.strand.is_waiting():
                self.strand.step()
        except Stuck as exc:
            self.failed.add(self.at_hand)
            self.stop()
            raise Left(str(exc).replace(", pausing", ", leaving it")) from exc.__cause__

    def choose(self) -> "list[Step]":
        """Take the oldest archive that is not compressed, and wait for a turn.

        What failed is taken last: one that cannot be read must not keep all others as they are.
        """
        plain = list(filter(self.is_plain, self.archives.names()))
        if not plain:
            return []
        self.failed.intersection_update(plain)
        name = self.at_hand = next((it for it in plain if it not in self.failed), plain[0])
        if self.strand.syncer:
            self.turn = self.strand.job = self.strand.syncer.turns.take(self.strand.owner)
        return [lambda: self.start(name)]

    def is_plain(self, name: bytes) -> bool:
        """Say whether an archive is not compressed, and one of this log's: not somebody else's."""
        return name[tai.LABEL_BYTES :] in (self.archives.suffix, FINISHED, TORN)

    def start(self, name: bytes) -> "list[Step]":
        """Start the child; the caller reaps it and calls reaped()."""
        argv = [os.fsencode(sys.executable), b"-I", b"-m", b"pysvscan.compress"]
        files = ((0, name, READ), (1, b"newstate", WRITE))
        program = Program(argv[0], [*argv, self.method.encode()], files)
        self.directory.unlink(b"newstate")  # somebody's child may still have the last one open
        with pausing(f"unable to start compressor in {self.directory.name}"):
            self.strand.pid = program.start(self.directory, self.chain)
        return [lambda: self.judge(name)]

    def judge(self, name: bytes) -> "list[Step]":
        """Go on after a child that succeeded."""
        self.end_turn()
        if self.strand.wstatus:
            unable = f"unable to compress archives in {self.directory.name}, leaving them"
            raise Stuck(unable) from reason(self.strand.wstatus)
        return [self.seal, lambda: self.place(name)]

    def seal(self) -> "list[Step]":
        """Mark what the child wrote as complete, and bring it to the disk."""
        file = self.directory.file(b"newstate")
        with pausing(f"unable to open {file}"):
            fd = os.open(b"newstate", os.O_WRONLY, dir_fd=self.directory.fd)
        try:
            with pausing(f"unable to set mode of {file}"):
                os.fchmod(fd, 0o744)
            return self.strand.sync(fd, file, self.seal)
        finally:
            os.close(fd)

    def place(self, name: bytes) -> "list[Step]":
        """Let the compressed file take its place, unless the archive was removed meanwhile."""
        if not self.directory.stat(name):
            return [lambda: self.archives.remove(b"newstate"), self.choose]
        self.directory.rename(b"newstate", name + SUFFIXES[self.method])
        self.replaced = name
        return [self.sync_directory, self.remove_replaced, self.choose]

    def sync_directory(self) -> "list[Step]":
        """Bring the new name to the disk before the old one goes."""
        return self.strand.sync(self.directory.fd, self.directory.name, self.sync_directory)

    def remove_replaced(self) -> "list[Step]":
        """Remove what was compressed."""
        self.directory.unlink(self.replaced)
        self.replaced = b""
        return []

    def end(self) -> None:
        """Begin nothing more; a child that runs is killed, and its work is done by the next one.

        The caller still has to wait for it.
        """
        self.is_ended = True
        if self.strand.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.strand.pid, SIGKILL)
        self.stop()

    def stop(self) -> None:
        """Drop the work at hand."""
        if self.replaced:  # no line twice because a disk was slow, or bad
            self.directory.unlink_quietly(self.replaced)
            self.replaced = b""
        elif self.strand.steps:
            self.directory.unlink_quietly(b"newstate")
        self.strand.abandon()
        self.end_turn()

    def end_turn(self) -> None:
        """Let others compress."""
        if self.turn and self.strand.syncer:
            self.strand.syncer.turns.give_back(self.turn)
        self.turn = None


def reason(wstatus: int) -> Exception | None:
    """Give what a process of ours died of, as far as that is known."""
    code = os.WEXITSTATUS(wstatus)
    if code > MISSING:
        return OSError(code - MISSING, "")
    return ImportError("its library is not installed") if code == MISSING else None
