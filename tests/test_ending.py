"""ending, finish, tree, cgroup: how [stop] ends a service, and what follows.

Not tested: a kernel without cgroup.kill (before 5.14).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pysvscan import cgroup, finish, tree
from pysvscan.core.service import State
from pysvscan.core.stopsettings import Stop
from pysvscan.supervise import Supervise
from tests import scan
from tests.hosted import Host
from tests.scan import is_alive, pid, read
from tests.wait import wait_until

pytestmark = pytest.mark.slow

TICK_NS = 100_000_000
LOOP = "touch up; while :; do sleep 0.02; done"
STRAYS = "sleep 1000 & echo $! > below; setsid sleep 1000 & echo $! > session; wait"


def begin(host: Host, path: Path, stop: Stop) -> Supervise:
    """Supervise a directory with a [stop], until it is up and has said so by the file `up`."""
    (path / "up").unlink(missing_ok=True)
    made = host.supervise(path)
    made.ending.follow(stop)
    made.open()
    made.begin()
    host.until((path / "up").exists)
    return made


def number(path: Path) -> int:
    """Read a pid that a service writes."""
    return int(wait_until(lambda: read(path).endswith("\n") and read(path)))


@pytest.mark.parametrize("name", ["TERM", "INT", "USR1"])
def test_signal_is_what_d_sends(host: Host, tmp_path: Path, name: str) -> None:
    """`svc -d` sends that signal; `svc -t` still TERM."""
    run = 'for i in TERM INT USR1; do trap "echo $i >> got" $i; done\n' + LOOP
    service = begin(host, scan.service(tmp_path / "a", run), Stop(signal=name))
    service.feed(ord("d"))
    host.until(lambda: read(tmp_path / "a/got") == f"{name}\n")
    service.feed(ord("t"))
    host.until(lambda: read(tmp_path / "a/got") == f"{name}\nTERM\n")


def test_timeout_kills_who_does_not_end(host: Host, tmp_path: Path) -> None:
    """After its time it gets KILL, `d` again gives it no more; not if it is wanted up again."""
    path = scan.service(tmp_path / "a", f"trap '' TERM; {LOOP}")
    service = begin(host, path, Stop(timeout_ns=5 * TICK_NS))
    begun, first = time.monotonic_ns(), service.pid
    service.feed(ord("d"))
    host.until(lambda: time.monotonic_ns() > begun + 3 * TICK_NS)
    service.feed(ord("u"))
    host.until(lambda: not service.ending.is_timed())
    assert (service.state, service.pid) == (State.UP, first)
    service.feed(ord("d"))
    again = time.monotonic_ns()
    host.until(lambda: time.monotonic_ns() > again + 3 * TICK_NS)
    service.feed(ord("d"))
    assert service.ending.overdue
    assert service.ending.overdue.at_ns < again + 6 * TICK_NS
    host.until(lambda: service.state is State.DOWN)
    assert time.monotonic_ns() - again >= 5 * TICK_NS
    assert service.history.history.ends[0].wstatus == signal.SIGKILL


def test_timeout_runs_under_the_next_supervisor_as_well(host: Host, tmp_path: Path) -> None:
    """Whoever takes over a service that was asked to end gives it that time once more."""
    path = scan.service(tmp_path / "a", f"trap '' TERM; {LOOP}")
    first = begin(host, path, Stop(timeout_ns=1000 * TICK_NS))
    first.feed(ord("d"))
    first.close()
    heir = host.supervise(path)
    heir.ending.follow(Stop(timeout_ns=TICK_NS))
    heir.open()
    heir.begin()
    host.until(lambda: heir.state is State.DOWN)


@pytest.fixture(params=["cgroup", "no cgroup"])
def grouped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Have cgroups, or not."""
    if request.param == "no cgroup":
        monkeypatch.setattr(cgroup, "own", lambda: None)
    else:
        fd = os.open(tmp_path, os.O_RDONLY)
        found = cgroup.of(fd)
        os.close(fd)
        if found is None:
            pytest.skip("no cgroup of version 2 can be made here")
        found.remove()
    return str(request.param)


@pytest.mark.parametrize("letter", ["d", "k"])
def test_tree_ends_what_was_started(host: Host, tmp_path: Path, grouped: str, letter: str) -> None:
    """What the service started and left ends with it: a child, another session."""
    run = f"(setsid sleep 1000 & echo $! > forked)\nexec 3>&1\ntouch up\n{STRAYS}"
    service = begin(
        host, scan.service(tmp_path / "a", run), Stop(tree=True, timeout_ns=20 * TICK_NS)
    )
    names = ["below", "session"]
    if grouped == "cgroup":
        names.append("forked")  # without, nothing says any more whose it was
    strays = [number(tmp_path / "a" / name) for name in ("below", "session", "forked")]
    service.feed(ord(letter))
    host.until(lambda: not any(is_alive(it) for it in strays[: len(names)]))
    host.until(lambda: letter == "d" or service.state is State.WAIT)
    os.kill(strays[2], signal.SIGKILL) if is_alive(strays[2]) else None
    service.feed(ord("d"))
    service.feed(ord("x"))
    host.until(lambda: service.state is State.GONE)


