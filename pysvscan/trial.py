"""Tries the version that is installed: can it take our state? A process of its own says so.

It is given the state read-only, imports all that svscan imports, decodes it, leaves the code of all
that for the exec, and says `ok`. Whatever else comes of it, its last line is the reason why the old
image goes on.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

from pysvscan import strerr
from pysvscan.inherited import Inherited
from pysvscan.loop import Deadline, Loop

DEADLINE_NS = 20_000_000_000  # on a machine that has much else to do
OUTPUT_BYTES = 65536
NO_ANSWER = b"\nno answer in %d s" % (DEADLINE_NS // 10**9)
TEXT = os.path.join(os.path.dirname(__file__), "reentry.py")


class Material:
    """What the trial of a version and its exec have in common.

    Attributes:
        text: a descriptor of the text of reentry.py.
        code: a descriptor of all the rest; it is there when the trial has said `ok`.
    """

    def __init__(self) -> None:
        """Take the text as it is now: the one that is tried is the one that is executed.

        Raises:
            Fatal: it cannot be read.
            OSError: there is no descriptor.
        """
        text = read()
        with contextlib.ExitStack() as undo:
            self.text = memory("reentry", undo)
            self.code = memory("code", undo)
            os.write(self.text, text)
            undo.pop_all()

    def words(self, what: str, state: int) -> tuple[str, ...]:
        """Give the words of an interpreter that is to try or take a state."""
        text = f"/proc/self/fd/{self.text}"
        return (sys.executable, "-I", "-X", "utf8", text, what, str(state), str(self.code), "0")

    @contextlib.contextmanager
    def inheritable(self, *fds: int) -> Iterator[None]:
        """Let the next program have the descriptors, and some more."""
        with contextlib.ExitStack() as undo:
            for fd in (self.text, self.code, *fds):
                undo.callback(os.set_inheritable, fd, False)
                os.set_inheritable(fd, True)
            yield

    def close(self) -> None:
        """Let go of it."""
        os.close(self.text)
        os.close(self.code)


def read() -> bytes:
    """Read the text of reentry.py.

    Raises:
        Fatal: that cannot be done.
    """
    try:
        with open(TEXT, "rb") as file:
            return file.read()
    except OSError as exc:
        raise strerr.Fatal(f"unable to read {strerr.name(os.fsencode(TEXT))}") from exc


def memory(name: str, undo: contextlib.ExitStack) -> int:
    """Make a file that is only in memory."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    undo.callback(os.close, fd)
    return fd


class Trial:
    """One trial, from its process's start to its end.

    Attributes:
        said: what the process has written.
        then: called with the reason why not, or None, once.
    """

    def __init__(
        self,
        loop: Loop,
        inherited: Inherited,
        state: int,
        material: Material,
        then: Callable[[str | None], None],
    ) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started: the interpreter is gone, say.
        """
        self.loop = loop
        self.then = then
        self.said = b""
        self.output, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.set_blocking(theirs, True)
            self.pid = spawn(inherited, state, material, theirs)
        except OSError:
            os.close(self.output)
            raise
        finally:
            os.close(theirs)
        loop.read(self.output, self, self.read)
        loop.child(self.pid, self, self.died)
        now_ns = time.monotonic_ns()
        self.timer: Deadline = loop.at(now_ns + DEADLINE_NS, self, self.give_up)

    def read(self) -> None:
        """Take what it says."""
        try:
            data = os.read(self.output, OUTPUT_BYTES)
        except BlockingIOError:
            return
        self.said = (self.said + data)[-OUTPUT_BYTES:]
        if not data:
            self.loop.forget(self.output)

    def give_up(self) -> None:
        """Wait no longer."""
        self.said += NO_ANSWER
        os.kill(self.pid, signal.SIGKILL)

    def died(self, wstatus: int) -> None:
        """Say what came of it."""
        self.read()
        self.timer.cancel()
        self.loop.forget(self.output)
        os.close(self.output)
        self.then(verdict(self.said, wstatus))


def spawn(inherited: Inherited, state: int, material: Material, output: int) -> int:
    """Start the process: our state is its input."""
    reader = os.open(f"/proc/self/fd/{state}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with material.inheritable():
            return os.posix_spawn(
                sys.executable,
                material.words("try", 0),
                inherited.isolated(),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reader, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsigmask=(),
            )
    finally:
        os.close(reader)


def ask(inherited: Inherited, state: int, material: Material) -> str | None:
    """Start a trial and wait for its end; says why not, or None.

    Raises:
        OSError: it cannot be started.
    """
    output, theirs = os.pipe2(os.O_CLOEXEC)
    with open(output, "rb", buffering=0) as reader:
        try:
            pid = spawn(inherited, state, material, theirs)
        finally:
            os.close(theirs)
        said, end_ns = b"", time.monotonic_ns() + DEADLINE_NS
        poll = select.poll()
        poll.register(output, select.POLLIN)
        while poll.poll(max(0, end_ns - time.monotonic_ns()) // 1_000_000):
            data = reader.read(OUTPUT_BYTES)
            if not data:
                break
            said += data
        else:
            said += NO_ANSWER
            os.kill(pid, signal.SIGKILL)
    return verdict(said, os.waitpid(pid, 0)[1])


def verdict(said: bytes, wstatus: int) -> str | None:
    """Say why the new version is not to be executed; None: it is."""
    lines = said.strip().splitlines() or [b""]
    if wstatus == 0 and lines == [b"ok"]:
        return None
    how = f"signal {wstatus & 127}" if wstatus & 127 else f"exit {wstatus >> 8}"
    return os.fsdecode(lines[-1]) or how
