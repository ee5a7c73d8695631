"""How one service is ended, as [stop] of service.toml says, and what follows when it has ended.

It has its time from being asked to; then it is killed, with all that it started where it is to be
a tree. After each exit ./finish may run, recorded in `supervise/finish` as the service is in
`supervise/child`, so that whoever comes after our death waits for it and does not start a service
beside it. Classic services have none of this: TERM, and as long as it takes.
"""

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from pysvscan import cgroup, childfile, tree
from pysvscan.core import service
from pysvscan.core.stopsettings import SIGNALS, Stop
from pysvscan.finish import Finish
from pysvscan.loop import Deadline
from pysvscan.waiting import Known

if TYPE_CHECKING:
    from pysvscan.core.handover import Finish as Running
    from pysvscan.supervise import Supervise

CLASSIC = Stop()
NUMBERS = {name: signal.Signals[f"SIG{name}"] for name in SIGNALS}
NOBODY: frozenset[Any] = frozenset()  # one for all: there are thousands of us
FAILED = 111  # what a process exits with that cannot execute ./run


class Ending:
    """The end of a service, again and again.

    Attributes:
        stop: the table [stop] as it is now.
        overdue: when it has had its time.
        code: what svscan exits with, were this end the last one: the exit code, or 128 and the
            signal's number; None: it has not ended yet.
    """

    __slots__ = ("accounts", "cgroup", "code", "finish", "overdue", "service", "stop", "tree")

    def __init__(self, of: "Supervise") -> None:
        self.service = of
        self.stop = CLASSIC
        self.overdue: Deadline | None = None
        self.code: int | None = None
        self.finish: Finish | None = None
        self.cgroup: cgroup.Cgroup | None = None
        self.tree: frozenset[tuple[int, int]] = NOBODY
        self.accounts: frozenset[int] = NOBODY  # of the tree

    def follow(self, stop: Stop | None) -> None:
        """Have other settings, or none."""
        self.stop = stop or CLASSIC

    # before

    def enclose(self, pid: int) -> None:
        """Put a process that waits for its start where all that it starts can be found."""
        self.code = None
        if self.stop.tree and (found := self.find_cgroup()):
            found.take(pid)

    def find_cgroup(self) -> cgroup.Cgroup | None:
        """Give its cgroup, which may have to be made, or found again."""
        self.cgroup = self.cgroup or cgroup.of(self.service.directory)
        return self.cgroup

    # the end

    def ask(self) -> None:
        """Ask it to end; the time for that runs from the first time that it is asked."""
        self.remember()
        self.service.kill(NUMBERS[self.stop.signal])
        self.limit()

    def limit(self) -> None:
        """Have the time run in which it has to end, unless it runs already."""
        if self.stop.timeout_ns is not None and not self.is_timed():
            self.end_at(time.monotonic_ns() + self.stop.timeout_ns)

    def is_timed(self) -> bool:
        """Say whether the time runs."""
        return self.overdue is not None and self.overdue.callback is not None

    def end_at(self, at_ns: int) -> None:
        """Have it killed at a moment, if nobody wants it up by then."""
        of = self.service
        self.overdue = of.loop.at(at_ns, of.owner, self.is_overdue)

    def is_overdue(self) -> None:
        """Kill it: it has had its time."""
        self.cancel()
        self.service.feed(service.OVERDUE)

    def cancel(self) -> None:
        """Wait for it no more."""
        if self.overdue:
            self.overdue.cancel()
            self.overdue = None

    def kill(self) -> None:
        """Kill it, or its ./finish."""
        if self.finish:
            self.finish.kill()
        else:
            self.remember()
            self.service.kill(signal.SIGKILL)
            self.kill_tree()

    def remember(self) -> None:
        """Note what is below it before a signal: nothing says afterwards whose they were."""
        if self.stop.tree and self.service.pid and not self.find_cgroup():
            self.tree |= tree.family(self.service.pid)
            self.accounts |= tree.accounts(self.tree)

    def kill_tree(self) -> None:
        """Kill all that it started and left."""
        if not self.stop.tree:
            return
        if found := self.find_cgroup():
            found.kill()
        else:
            suspects = tree.Suspects(self.accounts, self.began_ticks())
            tree.kill(self.tree, self.service.directory, suspects)

    def began_ticks(self) -> int:
        """Say when the process was started, by its record; where nobody knows, later than any."""
        try:
            found = childfile.read(self.service.directory)
        except OSError:
            found = None
        return found.process.ticks if found else sys.maxsize

    # after

    def failed(self) -> int:
        """Take note that ./run was not executed; say which event that is."""
        self.cancel()
        self.code = FAILED
        return service.SPAWN_FAILED

    def died(self, wstatus: int | None) -> int:
        """Take note of the end; say which event it is.

        Args:
            wstatus: as wait has it; None: nobody knows.
        """
        self.cancel()
        self.code = code(wstatus)
        self.kill_tree()
        self.tree = self.accounts = NOBODY
        if self.stop.finish is None:
            return service.CHILD
        self.finish = Finish(self.service, self.finished)
        words = (self.stop.finish, *arguments(wstatus))
        if self.finish.start(words):
            return service.FINISHING
        self.finish = None
        return service.CHILD

    def finished(self) -> None:
        """Take note of the end of ./finish."""
        self.finish = None
        self.service.feed(service.FINISHED)

    def is_critical(self) -> bool:
        """Say whether it has ended by itself, for good, and svscan is to end for that."""
        of = self.service
        is_over = of.state is service.State.DOWN and self.code is not None
        by_itself = of.want == b"\0" or of.backoff.gave_up_ns != 0
        return self.stop.critical and is_over and by_itself

    # a supervisor after another

    def adopt(self) -> bool:
        """Take over a ./finish that runs; False: none does."""
        found = Finish(self.service, self.finished)
        if found.adopt():
            self.finish = found
        return self.finish is not None

    def restore(self, overdue_ns: int | None, code: int | None, found: "Running | None") -> None:
        """Go on after an exec."""
        self.code = code
        if overdue_ns is not None:
            self.end_at(overdue_ns)
        if found:
            self.finish = it = Finish(self.service, self.finished)
            it.pid, it.pidfd, it.is_ours = found.pid, found.pidfd, found.pidfd < 0
            it.due_ns = found.due_ns
            it.started = Known(found.pid, found.is_exact, found.error, found.refusal)

    def resume(self) -> None:
        """Wait for what was taken over; a ./finish that we know nothing of has its record."""
        if self.finish is None and self.service.state in service.FINISHING_STATES:
            self.adopt()
        if self.finish:
            self.finish.resume()
        elif self.service.state in service.FINISHING_STATES:
            of = self.service
            of.loop.at(time.monotonic_ns(), of.owner, self.finished)

    def close(self) -> None:
        """Let go of everything that lives on."""
        self.cancel()
        if self.finish:
            self.finish.close()
            self.finish = None
        if self.cgroup:
            self.cgroup.remove()


def code(wstatus: int | None) -> int:
    """Make an exit code of a wait status, as a shell does."""
    if wstatus is None:
        return FAILED
    return 128 + os.WTERMSIG(wstatus) if os.WIFSIGNALED(wstatus) else os.WEXITSTATUS(wstatus)


def arguments(wstatus: int | None) -> tuple[bytes, bytes]:
    """Give what ./finish gets: exit code, -1 for none, and the signal's number or 0.

    Source: runit's runsv(8).
    """
    if wstatus is None:
        return b"-1", b"0"
    exited = os.WEXITSTATUS(wstatus) if os.WIFEXITED(wstatus) else -1
    return b"%d" % exited, b"%d" % (wstatus & 127)
