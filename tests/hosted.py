"""A Supervise in this process, on a real loop with real children; nothing turns but when asked."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from pysvscan import accelerators, strerr
from pysvscan.direct import Direct
from pysvscan.inherited import Inherited
from pysvscan.loop import Loop
from pysvscan.shell import Shell
from pysvscan.starter import ROADS, Find, Starter
from pysvscan.supervise import Supervise
from tests import low
from tests.wait import wait_until

Found = TypeVar("Found")
ENV = {b"PATH": b"/usr/bin:/bin"}
TAKEN: dict[str, Sequence[Find]] = {
    "best": ROADS,
    "direct": [Direct.find],
    "shell": [Shell.find],
    "fork": [],
}


class Host:
    """A loop, a starter, and the Supervise objects on them.

    Attributes:
        said: what they reported.
    """

    def __init__(self, env: dict[bytes, bytes] | None, road: str) -> None:
        self.low = contextlib.ExitStack()
        self.low.enter_context(low.freed())
        self.inherited = Inherited(ENV if env is None else env, frozenset())
        self.loop = Loop()
        self.starter = Starter(self.loop, self.inherited, TAKEN[road])
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

    def ahead(self) -> int:
        """Count the processes that wait for the next start."""
        return int(isinstance(self.starter.road, Shell))

    def close(self) -> None:
        """Kill what runs, and let go of everything."""
        pidfds = [service.pidfd for service in self.services if service.pidfd >= 0]
        for pidfd in [*pidfds, *self.loop.pidfds]:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for service in self.services:
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
def hosting(env: dict[bytes, bytes] | None = None, road: str = "best") -> Iterator[Host]:
    """Have a host that starts by this road, and end what it started."""
    if road == "direct" and not accelerators.load("_start"):
        pytest.skip("_start.c is not built")  # that it must be is for tests/test_package.py
    made = Host(env, road)
    try:
        yield made
    finally:
        made.close()


def age(service: Supervise) -> None:
    """Let the last start be long ago, so that the next may be at once."""
    service.last_start_ns -= 10**10
