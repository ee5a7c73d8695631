"""fsync off the loop: a few threads at most, and a descriptor that turns readable when one is done.

A disk may take seconds, and hang for ever: that holds the log whose file it is, and nobody else,
as long as not all threads hang. A thread works on a descriptor of its own, so that a log may be
closed meanwhile, and touches nothing of the log: results are handed out by `collect`.
"""

import contextlib
import os
import threading
from collections import deque
from queue import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.cyclog import Cyclog

THREADS = 4  # the first one when there is something to do, the next ones when all are at work
COMPRESSORS = 1  # at once, of all logs together: each is a process, and nobody waits for it


class Job:
    """What a log waits for.

    Attributes:
        owner: the log; None: it waits no more.
        fd: for a thread, which closes it; -1: no thread's work.
        is_done: the log may go on; set where the log runs, not in a thread.
        error: why it failed.
    """

    __slots__ = ("error", "fd", "is_done", "owner")

    def __init__(self, owner: "Cyclog", fd: int = -1) -> None:
        self.owner: Cyclog | None = owner
        self.fd = fd
        self.is_done = False
        self.error: OSError | None = None

    def run(self) -> None:
        """Bring the file to the disk; in a thread."""
        try:
            os.fsync(self.fd)
        except OSError as exc:
            self.error = exc
        with contextlib.suppress(OSError):  # fsync has told all
            os.close(self.fd)


class Sync:
    """The threads of one process.

    Attributes:
        fd: turns readable when `collect` has something; for epoll.
    """

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.queue: SimpleQueue[Job | None] = SimpleQueue()
        self.done: deque[Job] = deque()
        self.pending = 0
        self.threads = 0
        self.turns = Turns(self, COMPRESSORS)

    def start(self, owner: "Cyclog", fd: int) -> Job:
        """Have a file brought to the disk, for a log that goes on when it is there.

        Raises:
            OSError: no descriptor is left.
        """
        job = Job(owner, os.dup(fd))
        self.pending += 1
        if self.pending > self.threads and self.threads < THREADS:
            self.start_thread()
        if self.threads:
            self.queue.put(job)
        else:
            job.run()
            self.finish(job)
        return job

    def start_thread(self) -> None:
        """Start one more thread; where no process can be had, those that there are must do."""
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self.work, daemon=True).start()
            self.threads += 1

    def work(self) -> None:
        """What a thread does."""
        while job := self.queue.get():
            job.run()
            self.finish(job)

    def finish(self, job: Job) -> None:
        """Hand in a job that is done; from any thread."""
        self.done.append(job)
        os.eventfd_write(self.fd, 1)

    def collect(self) -> "list[Cyclog]":
        """Return the logs that may go on."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        owners = []
        while self.done:
            job = self.done.popleft()
            self.pending -= job.fd >= 0
            job.is_done = True
            if job.owner:
                owners.append(job.owner)
        return owners

    def close(self) -> None:
        """End the threads that do not hang; those that do keep what they need."""
        for _ in range(self.threads):
            self.queue.put(None)
        if not self.pending:
            os.close(self.fd)


class Turns:
    """How many may do something at once; the others wait, first come, first served."""

    def __init__(self, sync: Sync, count: int) -> None:
        self.sync = sync
        self.free = count
        self.queue: deque[Job] = deque()

    def take(self, owner: "Cyclog") -> Job:
        """Take a turn; the log may go on when that is done. To be given back in any case."""
        turn = Job(owner)
        if self.free:
            self.free -= 1
            turn.is_done = True
        else:
            self.queue.append(turn)
        return turn

    def give_back(self, turn: Job) -> None:
        """End a turn, or wait for it no more."""
        turn.owner = None
        if turn in self.queue:
            self.queue.remove(turn)
        elif self.queue:
            self.sync.finish(self.queue.popleft())
        else:
            self.free += 1
