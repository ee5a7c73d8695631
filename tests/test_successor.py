"""What must not go wrong around a re-execution, whatever else does; the rest: test_reexec.

A svscan that could not be taken over is started anew, and stops if it was to stop.
"""

import functools
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from pysvscan import handover, successor
from pysvscan.commands import svscan
from pysvscan.core.handover import Given, Scan, pack
from pysvscan.inherited import Inherited
from pysvscan.loop import Callback
from pysvscan.reexec import Reexec, write

USR1 = {signal.SIGUSR1}
GIVEN = Given((b"A=1",), (signal.SIGALRM,), (), (64, 64), -1)
STATE = Scan((b"svscan", b"/service"), GIVEN, -1, -1, (), signals=(signal.SIGUSR1,), stop_code=3)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Leave signals as they were; USR1 waits, as when a new image begins."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, USR1)
    interrupt = signal.getsignal(signal.SIGINT)
    yield
    signal.sigtimedwait(USR1, 0)
    signal.signal(signal.SIGINT, interrupt)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize(
    ("state", "done"),
    [
        (STATE, ["begin"]),
        (STATE._replace(is_stopping=True, stop_ns=5), ["stop", "begin"]),
        (STATE._replace(is_stop_due=True), ["stop", "begin"]),
    ],
    ids=["running", "stopping", "stop due"],
)
def test_start_goes_on_with_a_stop(
    monkeypatch: pytest.MonkeyPatch, state: Scan, done: list[str]
) -> None:
    """It stops with its code, in what is left of its time; and signals that came still wait."""
    did: list[str] = []
    stopping = SimpleNamespace(begun_ns=0, code=0, begin_soon=lambda: did.append("stop"))
    made = SimpleNamespace(stopping=stopping, begin=lambda: did.append("begin"))
    got: list[tuple[Inherited, bytes]] = []

    def make(inherited: Inherited, path: bytes) -> SimpleNamespace:
        got.append((inherited, path))
        return made

    monkeypatch.setattr(svscan, "make", make)
    fd = write(pack(state))
    assert vars(successor.start(fd, ["svscan"])) == vars(made)
    os.close(fd)
    ((inherited, path),) = got
    os.close(inherited.stdin)
    assert (inherited.words, inherited.mask, path) == (STATE.words, {signal.SIGALRM}, b".")
    assert (did, stopping.begun_ns) == (done, state.stop_ns)
    assert stopping.code == (3 if "stop" in done else 0)
    assert signal.sigpending() & USR1


def test_exception_in_the_last_turn_keeps_nobody_from_leaving() -> None:
    """A loop that was left is not run again, nor another image executed; any other is."""
    scan = SimpleNamespace(loop=SimpleNamespace(running=True), in_hand=None)
    crashes: list[Exception] = []
    scan.boundary = lambda _, callback: callback()
    guarded = SimpleNamespace(scan=scan, crashed=lambda exc, _: crashes.append(exc))

    def serve() -> None:
        if len(crashes) > 1:
            pytest.fail("run again")
        if crashes:
            scan.loop.running = False
        raise ValueError(len(crashes))

    Reexec.guard(cast("Reexec", guarded), serve)
    assert [exc.args for exc in crashes] == [(0,)]


def test_signals_that_came_are_served_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM may be the end at once, and only a loop that runs can be left; not before deaths."""
    done: list[object] = []
    later: list[Callback] = []
    loop = SimpleNamespace(
        at=lambda *words: later.append(words[2]),
        reap=lambda: done.append("reap"),
        serve_signals=done.append,
    )
    look = functools.partial(done.append, "look")
    scan = SimpleNamespace(loop=loop, inherited=SimpleNamespace(mask=USR1), look_at_all=look)
    monkeypatch.setattr(handover, "restore", lambda *_: done.append("restore"))
    Reexec.resume(cast("Reexec", SimpleNamespace(scan=scan)), STATE)
    for callback in later:
        callback()
    assert done == ["restore", "reap", "look", STATE.signals]
