"""svscan as PID 1, as subreaper, and what signals ask of it; stops under a budget.

Not tested: how long a stop takes (contrib/bench/stop).
"""

import contextlib
import gc
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pysvscan import pid1, signals, stopping, strays, tree
from pysvscan.loop import Callback, Deadline, Loop
from tests import pidns
from tests.conftest import ROOT
from tests.pidns import contained
from tests.scan import (
    HURRY,
    LOGGER,
    OURS,
    SLEEP,
    Scan,
    command,
    is_alive,
    kill_session,
    pid,
    read,
    service,
    wait_started,
)
from tests.wait import wait_until

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

pytestmark = pytest.mark.slow

LINES = (ROOT / "contrib/container/Dockerfile").read_text().splitlines()
ENTRYPOINT = next(line for line in LINES if line.startswith("ENTRYPOINT"))
HELD = json.loads(ENTRYPOINT.removeprefix("ENTRYPOINT"))[:-1]
ASKED = "trap 'echo asked > asked; echo bye; exit' TERM; touch there; while :; do sleep 0.05; done"
STRAY = f'setsid sh -c "{ASKED}"'
DEAF = "setsid sh -c \"trap '' TERM; touch deaf; sleep 1000\""
IMPATIENT = HURRY.replace(  # with logs whose pipe somebody still holds
    "stopping.WAITING_NS //= 10",
    "from pysvscan import entrylog\nstopping.LOGGER_NS = entrylog.DRAIN_NS = 10**8",
)
LOG = "[log]\nscript = './main'\nuser = 'root'\n"


@contextlib.contextmanager
def ending(path: Path, *options: str, program: Sequence[str] = OURS) -> Iterator[Scan]:
    """Run svscan for a test that ends it."""
    running = Scan(path, program, options=options)
    try:
        yield running
    finally:
        running.close()
        kill_session(running.process.pid)


def test_pid1_stops_in_order_and_ends_strays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services that ignore TERM are killed in the budget, strays asked; the logs have all."""
    monkeypatch.setattr(pidns, "OURS", (sys.executable, "-I", "-c", IMPATIENT))
    path = tmp_path / "service"
    classic = service(path / "classic", f"({STRAY} &)\n{SLEEP}", LOGGER)
    last = "trap 'echo last; exit 0' TERM; echo first; touch up; while :; do sleep 0.05; done"
    logged = service(path / "logged", f"({DEAF} &)\n({STRAY} &)\n{last}")
    (logged / "service.toml").write_text(LOG)
    stubborn = service(path / "stubborn", "trap '' TERM; touch up; while :; do sleep 0.05; done")
    with contained(path, "--stop-budget", "2") as (running, number):
        for name in ("up", "there", "deaf"):
            wait_until(lambda name=name: (logged / name).exists())
        wait_until(lambda: (stubborn / "up").exists() and (classic / "there").exists())
        wait_until(lambda: (classic / "log/main/current").exists())
        os.kill(number, signal.SIGTERM)
        assert running.wait_end() == 0
    assert read(logged / "asked") == "asked\n"
    assert read(logged / "log/main/current") == "first\nlast\nbye\n"
    assert read(classic / "log/main/current") == "bye\n"
    assert (logged / "log/main/current").stat().st_mode & 0o100  # the logger ended in order
    assert [pid(where) for where in (logged, stubborn)] == [0, 0]
    warnings = [line for line in running.lines() if line.startswith("svscan: ")]
    assert warnings == ["svscan: warning: logged/log has no run, which C svscan needs"]


def test_pid1_reaps_orphans_and_lives_on(tmp_path: Path) -> None:
    """Orphans leave no zombie; no signal that asks for nothing ends PID 1."""
    path = tmp_path / "service"
    where = service(
        path / "forker", f"for i in 1 2 3; do (true & sleep 0.1 &); done; touch up\n{SLEEP}"
    )
    with contained(path) as (running, number):
        wait_until((where / "up").exists)
        wait_until(lambda: len(pidns.below(number)) == 1)  # itself; no zombie is left
        asking = {*signals.STOP, signal.SIGKILL, signal.SIGSTOP}
        for signum in signal.valid_signals() - asking:
            os.kill(number, signum)
        command(where, b"d")
        wait_until(lambda: pid(where) == 0)
        os.kill(number, signal.SIGRTMIN + 3)
        assert running.wait_end() == 0


@pytest.mark.parametrize("signum", signals.STOP)
def test_stop_signals_stop_in_order(tmp_path: Path, signum: int) -> None:
    """Each of them is an ordered stop; what was blocked for svscan alone is so for no service."""
    service(tmp_path / "service/a")
    with ending(tmp_path / "service", program=(*HELD, *OURS)) as running:
        wait_started(tmp_path / "service/a")
        number = pid(tmp_path / "service/a")
        assert blocked(number) == 0
        assert b"PYSVSCAN_HELD" not in Path(f"/proc/{number}/environ").read_bytes()
        running.process.send_signal(signum)
        assert running.wait_end() == 0
        assert not is_alive(number)
        assert running.lines() == []


def blocked(number: int) -> int:
    """Give the signals that a process has blocked."""
    lines = read(Path(f"/proc/{number}/status")).splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))


def test_signal_before_the_handlers_is_not_lost(tmp_path: Path) -> None:
    """A TERM that comes while svscan imports its modules stops it in order when it listens."""
    (tmp_path / "service").mkdir()
    early = """
