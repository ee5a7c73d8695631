"""A log directory's processor: `previous` becomes `processed`, `state` becomes `newstate`.

It is a child that knows four open files and no names: only its parent renames and unlinks, and
only when it is dead. Source: daemontools 0.76 multilog.c fullcurrent(), startprocessor().
"""

import os

from pysvscan.child import READ, WRITE, Program
from pysvscan.stuck import Stuck, pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.archives import Archives
    from pysvscan.logdir import Logdir
    from pysvscan.pathexec import Chain
    from pysvscan.strand import Step, Strand

FILES = (
    (0, b"previous", READ),
    (1, b"processed", WRITE),
    (4, b"state", READ),
    (5, b"newstate", WRITE),
)


class Processor:
    """The processor of one directory; its work is done in the log's strand."""

    def __init__(
        self, command: bytes, archives: "Archives", chain: "Chain", strand: "Strand"
    ) -> None:
        self.program = Program(b"/bin/sh", [b"sh", b"-c", command], FILES)
        self.directory: Logdir = archives.directory
        self.archives = archives
        self.chain = chain
        self.strand = strand

    def start(self) -> "list[Step]":
        """Start it on previous; the caller reaps it and calls reaped()."""
        with pausing(f"unable to fork for processor in {self.directory.name}"):
            self.strand.pid = self.program.start(self.directory, self.chain)
        return [self.judge]

    def judge(self) -> "list[Step]":
        """Go on after a processor that succeeded; start one again that did not."""
        wstatus = self.strand.wstatus
        if wstatus:
            self.strand.steps[0] = self.start
            how = "crashed" if os.WIFSIGNALED(wstatus) else "failed"
            raise Stuck(f"processor {how} in {self.directory.name}, pausing")
        return [
            self.sync_processed,
            self.mode_processed,
            self.sync_newstate,
            lambda: self.archives.remove(b"previous"),
            self.rename_newstate,
            lambda: self.archives.add(b"processed", self.archives.suffix),
        ]

    def sync_processed(self) -> "list[Step]":
        """Bring its output to the disk."""
        return self.sync(b"processed", self.sync_processed)

    def mode_processed(self) -> "list[Step]":
        """Mark its output as complete."""
        self.directory.chmod(b"processed", 0o744)
        return []

    def sync_newstate(self) -> "list[Step]":
        """Bring its new state to the disk."""
        return self.sync(b"newstate", self.sync_newstate)

    def sync(self, name: bytes, again: "Step") -> "list[Step]":
        """Open a file of its and bring it to the disk."""
        with pausing(f"unable to create {self.directory.file(name)}"):
            fd = self.directory.open_new(name, os.O_APPEND, 0o600)
        try:
            return self.strand.sync(fd, self.directory.file(name), again)
        finally:
            os.close(fd)

    def rename_newstate(self) -> "list[Step]":
        """Make its new state its state."""
        self.directory.rename(b"newstate", b"state")
        return []
