"""The pipe between service and logger, when svscan and logger die: not a byte is lost."""

from pathlib import Path

import pytest

from tests import scan
from tests.scan import Scan, command, is_supervised, wait_started, wait_up
from tests.wait import wait_until

pytestmark = pytest.mark.slow
# Writes as many lines as the file `wanted` says, and says in `written` how many those were.
WRITER = """
exec 8>>written
n=$(wc -l <written)
while :; do
    read -r wanted <wanted
    while [ $n -lt "$wanted" ]; do n=$((n+1)); echo $n; echo $n >&8; done
    sleep 0.02
done
"""
LOGGER = "exec cat >>lines"


class Logged:
    """A logged service that writes when it is told to, and its svscan."""

    def __init__(self, where: Path) -> None:
        self.path = scan.service(where / "a", WRITER, LOGGER)
        self.total = 0
        (self.path / "wanted").write_text("0\n")
        self.scan = Scan(where)
        wait_started(self.path, "run")
        wait_started(self.path / "log", "cat")
        self.main, self.log = scan.pid(self.path), scan.pid(self.path / "log")

    def write(self, lines: int = 10) -> None:
        """Have lines written into the pipe, and wait until they are."""
        self.total += lines
        (self.path / "wanted.new").write_text(f"{self.total}\n")
        (self.path / "wanted.new").rename(self.path / "wanted")
        wait_until(lambda: self.count(self.path / "written") == self.total)

    def count(self, file: Path) -> int:
        """Count the lines of a file."""
        return file.read_bytes().count(b"\n") if file.exists() else 0

    def check(self) -> None:
        """Wait until all lines are in the log, and assert that they are there once, in order."""
        lines = self.path / "log/lines"
        wait_until(lambda: self.count(lines) >= self.total)
        assert lines.read_text().split() == [str(n + 1) for n in range(self.total)]

    def kill(self) -> None:
        """Kill svscan."""
        self.scan.process.kill()
        self.scan.process.wait()

    def start(self) -> None:
        """Start svscan anew, and wait until it has taken over."""
        self.scan.start()
        wait_until(lambda: is_supervised(self.path) and is_supervised(self.path / "log"))


@pytest.fixture
def logged(tmp_path: Path):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Give a logged service."""
    (tmp_path / "scan").mkdir()
    made = Logged(tmp_path / "scan")
    sessions = [made.scan.process.pid]
    yield made
    made.scan.close()
    for session in {*sessions, made.scan.process.pid}:
        scan.kill_session(session)


def test_pipe_is_read_by_the_same_logger_after_a_kill(logged: Logged) -> None:
    """A logger that svscan's death left goes on reading, under the new svscan as well."""
    logged.write()
    logged.kill()
    logged.write()
    logged.check()
    logged.start()
    logged.write()
    logged.check()
    assert (scan.pid(logged.path), scan.pid(logged.path / "log")) == (logged.main, logged.log)


def test_pipe_keeps_what_nobody_read(logged: Logged) -> None:
    """Written while svscan and logger are dead: there when both are back, as the service lives."""
    command(logged.path / "log", b"d")
    wait_until(lambda: not scan.pid(logged.path / "log"))
    logged.kill()
    logged.write()
    logged.start()
    command(logged.path / "log", b"u")
    wait_up(logged.path / "log", but=logged.log)
    logged.check()
    assert scan.pid(logged.path) == logged.main


def test_pipe_is_the_same_for_a_restarted_service(logged: Logged) -> None:
    """A service that is replaced under a new svscan writes to the logger that was there before."""
    logged.write()
    logged.kill()
    logged.start()
    command(logged.path, b"k")
    wait_up(logged.path, but=logged.main)
    logged.check()
    assert scan.pid(logged.path / "log") == logged.log


def test_pipe_outlives_its_name(logged: Logged) -> None:
    """The FIFO's name removed: service and logger that start anew still meet."""
    (logged.path / "supervise/pipe").unlink()
    logged.write()
    logged.check()  # else the KILL may lose what the logger has read and not written
    command(logged.path / "log", b"k")
    wait_up(logged.path / "log", but=logged.log)
    logged.write()
    logged.check()
