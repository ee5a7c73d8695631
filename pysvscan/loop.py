"""One epoll loop: descriptors, deadlines, signals and dead children. Nobody sleeps elsewhere.

The only caller of wait in svscan, supervise and the logger. Signals arrive as bytes on a pipe (the
wakeup descriptor), so nothing runs inside a handler and none is lost between a check and a wait;
signalfd would not do, since it needs the signals blocked and an exec'd service inherits that.

Each callback belongs to an owner, and is called through `boundary`: svscan's catches what an owner
raises and sets that owner aside, so that one bad service stays one bad service.
"""

import contextlib
import functools
import heapq
import itertools
import os
import select
import signal
import time
from collections.abc import Callable, Iterable

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
        self.children: dict[int, tuple[int, object, Callable[[int], None]]] = {}  # pid: pidfd, …
        self.pidfds: dict[int, int] = {}  # pidfd: pid
        self.signals: dict[int, tuple[object, Callback]] = {}
        self.running = False
        self.wakeup, self.wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.epoll.register(self.wakeup, select.EPOLLIN)
        signal.set_wakeup_fd(self.wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would leave nothing to wait for

    # what to wait for

    def read(self, fd: int, owner: object, callback: Callback) -> None:
        """Call back while there is something to read from fd (level-triggered)."""
        self.epoll.register(fd, select.EPOLLIN)
        self.readers[fd] = (owner, callback)

    def hangup(self, fd: int, owner: object, callback: Callback) -> None:
        """Call back when nothing can come from fd any more; what there is to read is no matter."""
        self.epoll.register(fd, 0)
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

    def child(
        self, pid: int, owner: object, callback: Callable[[int], None], pidfd: int = -1
    ) -> int:
        """Call back with the wait status when this child has died; a later call takes its place.

        By pidfd, not SIGCHLD: wait for any child looks at each one, and with 1,800 of them that
        would be most of a restart's time.

        Args:
            pid: of the child.
            owner: who answers for the callback.
            callback: to be called.
            pidfd: of the child, if the caller has one already; ours from now on.

        Returns:
            Its pidfd, ours.

        Raises:
            OSError: no descriptor is left.
        """
        if pid not in self.children:
            held = os.pidfd_open(pid) if pidfd < 0 else pidfd
            try:
                self.epoll.register(held, select.EPOLLIN)
            except OSError:
                os.close(held)
                raise
            self.pidfds[held] = pid
        else:
            held = self.children[pid][0]
        self.children[pid] = (held, owner, callback)
        return held

    def drop(self, pid: int) -> None:
        """Wait for a child whose death is no matter of anybody's; there may be no descriptor."""
        try:
            self.child(pid, None, lambda _: None)
        except OSError:
            self.at(time.monotonic_ns() + SECOND_NS, None, lambda: self.look_for(pid))

    def look_for(self, pid: int) -> None:
        """Wait for a dropped child by its number."""
        with contextlib.suppress(ChildProcessError):
            if not os.waitpid(pid, os.WNOHANG)[0]:
                self.drop(pid)

    def abandon(self, pid: int) -> None:
        """Wait for a child no more."""
        if pid in self.children:
            pidfd = self.children.pop(pid)[0]
            del self.pidfds[pidfd]
            self.epoll.unregister(pidfd)
            os.close(pidfd)

    def signal(self, signum: int, owner: object, callback: Callback) -> None:
        """Call back when the signal comes; one that is ignored stays so, for services as well."""
        if signal.getsignal(signum) is not signal.SIG_IGN:
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
        """Wait once, then serve: deaths first, then signals, descriptors and deadlines.

        Deaths first, as in C: a command that follows a death meets the service as it is now.
        """
        ready = [fd for fd, _ in self.epoll.poll(self.timeout())]
        readers = [(fd, self.readers[fd]) for fd in ready if fd in self.readers]
        for fd in ready:
            if fd in self.pidfds:
                self.bury(self.pidfds[fd])
        if self.wakeup in ready:
            self.take_signals()
        for fd, reader in readers:
            if self.readers.get(fd) is reader:  # not closed meanwhile, nor opened as something else
                self.boundary(*reader)
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

    def bury(self, pid: int) -> None:
        """Wait for one child that is dead by its pidfd, and call back."""
        try:
            found, wstatus = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            found, wstatus = pid, -1  # somebody else has waited for it
        if found:
            self.died(pid, wstatus)

    def died(self, pid: int, wstatus: int) -> None:
        """Forget a child, and tell its owner."""
        _, owner, callback = self.children[pid]
        self.abandon(pid)
        self.boundary(owner, functools.partial(callback, wstatus))

    def reap(self) -> None:
        """Wait for every child that has died: an orphan that became ours is nobody's, and done.

        Looks at each child, so it costs more the more there are: for now and then, not for each
        death.
        """
        while True:
            try:
                pid, wstatus = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.children:
                self.died(pid, wstatus)

    def take_signals(self) -> None:
        """Read the signal numbers off the wakeup pipe, and serve each signal."""
        self.serve_signals(self.come_signals())

    def come_signals(self) -> list[int]:
        """Read the signal numbers off the wakeup pipe, each once."""
        try:
            return list(dict.fromkeys(os.read(self.wakeup, 4096)))
        except BlockingIOError:
            return []

    def serve_signals(self, numbers: Iterable[int]) -> None:
        """Serve signals that have come."""
        for number in numbers:
            if number in self.signals:
                self.boundary(*self.signals[number])
