"""The direct road: a child that shares our memory, waits on a word there, and executes ./run.

No shell and no fork of the interpreter is in between, so it is exact in everything, knows why ./run
could not be executed, and nothing has to wait ahead. It needs _start.c; without that there are the
other roads. Our death kills what waits (PDEATHSIG), and what was released but has not executed yet:
that one is recorded, and known to be dead.
"""

import errno
import os
from collections.abc import Iterable
from types import ModuleType
from typing import Self

from pysvscan import accelerators, orders
from pysvscan.core.identity import Identity
from pysvscan.core.runsettings import Run
from pysvscan.inherited import Inherited
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel
from pysvscan.strerr import name
from pysvscan.waiting import Streams, identify

REFUSALS = (  # by _start.c's step
    "",
    "unable to set nice {nice}",
    "unable to setgid",
    "unable to setuid",
    "unable to chdir to {directory}",
)
DUMPABLE = "/proc/sys/fs/suid_dumpable"


class Process:
    """A process that waits; see `Waiting`."""

    is_exact = True
    refusal = ""

    def __init__(
        self, part: ModuleType, identity: Identity, handle: object, run: Run | None
    ) -> None:
        self.part = part
        self.pid = identity.pid
        self.identity = identity
        self.handle = handle
        self.run = run

    def go(self, directory: int, streams: Streams) -> bool:
        """Write the word that it waits for."""
        return bool(self.part.go(self.handle, directory, *streams))

    def cancel(self) -> None:
        """Write the other word."""
        self.part.cancel(self.handle)

    def is_settled(self) -> bool:
        """Say whether it is known what came of the exec."""
        return not self.part.is_here(self.handle)

    def failure(self) -> int:
        """Read what it left in our memory."""
        number, step = self.part.failure(self.handle)
        if number and step and self.run:
            self.refusal = REFUSALS[step].format(
                nice=self.run.nice, directory=name(self.run.directory or b"")
            )
        return int(number)


class Direct:
    """Makes processes that wait.

    Attributes:
        can_become: whether a process may become another account: while it shares our memory that
            cannot be dumped or traced, and our descriptors are seen by those alone who still may.
    """

    def __init__(self, loop: Loop, kernel: Kernel, inherited: Inherited, part: ModuleType) -> None:
        self.loop = loop
        self.kernel = kernel
        self.part = part
        self.inherited = inherited
        mask, defaults = bits(inherited.mask), bits(inherited.defaults())
        self.rest = (mask, defaults, *inherited.descriptors)
        environment, limits = orders.entries(inherited.env), orders.pack(inherited.limits)
        self.given = self.give(environment, orders.HERE, limits)
        self.can_become = False

    def give(
        self,
        environment: tuple[bytes, ...],
        names: orders.Names,
        limits: bytes,
        *ids: int,
    ) -> object:
        """Keep what a process is given."""
        rest = ids or (orders.AS_IS, orders.AS_IS, False, orders.AS_IS, orders.NO_NICE)
        return self.part.given(environment, *self.rest, names, limits, *rest)

    @classmethod
    def find(cls, loop: Loop, kernel: Kernel, inherited: Inherited) -> Self | None:
        """Give this road, if it is built and goes through here."""
        part = accelerators.load("_start")
        road = cls(loop, kernel, inherited, part) if part else None
        if not road or not road.goes_through():
            return None
        road.can_become = os.geteuid() == 0 and not is_traceable() and road.goes_unseen()
        return road

    def goes_through(self) -> bool:
        """Try it, up to the exec of a ./run that is not there: a container may forbid something.

        Where `setuidgid ACCOUNT svscan` was one process, the kernel hides from the account what it
        was as root, our descriptors in /proc too; an exec in between would have ended that.
        """
        try:
            failure = self.try_it()
            if failure == errno.EACCES:
                self.part.show(True)
                failure = self.try_it()
        except OSError:
            return False
        return failure == errno.ENOENT

    def goes_unseen(self) -> bool:
        """Try it as it is while a process of ours is becoming another account."""
        self.part.show(False)
        try:
            return self.try_it() == errno.ENOENT
        except OSError:
            return False
        finally:
            self.part.show(True)

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
        return int(self.part.failure(handle)[0])

    def take(self, directory: int) -> Process:  # noqa: ARG002 (it takes any ./run)
        """Make a process that waits.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        return self.wait(self.given)

    def take_run(self, directory: int, run: Run) -> Process | None:
        """Make a process that waits and will be as [run] says; None: not by this road.

        Raises:
            OSError: no process, or no descriptor, can be had.
            Fatal: something of [run] cannot be done.
        """
        if run.user is not None and not self.can_become:
            return None
        found = orders.find_out(run, directory, self.inherited.env, self.inherited.limits)
        return self.wait(self.give(*found), run) if found else None

    def wait(self, given: object, run: Run | None = None) -> Process:
        """Make a process that waits, to be given this."""
        pid, pidfd, handle = self.part.wait(given)
        try:
            return Process(self.part, identify(self.loop, self.kernel, pid, pidfd), handle, run)
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


def is_traceable() -> bool:
    """Say whether the kernel lets an account trace what has just become its own: a debugging aid.

    2 is not that: what it allows is for root.
    """
    try:
        with open(DUMPABLE, "rb") as file:
            return file.read().strip() not in (b"0", b"2")
    except OSError:
        return True