def test_tree_ends_who_can_write_to_the_pipe(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cgroups, a process that has forked away is known by the pipe; readers are spared."""
    monkeypatch.setattr(cgroup, "own", lambda: None)
    path = scan.service(
        tmp_path / "a", "(setsid sleep 1000 & echo $! > forked); touch up; sleep 1000"
    )
    made = host.supervise(path)
    made.ending.follow(Stop(tree=True))
    made.open()
    made.stdout = made.open_pipe()
    reader = os.open(path / "supervise/pipe", os.O_RDONLY | os.O_NONBLOCK)
    made.begin()
    host.until((path / "up").exists)
    forked = number(path / "forked")
    made.feed(ord("d"))
    host.until(lambda: not is_alive(forked))
    os.close(reader)
    os.close(made.stdout)


@pytest.mark.parametrize(
    ("accounts", "since_ticks", "is_killed"),
    [((1,), 0, False), ((), sys.maxsize, False), ((), 0, True), ((1, 0), sys.maxsize, True)],
)
def test_tree_spares_a_stranger_who_was_handed_the_pipe(
    tmp_path: Path, accounts: tuple[int, ...], since_ticks: int, is_killed: bool
) -> None:
    """A descriptor can be sent to any daemon: of another account, or older, it is not killed."""
    (tmp_path / "supervise").mkdir()
    os.mkfifo(tmp_path / "supervise/pipe")
    held = os.open(tmp_path / "supervise/pipe", os.O_RDWR | os.O_CLOEXEC)
    directory = os.open(tmp_path, os.O_RDONLY)
    with subprocess.Popen(["sleep", "1000"], stdout=held) as stranger:
        uids = {os.getuid() + it if it else 0 for it in accounts}
        tree.kill(set(), directory, tree.Suspects(uids, since_ticks))
        with contextlib.suppress(subprocess.TimeoutExpired):
            stranger.wait(10 if is_killed else 0)
        assert (stranger.returncode == -signal.SIGKILL) is is_killed
        stranger.kill()
    os.close(directory)
    os.close(held)


@pytest.mark.parametrize(("letter", "is_critical", "code"), [("d", False, 143), ("o", True, 7)])
def test_critical_is_who_ended_by_itself(
    host: Host, tmp_path: Path, letter: str, is_critical: bool, code: int
) -> None:
    """Who was to run once and has ends svscan; not who was commanded down."""
    run = "touch up; until [ -e go ]; do sleep 0.02; done; exit 7"
    service = begin(host, scan.service(tmp_path / "a", run), Stop(critical=True))
    service.feed(ord(letter))
    if letter == "o":
        assert not service.ending.is_critical()
        (tmp_path / "a/go").touch()
    host.until(lambda: service.state is State.DOWN)
    assert (service.ending.is_critical(), service.ending.code) == (is_critical, code)


FINISH = "echo $1 $2 >> finished"


@pytest.mark.parametrize(
    ("run", "letter", "said"),
    [("exit 3", "", "3 0"), (LOOP, "t", "-1 15"), (LOOP, "d", "-1 15"), (LOOP, "x", "-1 15")],
)
def test_finish_runs_after_each_exit(
    host: Host, tmp_path: Path, run: str, letter: str, said: str
) -> None:
    """It gets exit code and signal, as runit's does; down, a start or our end follow it."""
    path = scan.service(tmp_path / "a", f"touch up\n{run}")
    scan.executable(path / "finish", FINISH)
    service = begin(host, path, Stop(finish=b"./finish"))
    for byte in letter.encode():
        service.feed(byte)
    if letter == "x":
        service.feed(ord("t"))
    host.until(lambda: read(path / "finished"))
    assert read(path / "finished").splitlines()[0] == said
    wanted = {"d": State.DOWN, "x": State.GONE}.get(letter, State.UP)
    host.until(lambda: service.state is wanted)
    assert host.said == []


def test_finish_has_its_time_and_is_no_service(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long: killed, which is said. While it runs svstat says down, and commands are heard."""
    monkeypatch.setattr(finish, "LIMIT_NS", 5 * TICK_NS)
    path = scan.service(tmp_path / "a", LOOP)
    scan.executable(path / "finish", "echo $$ > running; exec sleep 1000")
    service = begin(host, path, Stop(finish=b"./finish"))
    service.feed(ord("t"))
    host.until(lambda: service.state is State.FINISH)
    assert pid(path) == 0
    running = number(path / "running")
    service.feed(ord("d"))
    host.until(lambda: service.state is State.DOWN)
    assert not is_alive(running)
    assert host.said == ["supervise: warning: killing ./finish of a: it took more than 5 s"]


def test_finish_that_cannot_run_is_said(host: Host, tmp_path: Path) -> None:
    """The service goes on without it."""
    service = begin(host, scan.service(tmp_path / "a", LOOP), Stop(finish=b"./finish"))
    service.feed(ord("d"))
    service.feed(ord("t"))
    host.until(lambda: service.state is State.DOWN)
    assert host.said == ["supervise: warning: unable to start a/finish: file does not exist"]


def test_finish_outlives_us(host: Host, tmp_path: Path) -> None:
    """Whoever comes after our death waits for it, and starts no service beside it."""
    path = scan.service(tmp_path / "a", LOOP)
    scan.executable(path / "finish", "echo $$ > running; read line < go")
    os.mkfifo(path / "go")
    stop = Stop(finish=b"./finish")
    service = begin(host, path, stop)
    service.feed(ord("t"))
    host.until(lambda: service.state is State.FINISH)
    number(path / "running")
    service.close()
    again = host.supervise(path)
    again.ending.follow(stop)
    again.open()
    again.begin()
    assert (again.state, again.pid) == (State.FINISH, 0)
    (path / "go").write_text("\n")
    host.until(lambda: again.state is State.UP)
    again.feed(ord("d"))
    host.until(lambda: again.state is State.FINISH_DOWN)
    (path / "go").write_text("\n")
    host.until(lambda: again.state is State.DOWN)
