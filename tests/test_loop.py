"""The loop: deadlines, descriptors, children and signals of real processes."""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan.loop import Callback, Loop
from tests.wait import wait_until


@pytest.fixture
def boundary() -> list[object]:
    """Give the owners for whom was called, in order."""
    return []


@pytest.fixture
def loop(boundary: list[object]) -> Iterator[Loop]:
    """Give a loop whose boundary notes owners and swallows ZeroDivisionError."""

    def call(owner: object, callback: Callback) -> None:
        boundary.append(owner)
        with contextlib.suppress(ZeroDivisionError):
            callback()

    before = {number: signal.getsignal(number) for number in (signal.SIGCHLD, signal.SIGUSR1)}
    made = Loop(call)
    yield made
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    for pid in list(made.children):
        made.abandon(pid)
    made.reap()
    made.epoll.close()
    os.close(made.wakeup)
    os.close(made.wakeup_write)


@pytest.fixture
def pipe() -> Iterator[Callable[[], tuple[int, int]]]:
    """Give a maker of pipes that hold a byte."""
    with contextlib.ExitStack() as stack:

        def make() -> tuple[int, int]:
            read, write = os.pipe()
            stack.callback(os.close, write)
            os.write(write, b"x")
            return read, write

        yield make


def fork(code: int = 0) -> int:
    """Start a child that exits at once, and wait until it is dead; it is not waited for."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def turn_until(loop: Loop, condition: Callable[[], object]) -> None:
    """Turn until a condition is true; each turn is cut short by a deadline."""

    def turn() -> object:
        loop.at(time.monotonic_ns(), None, lambda: None)
        loop.turn()
        return condition()

    wait_until(turn)


def test_loop_calls_deadlines_in_their_order(loop: Loop) -> None:
    """By moment, equal ones as they were made, whatever the order they were made in."""
    called: list[int] = []
    now_ns = time.monotonic_ns()
    for name, at_ns in enumerate((now_ns, now_ns - 5, now_ns - 9, now_ns - 5)):
        loop.at(at_ns, None, lambda name=name: called.append(name))  # type: ignore[misc]
    loop.turn()
    assert called == [2, 1, 3, 0]


def test_loop_never_calls_a_deadline_early(loop: Loop) -> None:
    """The moment has come when the callback is called, and it is called once."""
    called: list[int] = []
    at_ns = time.monotonic_ns() + 3_000_000
    loop.at(at_ns, None, lambda: called.append(time.monotonic_ns()))
    while not called:
        loop.turn()
    assert called[0] >= at_ns
    assert loop.timeout() is None


def test_loop_forgets_a_deadline_that_is_cancelled(loop: Loop) -> None:
    """Also if an earlier one of the same turn cancels it; it does not wake the loop either."""
    called: list[str] = []
    now_ns = time.monotonic_ns()
    second = loop.at(now_ns, None, lambda: called.append("second"))
    loop.at(now_ns - 1, None, second.cancel)
    far = loop.at(now_ns + 10**12, None, lambda: called.append("far"))
    loop.turn()
    far.cancel()
    assert (called, loop.timeout()) == ([], None)


def test_loop_keeps_what_a_deadline_adds_for_the_next_turn(loop: Loop) -> None:
    """A callback that asks for now again and again does not keep the loop from its descriptors."""
    called: list[int] = []

    def again() -> None:
        called.append(1)
        if len(called) < 1000:
            loop.at(time.monotonic_ns(), None, again)

    again()
    loop.turn()
    loop.turn()
    assert len(called) == 3


def test_loop_reads_what_is_readable(loop: Loop, pipe: Callable[[], tuple[int, int]]) -> None:
    """Called while there is something, and no more once it is forgotten."""
    read, _ = pipe()
    called: list[int] = []
    loop.read(read, None, lambda: called.append(read))
    loop.turn()
    loop.turn()
    loop.forget(read)
    loop.at(time.monotonic_ns(), None, lambda: None)
    loop.turn()
    os.close(read)
    assert called == [read, read]


def test_loop_does_not_call_what_was_forgotten_in_the_same_turn(
    loop: Loop, pipe: Callable[[], tuple[int, int]]
) -> None:
    """Two are ready, the first callback closes the other: that one is not called."""
    first, second = pipe()[0], pipe()[0]
    called: list[int] = []

    def close(me: int, other: int) -> None:
        called.append(me)
        loop.forget(other)
        os.close(other)

    loop.read(first, None, lambda: close(first, second))
    loop.read(second, None, lambda: close(second, first))
    loop.turn()
    assert len(called) == 1
    loop.forget(called[0])
    os.close(called[0])


def test_loop_does_not_take_a_new_descriptor_for_the_old_one(
    loop: Loop, pipe: Callable[[], tuple[int, int]]
) -> None:
    """Closed, opened again under the same number and registered, in one turn: not called in it.

    It might be the pidfd of a process that lives, and called would mean dead.
    """
    ready = [pipe()[0], pipe()[0]]
    called: list[str] = []
    quiet: list[int] = []

    def replace(me: int) -> None:
        called.append("old")
        (other,) = (fd for fd in ready if fd != me)
        loop.forget(other)
        os.close(other)
        read, write = os.pipe()
        quiet.extend((read, write))
        assert read == other
        loop.read(read, None, lambda: called.append("new"))

    for fd in ready:
        loop.read(fd, None, lambda fd=fd: replace(fd))  # type: ignore[misc]
    loop.turn()
    assert called == ["old"]
    for fd in {*ready, quiet[0]}:
        loop.forget(fd)
        os.close(fd)
    os.close(quiet[1])


def test_loop_tells_of_each_death_once(loop: Loop) -> None:
    """Twenty children, all dead before the turn: each owner gets its child's wait status."""
    found: dict[int, int] = {}
    pids = [fork(code) for code in range(20)]
    for code, pid in enumerate(pids):
        loop.child(pid, None, lambda wstatus, code=code: found.setdefault(code, wstatus))  # type: ignore[misc]
    turn_until(loop, lambda: len(found) == 20)
    assert found == {code: code << 8 for code in range(20)}
    assert (loop.children, loop.pidfds) == ({}, {})


