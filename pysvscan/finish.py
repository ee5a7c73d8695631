"""The program of [stop] that runs after each exit of a service: ./finish.

It gets what ./run gets, and 5 s; its process is recorded while it waits, as a service's is.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import childfile
from pysvscan.loop import Deadline
from pysvscan.strerr import Fatal, name
from pysvscan.waiting import Known, Waiting

if TYPE_CHECKING:
    from pysvscan.supervise import Supervise

PATH = b"supervise/finish"
LIMIT_NS = 5_000_000_000  # runit's


class Finish:
    """One run of it.

    Attributes:
        pid: of the process.
        pidfd: of the process; the loop's where it is our child, else ours.
        is_ours: it is our child.
        due_ns: when it has had its time; 0: that has not begun.
        started: as it waited; None: not of our making.
    """

    def __init__(self, of: "Supervise", on_end: Callable[[], None]) -> None:
        self.service = of
        self.on_end = on_end
        self.pid = 0
        self.pidfd = -1
        self.is_ours = True
        self.due_ns = 0
        self.started: Waiting | Known | None = None
        self.timer: Deadline | None = None

    def start(self, words: tuple[bytes, ...]) -> bool:
        """Start it, recorded first; False: it cannot be, which is said."""
        of = self.service
        try:
            with contextlib.ExitStack() as undo:
                waiting = of.starter.fork.take(of.directory, of.run, words)
                undo.callback(waiting.cancel)
                childfile.record(of.files, waiting.identity, PATH)
                if not waiting.go(of.directory, of.streams()):
                    raise Fatal("killed before it ran")
                undo.pop_all()
        except (OSError, Fatal) as exc:
            self.unable("", exc)
            return False
        self.pid, self.started = waiting.pid, waiting
        self.resume()
        return True

    def unable(self, why: str, exc: Exception) -> None:
        """Say that it cannot be started."""
        words = self.service.ending.stop.finish or b""
        what = name(self.service.label + b"/" + words.removeprefix(b"./"))
        self.service.report("warning", f"unable to start {what}{why}", exc)

    def died(self, _: int) -> None:
        """Serve its death; it may never have run."""
        started, self.started = self.started, None
        error = started.failure() if started else 0
        if started and error:
            refusal = f": {started.refusal}" if started.refusal else ""
            self.unable(refusal, OSError(error, ""))
        self.end()

    def resume(self) -> None:
        """Wait for it, as long as its time is."""
        of = self.service
        if self.is_ours:
            self.pidfd = of.loop.child(self.pid, of.owner, self.died)
        else:
            of.loop.read(self.pidfd, of.owner, self.end)
        self.due_ns = self.due_ns or time.monotonic_ns() + LIMIT_NS
        self.timer = of.loop.at(self.due_ns, of.owner, self.overdue)

    def overdue(self) -> None:
        """Kill it, and say so."""
        message = f"killing ./finish of {name(self.service.label)}: it took more than 5 s"
        self.service.report("warning", message, None)
        self.kill()

    def kill(self) -> None:
        """Kill it; its end follows."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def end(self) -> None:
        """It has ended."""
        self.close()
        self.on_end()

    # one that was there before us

    def adopt(self) -> bool:
        """Take over the one that is recorded, if it is alive; its time begins anew.

        Raises:
            OSError: whether it lives cannot be found out.
        """
        of = self.service
        self.pid, self.pidfd = childfile.find(of.files, of.starter.kernel, PATH)
        self.is_ours = False
        return self.pid != 0

    def close(self) -> None:
        """Wait for it no more."""
        if self.timer:
            self.timer.cancel()
        if self.is_ours:
            self.service.loop.abandon(self.pid)
        elif self.pidfd >= 0:
            self.service.loop.forget(self.pidfd)
            os.close(self.pidfd)
        self.pidfd = -1
