"""svscan: the ordered stop on TERM: services first, each logger when its service is gone."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pysvscan import stopping
from tests import scan
from tests.conftest import Installed
from tests.fifos import unread_at
from tests.scan import (
    LOGGER,
    SLEEP,
    Scan,
    command,
    executable,
    is_alive,
    is_supervised,
    kill_session,
    pid,
    read,
    service,
    status,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["root", "nobody"])
def account(request: pytest.FixtureRequest, nobody_path: Path) -> tuple[Path, dict[str, Any]]:
    """Give a place, and who svscan runs as there: root, then an ordinary user."""
    if request.param == "root":
        return nobody_path, {}
    nobody_path.chmod(0o777)
    installed: Installed = request.getfixturevalue("installed")
    program = (str(installed.python), "-I", "-m", "pysvscan")
    settings = {"user": "nobody", "group": "nogroup", "extra_groups": (), "umask": 0}
    return nobody_path, {"program": program, **settings}


class Ending:
    """Runs svscan for a test that ends it."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []

    def start(self, path: Path, **settings: Any) -> Scan:
        """Start svscan; what is there may be written by whoever it runs as."""
        if "user" in settings:
            subprocess.run(["chown", "-R", settings["user"], path], check=True)
        self.scans.append(Scan(path, **settings))
        return self.scans[-1]

    def close(self) -> None:
        """End what is left."""
        for running in self.scans:
            running.close()
            kill_session(running.process.pid)


@pytest.fixture
def ending() -> Iterator[Ending]:
    """Run svscan for a test that ends it."""
    made = Ending()
    yield made
    made.close()


def test_stop_ends_services_then_loggers(
    ending: Ending, account: tuple[Path, dict[str, Any]]
) -> None:
    """The last words of a service are in its log; nothing runs on, and all is announced."""
    tmp, settings = account
    talker = "trap 'kill $!; echo goodbye; exit 0' TERM; sleep 1000 & echo hello; wait; wait"
    where = service(tmp / "service/talker", talker, LOGGER)
    plain = service(tmp / "service/plain")
    running = ending.start(tmp / "service", **settings)
    numbers = running.pids("talker", "talker/log", "plain")
    wait_until(lambda: read(where / "log/main/current") == "hello\n")
    assert running.stop() == 0
    assert not any(is_alive(number) for number in numbers)
    assert read(where / "log/main/current") == "hello\ngoodbye\n"
    assert (where / "log/main/current").stat().st_mode & 0o100  # multilog ended cleanly
    assert [pid(at) for at in (where, where / "log", plain)] == [0, 0, 0]
    assert running.lines() == []


def test_stop_reads_what_a_dead_logger_left(
    ending: Ending, account: tuple[Path, dict[str, Any]]
) -> None:
    """A logger that died with bytes in the pipe is started once more for them."""
    tmp, settings = account
    where = service(tmp / "service/talker", f"echo hello; {SLEEP}", "exit 1")
    running = ending.start(tmp / "service", **settings)
    wait_until(lambda: unread_at(where / "supervise/pipe"))
    wait_until(lambda: pid(where / "log") == 0 and status(where / "log"))
    new = service(tmp / "new", LOGGER)
    if "user" in settings:
        subprocess.run(["chown", settings["user"], new / "run"], check=True)
    (new / "run").rename(where / "log/run")
    assert running.stop() == 0
    assert read(where / "log/main/current") == "hello\n"


def test_stop_does_not_wait_for_a_logger_without_run(ending: Ending, tmp_path: Path) -> None:
    """A logger that cannot start is tried once more, and left."""
    where = service(tmp_path / "service/talker", f"echo hello; {SLEEP}")
    (where / "log").mkdir()
    running = ending.start(tmp_path / "service")
    running.wait_said("supervise: fatal: unable to start talker/log/run: file does not exist")
    assert running.stop() == 0


