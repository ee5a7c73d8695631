"""A list of steps of one system call each, done one after the other.

A step that fails raises Stuck and stays first in the list. A step may have to wait for a child, or
for the disk: then nothing is done until that is over. Nothing here sleeps.
"""

import os

from pysvscan.stuck import Stuck, pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.cyclog import Cyclog
    from pysvscan.sync import Job, Sync

    Step = Callable[[], "list[Step]"]


class Strand:
    """Steps to be done, and what they wait for.

    Attributes:
        pid: the running child; 0 means none.
        wstatus: of the last child.
        job: what else is waited for, or was.
    """

    def __init__(self, owner: "Cyclog", syncer: "Sync | None") -> None:
        self.owner = owner
        self.syncer = syncer
        self.steps: list[Step] = []
        self.pid = 0
        self.wstatus = 0
        self.job: Job | None = None

    def is_waiting(self) -> bool:
        """Say whether nothing can be done now."""
        return bool(self.pid) or (self.job is not None and not self.job.is_done)

    def step(self) -> None:
        """Do the first step; what it returns takes its place."""
        self.steps[:1] = self.steps[0]()

    def work(self) -> None:
        """Do them, until there is none, or something is to be waited for."""
        while self.steps and not self.is_waiting():
            self.step()

    def reaped(self, wstatus: int) -> None:
        """Take the child's wait status."""
        self.pid, self.wstatus = 0, wstatus

    def sync(self, fd: int, file: str, again: "Step") -> "list[Step]":
        """Bring an open file to the disk: at once, or by a thread.

        Args:
            fd: of the file, not needed any more when this returns.
            file: its name for a message.
            again: the step to begin with again if it fails.
        """
        unable = f"unable to write {file} to disk"
        with pausing(unable):
            if self.syncer is None:
                os.fsync(fd)
                return []
            self.job = self.syncer.start(self.owner, fd)
        return [lambda: self.judge_sync(unable, again)]

    def judge_sync(self, unable: str, again: "Step") -> "list[Step]":
        """Go on when a file is on the disk."""
        job, self.job = self.job, None
        if job and job.error:
            self.steps[0] = again
            raise Stuck(f"{unable}, pausing") from job.error
        return []

    def abandon(self) -> None:
        """Forget all steps, and wait for nothing."""
        self.steps.clear()
        self.pid = 0
        if self.job:
            self.job.owner = None
            self.job = None
