"""One epoll loop: descriptors, deadlines, signals and dead children. Nobody sleeps elsewhere.

The only caller of wait in svscan, supervise and the logger. Signals arrive as bytes on a pipe (the
wakeup descriptor), so nothing runs inside a handler and none is lost between a check and a wait;
signalfd would not do, since it needs the signals blocked and an exec'd service inherits that.

Each callback belongs to an owner, and is called through `boundary`: svscan's catches what an owner
raises and sets that owner aside, so that one bad service stays one bad service.
"""

import functools
import heapq
import itertools
import os
import select
import signal
import time
from collections.abc import Callable

SECOND_NS = 1_000_000_000

Callback = Callable[[], None]
Boundary = Callable[[object, Callback], None]


def call(owner: object, callback: Callback) -> None:  # noqa: ARG001
    """The boundary of a process with one owner: what it raises ends the process."""
    callback()


class Deadline:
    """A callback at a moment; `cancel` forgets it."""

    __slots__ = ("at_ns", "callback", "owner")

    def __init__(self, at_ns: int, owner: object, callback: Callback) -> None:
        self.at_ns = at_ns
        self.owner = owner
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never call back; the heap drops it when its moment comes."""
        self.callback = None


class Loop:
    """Epoll, a heap of deadlines, and the children whose death somebody waits for."""

    def __init__(self, boundary: Boundary = call) -> None:
        self.boundary = boundary
        self.epoll = select.epoll()
        self.readers: dict[int, tuple[object, Callback]] = {}
        self.deadlines: list[tuple[int, int, Deadline]] = []
        self.sequence = itertools.count()  # orders equal deadlines; a Deadline cannot be compared
        self.children: dict[int, tuple[object, Callable[[int], None]]] = {}
        self.signals: dict[int, tuple[object, Callback]] = {}
        self.running = False
        self.wakeup, self.wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.epoll.register(self.wakeup, select.EPOLLIN)
        signal.set_wakeup_fd(self.wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    # what to wait for

    def read(self, fd: int, owner: object, callback: Callback) -> None:
        """Call back while there is something to read from fd (level-triggered)."""
        self.epoll.register(fd, select.EPOLLIN)
        self.readers[fd] = (owner, callback)

    def forget(self, fd: int) -> None:
        """Stop reading fd; to be called before it is closed."""
        if self.readers.pop(fd, None):
            self.epoll.unregister(fd)

    def at(self, at_ns: int, owner: object, callback: Callback) -> Deadline:
        """Call back once, at a moment of the monotonic clock or as soon after it as may be."""
        deadline = Deadline(at_ns, owner, callback)
        heapq.heappush(self.deadlines, (at_ns, next(self.sequence), deadline))
        return deadline

    def child(self, pid: int, owner: object, callback: Callable[[int], None]) -> None:
        """Call back with the wait status when this child has died."""
        self.children[pid] = (owner, callback)

    def signal(self, signum: int, owner: object, callback: Callback) -> None:
        """Call back when the signal comes."""
        self.signals[signum] = (owner, callback)
        signal.signal(signum, lambda *_: None)

    # waiting

    def run(self) -> None:
        """Serve until `stop`."""
        self.running = True
        while self.running:
            self.turn()

    def stop(self) -> None:
        """Leave `run` when the present turn is over."""
        self.running = False

    def turn(self) -> None:
        """Wait once, then serve: deaths first, then descriptors, then deadlines.

        Deaths first, as in C: a command that follows a death meets the service as it is now.
        """
        ready = [fd for fd, _ in self.epoll.poll(self.timeout())]
        if self.wakeup in ready:
            ready.remove(self.wakeup)
            self.reap()
            self.take_signals()
        for fd in ready:
            if fd in self.readers:  # an earlier callback may have closed it
                owner, callback = self.readers[fd]
                self.boundary(owner, callback)
        self.expire()

    def timeout(self) -> float | None:
        """Say how many seconds the next deadline is away, None for none."""
        while self.deadlines and self.deadlines[0][2].callback is None:
            heapq.heappop(self.deadlines)
        if not self.deadlines:
            return None
        return max(0, self.deadlines[0][0] - time.monotonic_ns()) / SECOND_NS

    def expire(self) -> None:
        """Serve the deadlines that are over; those that a callback adds wait for the next turn."""
        now_ns = time.monotonic_ns()
        due = []
        while self.deadlines and self.deadlines[0][0] <= now_ns:
            due.append(heapq.heappop(self.deadlines)[2])
        for deadline in due:
            if deadline.callback:
                self.boundary(deadline.owner, deadline.callback)

    def reap(self) -> None:
        """Wait for every child that has died; one that is nobody's is an orphan, and done."""
        while True:
            try:
                pid, wstatus = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.children:
                owner, callback = self.children.pop(pid)
                self.boundary(owner, functools.partial(callback, wstatus))

    def take_signals(self) -> None:
        """Read the signal numbers off the wakeup pipe, and serve each."""
        try:
            numbers = os.read(self.wakeup, 4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            if number in self.signals:
                owner, callback = self.signals[number]
                self.boundary(owner, callback)