import os, sys
from pysvscan import pid1, signals, strays, tree
from pysvscan.loop import Loop
hold = signals.hold
def held(env):
    found = hold(env)
    os.kill(os.getpid(), 15)
    return found
signals.hold = held
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""
    with ending(tmp_path / "service", program=(sys.executable, "-I", "-c", early)) as running:
        assert running.wait_end() == 0
        assert running.lines() == []


def test_signal_before_the_interpreter_is_not_lost(tmp_path: Path) -> None:
    """The Dockerfile's ENTRYPOINT holds it."""
    with ending(tmp_path, program=(*HELD, *OURS)) as running:
        wait_until(lambda: blocked(running.process.pid))
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_end() == 0


def test_subreaper_takes_and_reaps_orphans(tmp_path: Path) -> None:
    """A process whose parent died becomes svscan's child, and is gone when it ends."""
    where = service(tmp_path / "service/a", f"(sleep 1000 & echo $! > stray)\n{SLEEP}")
    with ending(tmp_path / "service") as running:
        wait_started(where)
        stray = int(read(where / "stray"))
        wait_until(lambda: pidns.parent(Path(f"/proc/{stray}")) == running.process.pid)
        os.kill(stray, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{stray}").exists())
        assert running.stop() == 0


def test_usr1_rotates_built_in_logs(tmp_path: Path) -> None:
    """Each log begins a new file, and goes on."""
    wheres = [service(tmp_path / f"service/{name}", f"echo {name}; {SLEEP}") for name in "ab"]
    for where in wheres:
        (where / "service.toml").write_text("[log]\nscript = './main'\nuser = 'root'\n")
    with ending(tmp_path / "service") as running:
        wait_until(lambda: all(read(where / "log/main/current") for where in wheres))
        running.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: all(list((where / "log/main").glob("@*.s")) for where in wheres))
        assert running.stop() == 0


def test_budget_kills_and_leaves(tmp_path: Path) -> None:
    """Before its end the services are killed; at its end svscan leaves who is still there."""
    deaf = "trap '' TERM; touch up; while :; do sleep 0.05; done"
    where = service(tmp_path / "service/a", deaf, deaf)
    with ending(tmp_path / "service", "--stop-budget", "1") as running:
        wait_until(lambda: (where / "up").exists() and (where / "log/up").exists())
        main, logger = pid(where), pid(where / "log")
        assert running.stop() == 0
        wait_until(lambda: not is_alive(main))
        assert is_alive(logger)
        (line,) = running.lines()
        assert re.fullmatch(f"svscan: warning: leaving a \\(.*pid {logger}, .*\\)", line), line