def test_stop_empties_a_pipe_that_a_stray_holds(ending: Ending, tmp_path: Path) -> None:
    """A process that outlives its service keeps the pipe: the logger reads all, then ends."""
    stray = "(trap '' TERM; exec sleep 1000) & echo $! > stray; echo hello; exec sleep 1000"
    where = service(tmp_path / "service/talker", stray, LOGGER)
    running = ending.start(tmp_path / "service")
    wait_until(lambda: read(where / "log/main/current") == "hello\n")
    assert running.stop() == 0
    assert is_alive(int(read(where / "stray")))
    assert (where / "log/main/current").stat().st_mode & 0o100
    assert running.lines() == []


EARLY = """
import os, sys
from pysvscan import stopping
stopping.is_opening = lambda log, _: b") T " in open(f"/proc/{log.pid}/stat", "rb").read()
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


@pytest.mark.parametrize("program", [scan.OURS, (sys.executable, "-I", "-c", EARLY)])
def test_stop_continues_a_paused_logger(
    ending: Ending, tmp_path: Path, program: tuple[str, ...]
) -> None:
    """A paused logger reads to the end too; also one that was stopped before it had its pipe."""
    where = service(tmp_path / "service/talker", f"read line < go; echo $line; {SLEEP}", LOGGER)
    os.mkfifo(where / "go")
    running = ending.start(tmp_path / "service", program=program)
    wait_up(where / "log")
    command(where / "log", b"p")
    logger = pid(where / "log")  # in a read, it may take a line with it that comes before it stops
    wait_until(lambda: ") T " in read(Path(f"/proc/{logger}/stat")))
    (where / "go").write_text("hello\n")
    wait_until(lambda: unread_at(where / "supervise/pipe"))
    assert running.stop() == 0
    assert read(where / "log/main/current") == "hello\n"


def watches(number: int) -> list[str]:
    """List what a process has inotify watch."""
    found = []
    for file in Path(f"/proc/{number}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            found += [line for line in file.read_text().splitlines() if "inotify" in line]
    return found


def test_stop_waits_for_a_service_and_says_so(
    ending: Ending, account: tuple[Path, dict[str, Any]]
) -> None:
    """A service that ignores TERM is waited for, by name, and not killed; others are gone."""
    tmp, settings = account
    assert stopping.WAITING_NS == 10 * 10**9
    settings["program"] = scan.hurried(settings.get("program", (sys.executable,))[0])
    stubborn = service(tmp / "service/stubborn", "trap '' TERM; exec sleep 1000")
    service(tmp / "service/good")
    running = ending.start(tmp / "service", **settings)
    number, good = running.pids("stubborn", "good")
    wait_until(lambda: "sleep" in read(Path(f"/proc/{number}/comm")))
    running.process.send_signal(signal.SIGTERM)
    running.wait_said(f"svscan: info: waiting for stubborn (pid {number}, 1 processes)")
    assert (is_alive(number), is_alive(good), running.alive()) == (True, False, True)
    assert not watches(running.process.pid)
    wait_until(lambda: not is_supervised(tmp / "service/good"))  # another may, from now on
    command(stubborn, b"k")
    assert running.wait_end() == 0


def test_stop_ends_what_waits(ending: Ending, tmp_path: Path) -> None:
    """Services that are down, cannot start, are incomplete, or stopped by STOP: none holds it."""
    path = tmp_path / "service"
    (service(path / "down") / "down").touch()
    (service(path / "broken") / "run").unlink()
    frozen = service(path / "frozen")
    running = ending.start(path)
    running.wait_said("supervise: fatal: unable to start broken/run: file does not exist")
    command(frozen, b"p")
    wait_until(lambda: (status(frozen) or status(path / "down")).paused)  # type: ignore[union-attr]
    (path / "incomplete").mkdir()
    assert running.stop() == 0
    assert pid(frozen) == 0


def test_stop_with_nothing_to_run(ending: Ending, tmp_path: Path) -> None:
    """An empty scan directory: svscan stays, and ends on TERM, or on INT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        path = tmp_path / number.name
        path.mkdir()
        running = ending.start(path)
        running.look()
        (path / "barrier1").unlink()
        running.process.send_signal(number)
        assert running.wait_end() == 0
        assert running.lines() == []


