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
    """

    def __init__(self, of: "Supervise", on_end: Callable[[], None]) -> None:
        self.service = of
        self.on_end = on_end
        self.pid = 0
        self.pidfd = -1
        self.is_ours = True
        self.timer: Deadline | None = None

    def start(self, words: tuple[bytes, ...]) -> bool:
        """Start it, recorded first; False: it cannot be, which is said."""
        of = self.service
        what = name(of.label + b"/" + words[0].removeprefix(b"./"))
        try:
            with contextlib.ExitStack() as undo:
                waiting = of.starter.fork.take(of.directory, of.run, words)
                undo.callback(waiting.cancel)
                childfile.record(of.files, waiting.identity, PATH)
                if not waiting.go(of.directory, of.streams()):
                    raise Fatal("killed before it ran")
                undo.pop_all()
        except (OSError, Fatal) as exc:
            of.report("warning", f"unable to start {what}", exc)
            return False
        self.pid = waiting.pid

        def died(_: int) -> None:
            error = waiting.failure()
            if error:
                refusal = f": {waiting.refusal}" if waiting.refusal else ""
                of.report("warning", f"unable to start {what}{refusal}", OSError(error, ""))
            self.end()

        self.pidfd = of.loop.child(self.pid, of.owner, died)
        self.limit()
        return True

    def limit(self) -> None:
        """Give it its time."""
        at_ns = time.monotonic_ns() + LIMIT_NS
        self.timer = self.service.loop.at(at_ns, self.service.owner, self.overdue)

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
        """Take over the one that is recorded, if it is alive.

        Raises:
            OSError: whether it lives cannot be found out.
        """
        self.pid, self.pidfd = self.service.find(PATH)
        self.is_ours = False
        return self.pid != 0

    def resume(self) -> None:
        """Wait for the one taken over, whose time begins anew."""
        if not self.is_ours:
            self.service.loop.read(self.pidfd, self.service.owner, self.end)
            self.limit()

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
