"""A Supervise in this process, on a real loop with real children; nothing turns but when asked."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pysvscan import strerr
from pysvscan.loop import Loop
from pysvscan.starter import Inherited, Starter
from pysvscan.supervise import Supervise
from tests import low
from tests.wait import wait_until

Found = TypeVar("Found")
ENV = {b"PATH": b"/usr/bin:/bin"}


class Host:
    """A loop, a starter, and the Supervise objects on them.

    Attributes:
        said: what they reported.
    """

    def __init__(self, env: dict[bytes, bytes] | None = None) -> None:
        self.low = contextlib.ExitStack()
        self.low.enter_context(low.freed())
        self.inherited = Inherited(ENV if env is None else env, frozenset())
        self.loop = Loop()
        self.starter = Starter(self.loop, self.inherited)
        self.said: list[str] = []
        self.services: list[Supervise] = []
        self.directories: list[int] = []

    def report(self, label: str, message: str, cause: BaseException | None) -> None:
        """Note a line."""
        self.said.append(strerr.line("supervise", label, message, cause).decode().rstrip("\n"))

    def supervise(self, path: Path) -> Supervise:
        """Make a Supervise, not opened yet."""
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.directories.append(directory)
        label = os.fsencode(path.name)
        self.services.append(Supervise(self.loop, self.starter, self.report, directory, label))
        return self.services[-1]

    def begin(self, path: Path) -> Supervise:
        """Supervise a directory as the command does."""
        made = self.supervise(path)
        made.open()
        made.begin()
        return made

    def until(self, condition: Callable[[], Found]) -> Found:
        """Turn the loop until a condition is true."""

        def turn() -> Found:
            self.loop.at(time.monotonic_ns(), None, lambda: None)
            self.loop.turn()
            return condition()

        return wait_until(turn)

    def close(self) -> None:
        """Kill what runs, and let go of everything."""
        for service in self.services:
            if service.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(service.pid, signal.SIGKILL)
            service.close()
        for directory in self.directories:
            os.close(directory)
        self.starter.close()
        signal.set_wakeup_fd(-1)
        self.loop.epoll.close()
        wait_until(self.is_reaped)
        for pidfd in self.loop.pidfds:
            os.close(pidfd)
        os.close(self.loop.wakeup)
        os.close(self.loop.wakeup_write)
        os.close(self.inherited.stdin)
        self.low.close()

    def is_reaped(self) -> bool:
        """Wait for all children, and say whether none is left."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return True
        return False


@contextlib.contextmanager
def hosting(env: dict[bytes, bytes] | None = None) -> Iterator[Host]:
    """Have a host, and end what it started."""
    made = Host(env)
    try:
        yield made
    finally:
        made.close()


def age(service: Supervise) -> None:
    """Let the last start be long ago, so that the next may be at once."""
    service.last_start_ns -= 10**10
