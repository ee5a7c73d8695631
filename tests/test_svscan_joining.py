"""svscan: loggers that come later than their service, or are none."""

from pathlib import Path

import pytest

from tests.scan import (
    LOGGER,
    SLEEP,
    Scan,
    command,
    executable,
    is_alive,
    is_supervised,
    read,
    service,
    untouched,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow


def test_log_that_comes_later_joins_at_the_next_start(running: Scan) -> None:
    """The running service is left alone; at its next start its lines go to the new logger."""
    where = running.path / "one"
    executable(where / "run", f"echo hello; {SLEEP}")
    with untouched(running, "one"):
        service(where / "log", LOGGER)
        running.look()
        assert not is_supervised(where / "log")
    command(where, b"t")
    wait_until(lambda: read(where / "log/main/current") == "hello\n")
    assert running.lines() == []


def test_log_that_is_a_file_is_said_once(running: Scan, tmp_path: Path) -> None:
    """As in C, `log` makes a pipe whatever it is; a directory in its place gets what waited."""
    outside = service(tmp_path / "outside", f"echo hello; {SLEEP}")
    (outside / "log").touch()
    (running.path / "logged").symlink_to(outside)
    for _ in range(3):
        running.look()
    assert running.lines() == ["supervise: fatal: unable to chdir to logged/log: not a directory"]
    with untouched(running, "logged"):
        (outside / "log").unlink()
        service(tmp_path / "log", LOGGER).rename(outside / "log")
        running.look()
        wait_until(lambda: read(outside / "log/main/current") == "hello\n")


def test_log_that_is_empty_is_said_once(running: Scan, tmp_path: Path) -> None:
    """The logger cannot start, the service runs; a log/run that comes gets what waited."""
    outside = service(tmp_path / "outside", f"echo hello; {SLEEP}")
    (outside / "log").mkdir()
    (running.path / "logged").symlink_to(outside)
    line = "supervise: fatal: unable to start logged/log/run: file does not exist"
    running.wait_said(line)
    with untouched(running, "logged"):
        running.look()
        assert running.lines() == [line]
        executable(outside / "log/run", LOGGER)
        wait_until(lambda: read(outside / "log/main/current") == "hello\n")


def test_log_that_vanishes_is_made_anew(running: Scan, tmp_path: Path) -> None:
    """A removed log directory leaves service and logger running; after x a new one is taken."""
    outside = service(tmp_path / "outside", "while :; do echo hello; sleep 1; done", LOGGER)
    (running.path / "logged").symlink_to(outside)
    wait_up(outside)
    logger = wait_up(outside / "log")
    with untouched(running, "logged"):
        (outside / "log").rename(tmp_path / "old")
        running.look()
        assert is_alive(logger)
        service(tmp_path / "log", LOGGER).rename(outside / "log")
        command(tmp_path / "old", b"dx")
        wait_until(lambda: not is_alive(logger))
        running.look()
        wait_until(lambda: "hello\n" in read(outside / "log/main/current"))


def test_log_pipe_that_cannot_be_made_is_said(running: Scan, tmp_path: Path) -> None:
    """A file where the pipe should be: the service, whose lines would be lost, waits meanwhile."""
    outside = service(tmp_path / "outside", f"echo hello; {SLEEP}", LOGGER)
    (outside / "supervise").mkdir()
    (outside / "supervise/pipe").touch()
    (running.path / "logged").symlink_to(outside)
    line = "supervise: fatal: unable to read logged/supervise/pipe: not a FIFO"
    running.wait_said(line)
    assert not is_supervised(outside)
    (outside / "supervise/pipe").unlink()
    wait_until(lambda: read(outside / "log/main/current") == "hello\n")
    assert running.lines() == [line]
