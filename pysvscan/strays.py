"""What PID 1 ends besides its services: processes that forked away from them, in rounds.

They are asked by TERM when the services are gone, and killed when they do not go; the loggers are
spared, since they read what the others leave.
"""

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import tree
from pysvscan.loop import Deadline
from pysvscan.supervise import Supervise

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

ROUND_NS = 50_000_000
PATIENCE_NS = 1_000_000_000


class Strays:
    """The processes below us that are no service's, nor a logger's.

    Attributes:
        are_gone: there is none any more.
        kill_ns: from when on they are killed; 0: they were not asked yet.
    """

    def __init__(self, scan: "Svscan", on_gone: Callable[[], None]) -> None:
        self.scan = scan
        self.on_gone = on_gone
        self.are_gone = False
        self.kill_ns = 0
        self.timer: Deadline | None = None

    def begin(self) -> None:
        """Ask them to end, once."""
        if self.kill_ns:
            return
        self.kill_ns = time.monotonic_ns() + PATIENCE_NS
        tree.signal_all(tree.others(self.spared()), signal.SIGTERM, signal.SIGCONT)
        self.look()

    def kill(self) -> None:
        """Kill them, and who comes after them."""
        self.kill_ns = time.monotonic_ns()
        self.look()

    def look(self) -> None:
        """See whether any is left, and kill it if it is time."""
        if self.are_gone:
            return
        left = tree.others(self.spared())
        if not left:
            self.are_gone = True
            self.on_gone()
            return
        now_ns = time.monotonic_ns()
        if now_ns >= self.kill_ns:
            tree.signal_all(left, signal.SIGKILL)
        if self.timer:
            self.timer.cancel()
        self.timer = self.scan.loop.at(now_ns + ROUND_NS, self, self.look)

    def spared(self) -> set[int]:
        """List loggers, and processes that wait for a start that will not come."""
        loggers = self.scan.loggers
        found = {it.pid for it in (*loggers.processes.values(), *loggers.ending)}
        found.update(loggers.former.values())
        for entry in self.scan.entries.values():
            if isinstance(entry.log, Supervise):
                found.add(entry.log.pid)
        children = self.scan.loop.children.items()
        found.update(pid for pid, (_, owner, _) in children if owner is None)
        return found
