"""Starts services: a process exists first and waits, is recorded, and only then becomes `./run`.

Three roads, the first that goes through is taken: direct.py, shell.py, and, where those do not or
where ./run is nothing for a shell, a fork of this interpreter, 2 to 4 ms. End of the supervisor
instead of a release means: exit without running.

posix_spawn of ./run followed by the record would be as fast, and leaves a process that nobody knows
when the supervisor is killed in between.
"""

import errno
import os
import signal
from collections.abc import Callable, Sequence
from typing import Protocol

from pysvscan import arrangement
from pysvscan.core.runsettings import Run
from pysvscan.direct import Direct
from pysvscan.inherited import Inherited
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel
from pysvscan.shell import Shell
from pysvscan.strerr import Fatal
from pysvscan.waiting import REPORT_BYTES, Piped, Streams, Waiting, identify, pipe


class Road(Protocol):
    """One way to have a process that waits."""

    def prepare(self) -> None:
        """Be ready for the next start; what fails here is tried again by `take`."""

    def take(self, directory: int) -> Waiting | None:
        """Give a process that waits; None: ./run of this directory needs another road.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """

    def close(self) -> None:
        """Let go of what waits, unused."""


Find = Callable[[Loop, Kernel, Inherited], Road | None]
ROADS: Sequence[Find] = (Direct.find, Shell.find)  # the best first
NOTHING = Run()


class Starter:
    """Hands out processes that wait, by the best road there is."""

    def __init__(self, loop: Loop, inherited: Inherited, roads: Sequence[Find] = ROADS) -> None:
        self.inherited = inherited
        self.kernel = Kernel()
        self.fork = Fork(loop, self.kernel, inherited)
        found = (find(loop, self.kernel, inherited) for find in roads)
        self.road: Road = next(filter(None, found), self.fork)

    def prepare(self) -> None:
        """Be ready for the next start."""
        self.road.prepare()

    def take(self, directory: int, run: Run | None = None) -> Waiting:
        """Give a process that waits, by the road that ./run needs; it is the caller's child now.

        Raises:
            OSError: no process, or no descriptor, can be had.
            Fatal: it cannot be as [run] says; most of that it finds out itself when released.
        """
        if run is None:
            return self.road.take(directory) or self.fork.take(directory)
        found = self.road.take_run(directory, run) if isinstance(self.road, Direct) else None
        return found or self.fork.take(directory, run)

    def close(self) -> None:
        """Let go of what waits, unused."""
        self.road.close()


class Fork:
    """The slow road: exact in everything, and says why it could not execute."""

    def __init__(self, loop: Loop, kernel: Kernel, inherited: Inherited) -> None:
        self.loop = loop
        self.kernel = kernel
        self.inherited = inherited

    def prepare(self) -> None:
        """A fork that waits ahead would hold our memory as it was."""

    def close(self) -> None:
        """Nothing waits."""

    def take(
        self,
        directory: int,  # noqa: ARG002 (any ./run)
        run: Run | None = None,
        words: Sequence[bytes] = arrangement.RUN,
    ) -> Piped:
        """Fork; the child waits.

        Args:
            directory: of the service.
            run: what it has for [run].
            words: what is to be executed.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        with pipe(kept=1) as (read, write), pipe(kept=0) as (error, error_write):
            os.set_blocking(error, False)
            # Until its handlers are gone, a signal for the child would be written to our wakeup.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(write)
                    self.become_run(read, error_write, run, words)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return Piped(identify(self.loop, self.kernel, pid), write, error)

    def become_run(self, read: int, error: int, run: Run | None, program: Sequence[bytes]) -> None:
        """In the child: wait for the release, arrange everything, execute; never returns."""
        try:
            words = os.read(read, 100).split()
            if not words:
                os._exit(0)
            directory, *streams = (-1 if word == b"-" else int(word) for word in words)
            self.arrange(directory, Streams(*streams))
            arrangement.become(run or NOTHING, self.inherited, program)
        except Fatal as exc:
            reason = exc.__cause__.errno if isinstance(exc.__cause__, OSError) else 0
            os.write(error, (b"%d " % (reason or 0) + os.fsencode(str(exc)))[:REPORT_BYTES])
        except OSError as exc:
            os.write(error, b"%d" % (exc.errno or errno.EINVAL))
        except MemoryError:
            os.write(error, b"%d" % errno.ENOMEM)
        finally:  # nothing may escape into the parent's code
            os._exit(111)

    def arrange(self, directory: int, streams: Streams) -> None:
        """In the child: directory, descriptors, signals, as the service gets them."""
        os.fchdir(directory)
        for number, fd in enumerate(streams):
            if fd >= 0:
                flags = os.O_RDWR if number else os.O_RDONLY
                os.dup2(os.open(f"/proc/self/fd/{fd}", flags), number)
            os.set_inheritable(number, True)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)) or number in self.inherited.defaults():
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.inherited.mask)
