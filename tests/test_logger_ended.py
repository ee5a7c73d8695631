"""A logger process that somebody ends, and one that cannot be told of a log: all others go on."""

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from pysvscan.core.orders import Kind
from pysvscan.entrylog import EntryLog
from pysvscan.loggers import LoggerProcess, Loggers
from pysvscan.svscan import Svscan
from tests import logs
from tests.scan import Scan, kill_session, pid, service
from tests.wait import wait_until

pytestmark = [pytest.mark.slow]
LAST_WORDS = """
trap 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; exit' TERM
>ready
while :; do sleep 0.1; done
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a scan directory."""
    made = tmp_path / "scan"
    made.mkdir()
    return made


@pytest.fixture
def start() -> Iterator[list[Scan]]:
    """Collect what is started, to be ended."""
    started: list[Scan] = []
    yield started
    for scan in started:
        scan.close()
        kill_session(scan.process.pid)


def test_what_one_log_holds_up(path: Path, start: list[Scan]) -> None:
    """A logger is ended, but has to wait for one log: the other logs get another one at once."""
    gate = path.parent / "gate"
    wait = f'"!until [ -e {gate} ]; do sleep 0.1; done; exec cat"'
    script = f"s4096 {wait} ./main"
    slow = logs.service(path / "slow", logs.count(path / "slow", 1500), script)
    quick = logs.service(path / "quick", logs.count(path / "quick", 100_000, "sleep 0.02"))
    start.append(Scan(path))
    first, _ = logs.ready(start[0], "quick", "slow")
    wait_until(lambda: (slow / "log/main/previous").exists())
    os.kill(first, signal.SIGTERM)
    logs.logger(quick, first)
    size = len(logs.numbers(quick / "log/main"))
    wait_until(lambda: len(logs.numbers(quick / "log/main")) > size + 10)
    assert pid(slow / "log") == first
    gate.touch()
    assert logs.logger(slow, first) == pid(quick / "log")
    # The last file is full, too: with its processor it is neither current nor an archive.
    wait_until(lambda: logs.numbers(slow / "log/main") == list(range(1, 1501)))
    assert start[0].stop() == 0
    found = logs.numbers(quick / "log/main")
    assert found == list(range(1, len(found) + 1))


def test_ended_before_the_last_lines_are_read(path: Path, start: list[Scan]) -> None:
    """Whoever ends all processes at once, as systemd may, ends the logger too: no line is lost."""
    a = logs.service(path / "a", LAST_WORDS)
    start.append(Scan(path))
    (logger,) = logs.ready(start[0], "a")
    wait_until((a / "ready").exists)
    os.kill(logger, signal.SIGSTOP)
    start[0].process.terminate()
    wait_until(lambda: pid(a) == 0)
    os.kill(logger, signal.SIGTERM)
    os.kill(logger, signal.SIGCONT)
    assert start[0].wait_end() == 0
    assert logs.numbers(a / "log/main") == list(range(1, 2001))


class Sent:
    """A log that notes the orders about it, or cannot be handed over."""

    def __init__(self, number: int, trouble: int) -> None:
        self.number, self.trouble = number, trouble
        self.label = b"%d/log" % number
        self.sent: list[Kind] = []

    def send(self, kind: Kind, _sock: socket.socket) -> None:
        """Send an order."""
        if self.trouble:
            raise OSError(self.trouble, os.strerror(self.trouble))
        self.sent.append(kind)


HURRY = """
import sys
from pysvscan import entrylog
entrylog.DRAIN_NS //= 10
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


def test_log_that_has_ended_is_looked_after_no_more(path: Path, start: list[Scan]) -> None:
    """A stray goes on writing into the pipe of a log that has ended: nothing is said of that."""
    logs.service(path / "a", "(trap '' TERM; while echo x; do sleep 0.01; done) & exec sleep 1000")
    service(path / "slow", "trap 'sleep 1; exit' TERM; >up; while :; do sleep 0.1; done")
    start.append(Scan(path, (sys.executable, "-I", "-c", HURRY)))
    logs.ready(start[0], "a")
    wait_until((path / "slow/up").exists)
    assert start[0].stop() == 0
    assert start[0].lines() == []


@pytest.mark.parametrize("trouble", [errno.EACCES, errno.EMFILE])
def test_log_that_cannot_be_handed_over(trouble: int) -> None:
    """It waits, with all orders about it; the others do so only for what all of them need."""
    said: list[str] = []
    later: list[Callable[[], None]] = []
    loop = SimpleNamespace(at=lambda _at, _owner, do: later.append(do) or Mock())
    scan = SimpleNamespace(loop=loop, say_seldom=lambda *words: said.append(words[2]))
    process = LoggerProcess(cast("Loggers", SimpleNamespace(scan=scan)), ("", None))
    first, second = Sent(1, trouble), Sent(2, 0)
    process.logs = cast("dict[int, EntryLog]", {1: first, 2: second})
    process.socket, theirs = socket.socketpair()
    with process.socket, theirs:
        for kind, log in ((Kind.OPEN, first), (Kind.OPEN, second), (Kind.STATE, first)):
            process.queue[kind, log.number] = None
        process.flush()
        assert (first.sent, second.sent) == ([], [Kind.OPEN] if trouble == errno.EACCES else [])
        assert said == ["unable to send 1/log to its logger"]
        first.trouble = 0
        later.pop()()
    assert (first.sent, second.sent) == ([Kind.OPEN, Kind.STATE], [Kind.OPEN])
    assert not process.queue


def test_former_logger_that_does_not_end_is_named() -> None:
    """It keeps its logs from ours: that is said, until it has ended."""
    said: list[str] = []
    later: list[Callable[[], None]] = []
    loop = SimpleNamespace(at=lambda _at, _owner, do: later.append(do))
    scan = SimpleNamespace(loop=loop, say_seldom=lambda *words: said.append(words[2]))
    loggers = Loggers.__new__(Loggers)
    loggers.scan, loggers.heirs = cast("Svscan", scan), set()
    with subprocess.Popen(["sleep", "1000"]) as former:
        pidfd = os.pidfd_open(former.pid)
        loggers.former = {pidfd: former.pid}
        loggers.end_former()
        assert former.wait() == -signal.SIGTERM
    later.pop()()
    name = f"the logger of a former svscan, pid {former.pid}"
    assert said == [f"{name}, has not ended: its logs wait"]
    os.close(pidfd)
    loggers.former.clear()
    later.pop()()
    assert (len(said), later) == (1, [])
