"""A process that waits: recorded while it waits, it then becomes ./run, or is cancelled.

How it comes to be is for direct.py, shell.py and starter.py; here is what they have in common.
"""

import contextlib
import os
import select
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from pysvscan.core.identity import Identity
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel

REPORT_BYTES = 512  # why ./run was not executed: an errno, or 0, and what it was that failed


class Streams(NamedTuple):
    """FIFOs, by descriptors of ours, each to be opened afresh; -1: what we have there ourselves."""

    stdin: int = -1
    stdout: int = -1
    stderr: int = -1


class Waiting(Protocol):
    """A process that waits for its release; the loop waits for its death from the beginning.

    Attributes:
        pid: of the process.
        identity: who it is; `supervise/child` wants the service's lock in it besides.
        is_exact: whether `failure` knows why ./run could not be executed. A shell only exits.
        refusal: after `failure`: what could not be done before ./run was to be executed.
    """

    pid: int
    identity: Identity
    is_exact: bool
    refusal: str

    def go(self, directory: int, streams: Streams) -> bool:
        """Let it become ./run of this directory.

        Returns:
            False if it is dead; then it is for the caller to cancel it.
        """

    def cancel(self) -> None:
        """Let it exit without running, and let go of everything."""

    def is_settled(self) -> bool:
        """Say whether `failure` knows all that it ever will; it need not be dead for that."""

    def failure(self) -> int:
        """Let go of everything; say, when it is settled, why ./run was not executed: errno or 0."""


class Known:
    """One of which everything is known already: it was another image of us that released it."""

    def __init__(self, pid: int, is_exact: bool, error: int, refusal: str) -> None:
        self.pid = pid
        self.is_exact = is_exact
        self.error = error
        self.refusal = refusal

    def is_settled(self) -> bool:
        """Say that there is nothing to wait for."""
        return True

    def failure(self) -> int:
        """Say what was found out then."""
        return self.error


class Piped:
    """One that reads its release off a pipe: end of file instead is the supervisor's death.

    Attributes:
        release: the pipe's write end.
        error: where the errno of a failed exec is reported; -1 if it is not.
        refusal: see `Waiting`.
    """

    def __init__(self, identity: Identity, release: int, error: int = -1) -> None:
        self.pid = identity.pid
        self.identity = identity
        self.is_exact = error >= 0
        self.release = release
        self.error = error
        self.refusal = ""

    def go(self, directory: int, streams: Streams) -> bool:
        """Write the words of its release, - for what it shall not touch."""
        words = (b"-" if fd < 0 else b"%d" % fd for fd in (directory, *streams))
        try:
            os.write(self.release, b" ".join(words) + b"\n")
        except BrokenPipeError:
            return False
        os.close(self.release)
        return True

    def cancel(self) -> None:
        """Close the pipes: without a release before, the process exits."""
        os.close(self.release)
        if self.error >= 0:
            os.close(self.error)

    def is_settled(self) -> bool:
        """Say whether the report is there, or will never be; a shell makes none."""
        if self.error < 0:
            return True
        poll = select.poll()
        poll.register(self.error, select.POLLIN)
        return bool(poll.poll(0))

    def failure(self) -> int:
        """Read and close the report."""
        if self.error < 0:
            return 0
        fd, self.error = self.error, -1
        try:
            number, _, refusal = os.read(fd, REPORT_BYTES).partition(b" ")
            self.refusal = os.fsdecode(refusal)
            return int(number or b"0")
        except BlockingIOError:  # somebody else has the other end
            return 0
        finally:
            os.close(fd)


def identify(loop: Loop, kernel: Kernel, pid: int, pidfd: int = -1) -> Identity:
    """Have the loop wait for a new child, and say who it is.

    Args:
        loop: which waits for it whatever comes: no failure leaves a zombie.
        kernel: which knows it.
        pid: of the child.
        pidfd: of the child, if there is one already; the loop's from now on.

    Raises:
        OSError: no descriptor is left; the caller has to cancel it.
    """
    try:
        held = loop.child(pid, None, forget, pidfd)
        return kernel.identify_held(pid, held)
    except OSError:
        loop.drop(pid)
        raise


def forget(wstatus: int) -> None:
    """The death of a process that never was a service's is no news."""


@contextlib.contextmanager
def pipe(kept: int) -> Iterator[tuple[int, int]]:
    """Make a pipe, (read, write); closed afterwards, but for the one end kept if all went well."""
    ends = os.pipe2(os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, ends[kept])
        try:
            yield ends
        finally:
            os.close(ends[1 - kept])
        undo.pop_all()
