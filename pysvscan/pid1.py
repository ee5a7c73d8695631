"""What svscan owes the processes below it: one whose parent died becomes our child, and is reaped.

As PID 1 the kernel gives them to us; elsewhere we ask for them (PR_SET_CHILD_SUBREAPER), so that a
daemon that forked away from its service still ends below us. Children do not inherit that.
"""

import ctypes
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pysvscan.loop import Deadline, Loop

PR_SET_CHILD_SUBREAPER = 36
GAP_NS = 100_000_000
LATEST_NS = 1_000_000_000
SHARE = 500  # looking for orphans takes at most so small a part of our time


def is_pid1() -> bool:
    """Say whether we are the init of our pid namespace, and see it as it is."""
    return os.getpid() == 1


def become_subreaper() -> bool:
    """Have orphans below us become our children; False where the kernel does not do that."""
    if is_pid1():
        return True
    return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Orphans:
    """Reaps what becomes our child without being a service.

    Services are waited for by pidfd, as a look at all children at each death would take most of a
    restart's time. So for orphans there is such a look after a SIGCHLD, but not twice in GAP_NS,
    and the later the longer the last one took (2 ms among 4,000 services): the deaths until then
    share it, and no restart waits for it.
    """

    def __init__(self, loop: "Loop") -> None:
        self.loop = loop
        self.timer: Deadline | None = None
        self.looked_ns = time.monotonic_ns() - GAP_NS
        self.delay_ns = 0

    def adopt(self) -> None:
        """Take them from now on."""
        become_subreaper()
        self.loop.signal(signal.SIGCHLD, self, self.child_died)

    def rest(self, delay_ns: int) -> None:
        """Hear of no death for a while: where many end at once, each would interrupt us."""
        if self.timer:
            self.timer.cancel()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.timer = self.loop.at(time.monotonic_ns() + delay_ns, self, self.listen)

    def listen(self) -> None:
        """Hear of deaths, and look for those that nobody has told us of."""
        self.loop.signal(signal.SIGCHLD, self, self.child_died)
        self.look()

    def child_died(self) -> None:
        """Look soon: at once where that costs nothing, and the last look is some time ago."""
        if self.timer is None:
            at_ns = max(time.monotonic_ns() + self.delay_ns, self.looked_ns + GAP_NS)
            self.timer = self.loop.at(at_ns, self, self.look)

    def look(self) -> None:
        """Reap all that is dead."""
        self.timer = None
        self.looked_ns = time.monotonic_ns()
        self.loop.reap()
        self.delay_ns = min((time.monotonic_ns() - self.looked_ns) * SHARE, LATEST_NS)