def test_loop_tells_only_the_last_who_asked(loop: Loop) -> None:
    """A later `child` takes the place of the earlier one, with the same descriptor."""
    called: list[str] = []
    pid = fork()
    loop.child(pid, None, lambda _: called.append("first"))
    loop.child(pid, None, lambda _: called.append("second"))
    assert len(loop.pidfds) == 1
    turn_until(loop, lambda: called)
    assert called == ["second"]


def test_loop_does_not_tell_who_has_abandoned(loop: Loop) -> None:
    """An abandoned child is nobody's: reaped in due time, without a word."""
    called: list[str] = []
    pid = fork()
    loop.child(pid, None, lambda _: called.append("called"))
    loop.abandon(pid)
    loop.abandon(pid)
    loop.reap()
    assert called == []
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_loop_tells_of_a_death_that_somebody_else_waited_for(loop: Loop) -> None:
    """The status is not known then: -1."""
    found: list[int] = []
    pid = fork()
    loop.child(pid, None, found.append)
    os.waitpid(pid, 0)
    turn_until(loop, lambda: found)
    assert found == [-1]


def test_loop_reaps_orphans_and_children_alike(loop: Loop) -> None:
    """A child that nobody registered leaves no zombie; a registered one is told of."""
    found: list[int] = []
    orphan, child = fork(), fork(3)
    loop.child(child, None, found.append)
    loop.reap()
    assert found == [3 << 8]
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan, 0)


@pytest.mark.slow
def test_loop_waits_for_a_dropped_child_without_a_descriptor(loop: Loop) -> None:
    """A child that nobody minds leaves no zombie, be there a descriptor for it or not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with_one, without, early = fork(), fork(), fork()
    loop.drop(with_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            loop.child(without, None, lambda _: None)
        loop.drop(without)
        loop.drop(early)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.waitpid(early, 0)  # somebody else has waited for it meanwhile
    turn_until(loop, lambda: not any(Path(f"/proc/{pid}").exists() for pid in (with_one, without)))
    assert (loop.children, loop.pidfds) == ({}, {})


def test_loop_takes_a_descriptor_that_there_is(loop: Loop) -> None:
    """The loop waits with the pidfd that the caller has, and closes it; also where it cannot."""
    found: list[int] = []
    pid = fork(3)
    pidfd = os.pidfd_open(pid)
    assert loop.child(pid, None, found.append, pidfd) == pidfd
    turn_until(loop, lambda: found)
    assert [os.waitstatus_to_exitcode(wstatus) for wstatus in found] == [3]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)
    null = os.open("/dev/null", os.O_RDONLY)  # epoll takes no such file
    with pytest.raises(OSError, match="Operation not permitted"):
        loop.child(os.getpid(), None, found.append, null)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(null)


def test_loop_serves_deaths_before_descriptors(
    loop: Loop, pipe: Callable[[], tuple[int, int]]
) -> None:
    """A command that comes with a death meets the service as it is now."""
    read, _ = pipe()
    called: list[str] = []
    pid = fork()
    loop.read(read, None, lambda: called.append("read"))
    loop.child(pid, None, lambda _: called.append("death"))
    loop.turn()
    loop.forget(read)
    os.close(read)
    assert called == ["death", "read"]


def test_loop_tells_of_a_signal(loop: Loop) -> None:
    """Outside of the handler, once for all that came before the turn."""
    called: list[str] = []
    loop.signal(signal.SIGUSR1, None, lambda: called.append("usr1"))
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert called == []
    turn_until(loop, lambda: called)
    assert called == ["usr1"]


def test_loop_leaves_an_ignored_signal_ignored(loop: Loop) -> None:
    """Whoever had us ignore it means our services too."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    loop.signal(signal.SIGUSR1, None, lambda: None)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


def test_loop_calls_for_each_owner_and_goes_on(
    loop: Loop, boundary: list[object], pipe: Callable[[], tuple[int, int]]
) -> None:
    """Every callback passes the boundary with its owner; one that raises stops no other."""
    read, _ = pipe()
    pid = fork()
    loop.child(pid, "child", lambda wstatus: 1 // wstatus)
    loop.read(read, "reader", lambda: 1 // 0)
    loop.signal(signal.SIGUSR1, "signal", lambda: 1 // 0)
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.at(0, "deadline", lambda: 1 // 0)
    turn_until(loop, lambda: {"child", "reader", "signal", "deadline"} <= set(boundary))
    loop.forget(read)
    os.close(read)


def test_loop_runs_until_stop(loop: Loop) -> None:
    """`stop` ends `run` when the turn is over: what is due in it is still served."""
    called: list[str] = []
    loop.at(0, None, loop.stop)
    loop.at(1, None, lambda: called.append("served"))
    loop.run()
    assert called == ["served"]