def test_strays_are_killed_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked once, then killed until none is left: what is killed may have started another.

    Not the loggers, whosoever they are, nor who waits for a start and is no service's yet.
    """
    signalled: list[tuple[set[int], tuple[signal.Signals, ...]]] = []

    def note(pids: Iterable[int], *numbers: signal.Signals) -> None:
        signalled.append((set(pids), numbers))

    rounds = iter([{1}, {1}, {1, 2}, {3}, {4}, set()])
    spared: list[set[int]] = []
    monkeypatch.setattr(tree, "others", lambda pids: spared.append(pids) or next(rounds))
    monkeypatch.setattr(tree, "signal_all", note)
    monkeypatch.setattr(strays, "ROUND_NS", 10**6)
    monkeypatch.setattr(strays, "PATIENCE_NS", 0)
    loop = Loop()
    loop.children = {11: (-1, None, lambda _: None), 12: (-1, "a service", lambda _: None)}
    processes = {"": SimpleNamespace(pid=13)}
    loggers = SimpleNamespace(processes=processes, ending=[SimpleNamespace(pid=14)], former={0: 15})
    scan = SimpleNamespace(loop=loop, loggers=loggers, entries={})
    strays.Strays(cast("Svscan", scan), loop.stop).begin()
    loop.run()
    killed = [({1}, (9,)), ({1, 2}, (9,)), ({3}, (9,)), ({4}, (9,))]
    assert signalled == [({1}, (signal.SIGTERM, signal.SIGCONT)), *killed]
    assert spared == [{11, 13, 14, 15}] * 6


@pytest.mark.parametrize("word", ["0", "1.5", "-1", "x", "99999999999"])
def test_budget_is_a_number_of_seconds(tmp_path: Path, word: str) -> None:
    """Anything else is a wrong usage."""
    with ending(tmp_path, "--stop-budget", word) as running:
        assert running.wait_end() == 100


class Counted:
    """A loop with so many children that looking at them takes 3 ms."""

    def __init__(self) -> None:
        self.looks: list[int] = []
        self.heard: list[int] = []

    def at(self, at_ns: int, owner: object, callback: Callback) -> Deadline:
        """Note the moment of the next look."""
        self.looks.append(at_ns)
        return Deadline(at_ns, owner, callback)

    def signal(self, signum: int, owner: object, callback: object) -> None:  # noqa: ARG002
        """Note that a signal is heard."""
        self.heard.append(signum)

    def reap(self) -> None:
        """Take that time."""
        end_ns = time.monotonic_ns() + 3_000_000
        while time.monotonic_ns() < end_ns:
            pass


def test_orphans_wait_longer_for_a_look_that_takes_longer() -> None:
    """The first look is at once; after one that took 3 ms the next waits, for a second at most."""
    loop = Counted()
    orphans = pid1.Orphans(loop)  # type: ignore[arg-type]
    orphans.child_died()
    assert loop.looks[0] <= time.monotonic_ns()
    orphans.look()
    before_ns = time.monotonic_ns()
    orphans.child_died()
    assert before_ns + pid1.LATEST_NS <= loop.looks[1] <= time.monotonic_ns() + pid1.LATEST_NS


def test_stop_is_disturbed_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at all objects, and for a while no SIGCHLD, takes time from the services' ends.

    So it is after an exec as well, before any death is served, and before all were told nobody
    leaves.
    """
    rests: list[int] = []
    monkeypatch.setattr(gc, "disable", lambda: rests.append(0))
    orphans = SimpleNamespace(rest=rests.append)
    scan = SimpleNamespace(
        loop=Counted(), loggers=SimpleNamespace(), entries={1: 2}, orphans=orphans
    )
    stop = stopping.Stopping(cast("Svscan", scan))
    stop.restore()
    stop.leave_if_idle()
    assert rests == [0, stopping.SOON_NS]
    assert stop.busy == stop.running == stop.untold == [2]


def test_orphans_are_looked_for_after_a_rest() -> None:
    """No SIGCHLD interrupts the rest; at its end comes one look, and each is heard again."""
    loop = Counted()
    orphans = pid1.Orphans(loop)  # type: ignore[arg-type]
    orphans.rest(1_000_000)
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    orphans.child_died()  # on its way already
    assert (len(loop.looks), loop.heard) == (1, [])
    orphans.listen()
    assert (loop.heard, orphans.timer, orphans.delay_ns > 0) == ([signal.SIGCHLD], None, True)