def test_stop_twice_is_once(ending: Ending, tmp_path: Path) -> None:
    """A second TERM, and looks, change nothing; new directories are not taken any more."""
    stubborn = service(tmp_path / "service/stubborn", "trap '' TERM; exec sleep 1000")
    running = ending.start(tmp_path / "service")
    number = wait_up(stubborn)
    wait_until(lambda: "sleep" in read(Path(f"/proc/{number}/comm")))
    service(tmp_path / "new")
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        running.process.send_signal(signum)
    wait_until(lambda: status(stubborn).want == b"d")  # type: ignore[union-attr]
    (tmp_path / "service/new").symlink_to(tmp_path / "new")
    executable(stubborn / "note", "true")
    command(stubborn, b"k")
    assert running.wait_end() == 0
    assert not (tmp_path / "new/supervise").exists()


def is_first() -> bool:
    """Say whether a process of ours may be of a real-time class."""
    words = (
        sys.executable,
        "-I",
        "-c",
        "import os; os.sched_setscheduler(0, 1, os.sched_param(1))",
    )
    return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.skipif(not is_first(), reason="no real-time class may be had here")
def test_stop_goes_before_what_it_ends(ending: Ending, tmp_path: Path) -> None:
    """Not before: svscan alone is of the real-time class then, what it still starts is not."""
    where = service(tmp_path / "service/a", "trap '' TERM; exec sleep 1000")
    (where / "service.toml").write_text('[stop]\nfinish = "./finish"\n')
    executable(where / "finish", "cat /proc/self/stat > stat; read line < go")
    os.mkfifo(where / "go")
    running = ending.start(tmp_path / "service")
    number = wait_up(where)
    wait_until(lambda: "sleep" in read(Path(f"/proc/{number}/comm")))
    assert os.sched_getscheduler(running.process.pid) == os.SCHED_OTHER
    running.process.send_signal(signal.SIGTERM)
    first = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    wait_until(lambda: os.sched_getscheduler(running.process.pid) == first)
    command(where, b"k")
    wait_until(lambda: read(where / "stat").endswith("\n"))
    assert read(where / "stat").rpartition(")")[2].split()[38] == "0"  # the policy, of 41 words
    with (where / "go").open("w"):
        assert running.wait_end() == 0


def test_stop_without_a_logger_directory(ending: Ending, tmp_path: Path) -> None:
    """`log` is a file: what waits in the pipe stays there, svscan ends."""
    where = service(tmp_path / "service/talker", f"echo hello; {SLEEP}")
    (where / "log").touch()
    running = ending.start(tmp_path / "service")
    running.wait_said("supervise: fatal: unable to chdir to talker/log: not a directory")
    wait_up(where)
    assert running.stop() == 0
    assert scan.pid(where) == 0


def test_logger_that_cannot_be_started_holds_up_no_stop(ending: Ending, tmp_path: Path) -> None:
    """A logger whose process cannot be recorded is tried a few times, then svscan ends."""
    where = service(tmp_path / "scan/a", log=LOGGER)
    (where / "log/supervise").mkdir()
    child = where / "log/supervise/child"
    child.touch()
    child.with_name("other").hardlink_to(child)
    running = ending.start(tmp_path / "scan")
    wait_up(where)
    line = "supervise: warning: unable to write a/log/supervise/child: permission denied"
    running.wait_said(line)
    assert running.stop() == 0
    assert running.lines() == [line]


def test_pipe_that_is_something_else_counts_as_read(tmp_path: Path) -> None:
    """Where a directory took the place of the pipe there is nothing more to read."""
    (tmp_path / "supervise/pipe").mkdir(parents=True)
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        assert stopping.unread(directory) == 0
    finally:
        os.close(directory)
