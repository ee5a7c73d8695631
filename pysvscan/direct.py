"""The direct road: a child that shares our memory, waits on a word there, and executes ./run.

No shell and no fork of the interpreter is in between, so it is exact in everything, knows why ./run
could not be executed, and nothing has to wait ahead. It needs _start.c; without that there are the
other roads. Our death kills what waits (PDEATHSIG), and what was released but has not executed yet:
that one is recorded, and known to be dead.
"""

import contextlib
import errno
import os
import resource
from collections.abc import Iterable
from types import ModuleType
from typing import Self

from pysvscan import accelerators
from pysvscan.core.identity import Identity
from pysvscan.inherited import Inherited
from pysvscan.limits import clamped
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel
from pysvscan.waiting import Streams, identify


class Process:
    """A process that waits; see `Waiting`."""

    is_exact = True
    refusal = ""

    def __init__(self, part: ModuleType, identity: Identity, handle: object) -> None:
        self.part = part
        self.pid = identity.pid
        self.identity = identity
        self.handle = handle

    def go(self, directory: int, streams: Streams) -> bool:
        """Write the word that it waits for."""
        return bool(self.part.go(self.handle, directory, *streams))

    def cancel(self) -> None:
        """Write the other word."""
        self.part.cancel(self.handle)

    def failure(self) -> int:
        """Read what it left in our memory."""
        return int(self.part.failure(self.handle))


class Direct:
    """Makes processes that wait."""

    def __init__(self, loop: Loop, kernel: Kernel, inherited: Inherited, part: ModuleType) -> None:
        self.loop = loop
        self.kernel = kernel
        self.part = part
        environment = tuple(name + b"=" + value for name, value in inherited.env.items())
        mask, defaults = bits(inherited.mask), bits(inherited.defaults())
        self.rest = (environment, mask, defaults)
        self.descriptors = inherited.descriptors
        self.given = part.given(*self.rest, *self.descriptors)

    @classmethod
    def find(cls, loop: Loop, kernel: Kernel, inherited: Inherited) -> Self | None:
        """Give this road, if it is built and goes through here."""
        part = accelerators.load("_start")
        road = cls(loop, kernel, inherited, part) if part else None
        return road if road and road.goes_through() else None

    def goes_through(self) -> bool:
        """Try it, up to the exec of a ./run that is not there: a container may forbid something.

        Where `setuidgid ACCOUNT svscan` was one process, the kernel hides from the account what it
        was as root, our descriptors in /proc too; an exec in between would have ended that.
        """
        try:
            failure = self.try_it()
            if failure == errno.EACCES:
                self.part.show()
                failure = self.try_it()
        except OSError:
            return False
        return failure == errno.ENOENT

    def try_it(self) -> int:
        """Start what cannot be executed, and give the errno.

        Raises:
            OSError: no process can be had.
        """
        directory = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            pid, pidfd, handle = self.part.wait(self.given)
            os.close(pidfd)
            self.part.go(handle, directory, -1, -1, -1)
            os.waitpid(pid, 0)
        finally:
            os.close(directory)
        return int(self.part.failure(handle))

    def take(self, directory: int) -> Process:  # noqa: ARG002 (it takes any ./run)
        """Make a process that waits.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        return self.wait(self.given)

    def take_limited(self, limits: dict[int, int]) -> Process:
        """Make a process that will have these soft limits.

        That of descriptors it sets by itself, just before it executes: until then it opens some.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        soft, hard = self.descriptors
        if resource.RLIMIT_NOFILE in limits:
            soft = clamped(limits.pop(resource.RLIMIT_NOFILE), hard)
        process = self.wait(self.part.given(*self.rest, soft, hard))
        with contextlib.suppress(ProcessLookupError):  # killed: its release will tell
            for which, wanted in limits.items():
                hard = resource.prlimit(process.pid, which)[1]
                resource.prlimit(process.pid, which, (clamped(wanted, hard), hard))
        return process

    def wait(self, given: object) -> Process:
        """Make a process that waits, to be given this."""
        pid, pidfd, handle = self.part.wait(given)
        try:
            return Process(self.part, identify(self.loop, self.kernel, pid, pidfd), handle)
        except OSError:
            self.part.cancel(handle)
            raise

    def prepare(self) -> None:
        """Nothing has to wait ahead."""

    def close(self) -> None:
        """Nothing waits."""


def bits(signals: Iterable[int]) -> int:
    """Write signals as the kernel does: bit 0 is signal 1."""
    return sum(1 << number - 1 for number in signals)
