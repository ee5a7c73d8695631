"""One service: its starts, and what it is told."""

import fcntl
import itertools
import os
import signal
from pathlib import Path

import pytest

from pysvscan.core import identity
from pysvscan.core.restart import GAP_NS
from pysvscan.core.runsettings import Run
from pysvscan.core.service import State
from pysvscan.files import COMMANDS
from pysvscan.waiting import Piped, Waiting
from tests import scan
from tests.fifos import unread
from tests.hosted import Host, age
from tests.scan import command, executable, is_supervised, starts
from tests.supervising import ROADS, RUN, status, up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory; its run notes its pid."""
    return scan.service(tmp_path / "a", RUN)


def test_supervise_records_the_process_before_it_runs(host: Host, path: Path) -> None:
    """child, status and the running process have the same pid, and child is of fixed size."""
    pid = up(host, host.begin(path), path)
    record = (path / "supervise/child").read_bytes()
    assert (identity.unpack(record).pid, len(record)) == (pid, identity.BYTES)
    assert status(path) == (pid, False, b"u")


def test_supervise_waits_a_second_between_starts(host: Host, path: Path) -> None:
    """A service that ends at once starts no sooner than 1 s after its last start."""
    executable(path / "run", "echo $$ >>starts; exit 1")
    service = host.supervise(path)
    begun: list[int] = []
    service.on_start = lambda: begun.append(service.last_start_ns)
    service.open()
    service.begin()
    host.until(lambda: len(begun) == 3)
    assert all(b - a >= GAP_NS for a, b in itertools.pairwise(begun))


def test_supervise_starts_an_old_service_at_once(host: Host, path: Path) -> None:
    """One that ran for a second is up again in the very turn that learns of its death."""
    service = host.begin(path)
    pid = up(host, service, path)
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: service.pid != pid)
    assert service.pid
    assert status(path) == (service.pid, False, b"u")


def test_supervise_hears_in_the_first_second(host: Host, path: Path) -> None:
    """Right after a start d ends the service; u in that second starts it when it is over."""
    service = host.begin(path)
    first = up(host, service, path)
    began_ns = service.last_start_ns
    scan.command(path, b"d")
    host.until(lambda: not service.pid)
    assert status(path) == (0, False, b"d")
    scan.command(path, b"u")
    second = up(host, service, path)
    assert second != first
    assert service.last_start_ns - began_ns >= GAP_NS


def test_supervise_leaves_on_x(host: Host, path: Path) -> None:
    """x, when the process is gone, frees lock and ok: another may supervise."""
    service = host.begin(path)
    up(host, service, path)
    scan.command(path, b"xd")
    host.until(service.is_gone)
    assert not is_supervised(path)
    with (path / "supervise/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    host.begin(path)
    assert is_supervised(path)


def test_supervise_leaves_with_one_status(host: Host, path: Path) -> None:
    """Of an ordered stop nothing is written but the end, unless that takes its time."""
    executable(path / "run", "trap '' TERM; echo $$ >>starts; exec sleep 1000")
    service = host.begin(path)
    pid = up(host, service, path)
    host.until(lambda: b"trap" not in Path(f"/proc/{pid}/cmdline").read_bytes())
    service.leave()
    assert status(path) == (pid, False, b"u")
    assert identity.is_left((path / "supervise/child").read_bytes())
    service.catch_up()
    assert status(path) == (pid, False, b"d")
    inode = (path / "supervise/status").stat().st_ino
    service.catch_up()
    assert (path / "supervise/status").stat().st_ino == inode
    scan.command(path, b"k")
    host.until(service.is_gone)
    assert status(path) == (0, False, b"d")


def test_supervise_runs_once_on_ox(host: Host, path: Path) -> None:
    """-ox: one start, and nobody supervises when it has ended."""
    executable(path / "run", "echo $$ >>starts")
    (path / "down").touch()
    service = host.begin(path)
    assert (service.state, service.pid) == (State.DOWN, 0)
    scan.command(path, b"ox")
    host.until(service.is_gone)
    assert len(starts(path)) == 1


def test_supervise_announces_once_before_the_start(host: Host, path: Path) -> None:
    """Whoever takes over a start of svc -o knows that it was one."""
    (path / "down").touch()
    service = host.begin(path)
    seen: list[tuple[int, bool, bytes]] = []
    service.on_start = lambda: seen.append(status(path))
    service.feed(ord("o"))
    assert seen == [(0, False, b"\0")]


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_survives_the_death_of_what_waits(host: Host, path: Path) -> None:
    """A waiting process that somebody killed costs nothing: the service starts all the same."""
    take, taken = host.starter.take, []

    def take_and_kill(directory: int, run: Run | None = None) -> Waiting:
        waiting = take(directory, run)
        if not taken:
            os.kill(waiting.pid, signal.SIGKILL)
            os.waitid(os.P_PID, waiting.pid, os.WEXITED | os.WNOWAIT)
        taken.append(waiting.pid)
        return waiting

    host.starter.take = take_and_kill  # type: ignore[method-assign]
    service = host.begin(path)
    up(host, service, path)
    assert taken[1:] == [service.pid]
    assert host.said == []
    host.until(lambda: not Path(f"/proc/{taken[0]}").exists())


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_runs_nothing_that_it_could_not_record(host: Host, path: Path) -> None:
    """No record, no service: the process is cancelled and waited for, and it is tried again."""
    service = host.supervise(path)
    service.open()
    (path / "supervise/child").unlink()
    (path / "supervise/child").mkdir()
    service.begin()
    assert host.said == ["supervise: warning: unable to write a/supervise/child: is a directory"]
    host.until(lambda: len(children()) == host.ahead())
    assert starts(path) == []
    (path / "supervise/child").rmdir()
    up(host, service, path)


def children() -> list[str]:
    """List our children, zombies included."""
    number = os.getpid()
    return Path(f"/proc/{number}/task/{number}/children").read_text().split()


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_says_why_and_tries_again(host: Host, path: Path) -> None:
    """What cannot be executed is said as C says it; when it can, the service starts."""
    (path / "run").rename(path / "aside")
    service = host.begin(path)
    host.until(lambda: host.said)
    assert host.said == ["supervise: fatal: unable to start a/run: file does not exist"]
    assert status(path) == (0, False, b"u")
    (path / "aside").rename(path / "run")
    age(service)
    service.retry()
    up(host, service, path)
    assert len(host.said) == 1
    assert service.failures  # until it has ended as a service does


def test_supervise_tries_again_without_being_told(host: Host, path: Path) -> None:
    """A failed start is repeated by itself."""
    executable(path / "run.new", RUN)
    (path / "run").write_text("no script\n")
    service = host.begin(path)
    host.until(lambda: len(host.said) == 2)
    (path / "run.new").rename(path / "run")
    up(host, service, path)
    assert set(host.said) == {"supervise: fatal: unable to start a/run: exec format error"}


def test_supervise_says_that_run_is_busy(host: Host, path: Path) -> None:
    """A run that is being written looks well and cannot be executed: that is found, and said."""
    with (path / "run").open("ab"):
        service = host.begin(path)
        host.until(lambda: host.said)
        assert host.said[0] == "supervise: fatal: unable to start a/run: text busy"
    up(host, service, path)


@pytest.mark.parametrize(
    ("host", "is_asked"), [("direct", False), ("shell", True)], indirect=["host"]
)
def test_supervise_asks_the_slow_road_only_after_a_shell(
    host: Host, path: Path, is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that exits 127, as a shell that cannot execute it would: only a shell is doubted."""
    executable(path / "run", "echo $$ >>starts; exit 127")
    asked: list[int] = []
    fork = host.starter.fork.take

    def take(directory: int, run: Run | None = None) -> Piped:
        asked.append(directory)
        return fork(directory, run)

    monkeypatch.setattr(host.starter.fork, "take", take)
    host.begin(path)
    host.until(lambda: len(starts(path)) == 2)
    assert bool(asked) == is_asked
    assert host.said == []


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_starts_what_was_replaced_at_the_last_moment(host: Host, path: Path) -> None:
    """A run is taken away between the look at it and its execution: the next start says so."""
    service = host.begin(path)
    pid = up(host, service, path)
    take = host.starter.take

    def take_away(directory: int, run: Run | None = None) -> object:
        waiting = take(directory, run)
        (path / "run").rename(path / "aside")
        return waiting

    host.starter.take = take_away  # type: ignore[assignment,method-assign]
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: host.said)
    assert host.said == ["supervise: fatal: unable to start a/run: file does not exist"]
    host.starter.take = take  # type: ignore[method-assign]
    (path / "aside").rename(path / "run")
    up(host, service, path)


def test_supervise_serves_a_flood_of_commands_by_and_by(host: Host, path: Path) -> None:
    """A control that somebody fills without end takes a small part of each turn."""
    service = host.begin(path)
    up(host, service, path)
    command(path, b"pc" * 2000)
    host.loop.turn()
    assert 4000 - unread(service.files.control) == COMMANDS
