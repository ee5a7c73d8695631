"""Moving from daemontools to pysvscan and back, as the README says, with a service as of 2002.

Not tested: several hosts; that a person reads the README.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scan import (
    OURS,
    Scan,
    executable,
    hurried,
    is_alive,
    is_supervised,
    kill_session,
    pid,
    wait_up,
)
from tests.wait import wait_until

C = Path("/usr/bin")
ENV = {"PATH": "/usr/bin:/bin"}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.oracle,
    pytest.mark.skipif(
        not all((C / name).exists() for name in ("svscan", "multilog", "svc")),
        reason="daemontools is not installed",
    ),
]
RUN = """exec 2>&1
n=0
while :; do echo "line $((n += 1)) < MAIL FROM:<a@b.example>"; sleep 0.01; done"""
LOGRUN = "exec multilog t s4096 n20 '-*' '+*tcpserver*' '+*MAIL FROM:*' ./main '-*' =status"


@pytest.fixture
def scan(tmp_path: Path) -> Iterator[Path]:
    """Give a scan directory with two links, and end whatever still runs there."""
    directory = tmp_path / "service"
    directory.mkdir()
    for name in ("smtp", "pop3"):
        made = tmp_path / "available" / name
        (made / "log").mkdir(parents=True)
        executable(made / "run", RUN)
        executable(made / "log/run", LOGRUN)
        (directory / name).symlink_to(made)
    yield directory
    for control in (tmp_path / "available").glob("**/supervise/control"):
        with contextlib.suppress(OSError):
            fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, b"dxk")
            os.close(fd)


@contextlib.contextmanager
def c_svscan(scan: Path) -> Iterator[None]:
    """Run C's svscan; what it started lives on when it is stopped."""
    with scan.with_name("c.stderr").open("ab") as err:
        process = subprocess.Popen(
            [C / "svscan", scan], env=ENV, stderr=err, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def our_svscan(scan: Path) -> Iterator[Scan]:
    """Run ours."""
    ours = Scan(scan, program=hurried())
    try:
        yield ours
    finally:
        ours.close()
        kill_session(ours.process.pid)


def svc(scan: Path, letters: str, *names: str) -> None:
    """Command services by C's svc."""
    done = subprocess.run([C / "svc", letters, *names], cwd=scan, capture_output=True, check=True)
    assert done.stderr == b""


def starts(service: Path) -> list[int]:
    """Give how many lines each start of a service has in its log; none is missing or twice."""
    log = service / "log/main"
    files = [*sorted(log.glob("@*")), log / "current"]
    found: list[int] = []
    for line in b"".join(file.read_bytes() for file in files if file.exists()).split(b"\n")[:-1]:
        number = int(line.split()[2])
        if number == 1:
            found.append(0)
        assert number == found[-1] + 1, line
        found[-1] = number
    return found


def written(service: Path, begun: int) -> bool:
    """Say whether a log has lines of so many starts."""
    return (service / "log/main/current").exists() and len(starts(service)) == begun


def gone(scan: Path) -> bool:
    """Say whether nothing is supervised any more."""
    parts = [scan / name / part for name in ("smtp", "pop3") for part in (".", "log")]
    return not any(is_supervised(part) for part in parts)


def leave_c(scan: Path) -> None:
    """End what a stopped C svscan has left: services first, then, at the ends of pipes, logs."""
    svc(scan, "-dx", "smtp", "pop3")
    wait_until(lambda: not is_supervised(scan / "smtp") and not is_supervised(scan / "pop3"))
    svc(scan, "-dx", "smtp/log", "pop3/log")
    wait_until(lambda: gone(scan))


def files(scan: Path) -> dict[str, bytes]:
    """Read what a person has written."""
    return {str(it): it.read_bytes() for it in scan.glob("*/**/run")}


def test_there_and_back(scan: Path) -> None:
    """Each start's lines are whole, in one log that all three have written; no file has changed."""
    before = files(scan)
    services = [scan / "smtp", scan / "pop3"]
    with c_svscan(scan):
        wait_until(lambda: all(written(it, 1) for it in services))
    leave_c(scan)
    with our_svscan(scan) as ours:
        wait_until(lambda: all(written(it, 2) for it in services))
        assert b": up (pid " in subprocess.check_output([C / "svstat", "smtp"], cwd=scan)
        old = pid(scan / "smtp")
        svc(scan, "-t", "smtp")
        assert wait_up(scan / "smtp", but=old)
        subprocess.run([*OURS, "svscanctl", "-t", str(scan)], check=True)
        assert ours.wait_end() == 0
        assert gone(scan)
    with c_svscan(scan):
        wait_until(lambda: written(scan / "pop3", 3))
        wait_until(lambda: starts(scan / "smtp")[-1] and len(starts(scan / "smtp")) >= 3)
        assert all(is_alive(wait_up(it)) for it in services)
    leave_c(scan)
    assert files(scan) == before


def test_half_moved(scan: Path) -> None:
    """What C's supervise holds runs on under it, said once, and is ours when that has ended."""
    with c_svscan(scan):
        number = wait_up(scan / "smtp")
        wait_until(lambda: written(scan / "smtp", 1))
    svc(scan, "-dx", "pop3")
    wait_until(lambda: not is_supervised(scan / "pop3"))
    svc(scan, "-dx", "pop3/log")
    wait_until(lambda: not is_supervised(scan / "pop3/log"))
    with our_svscan(scan) as ours:
        ours.wait_said("supervise: fatal: unable to acquire smtp/supervise/lock: temporary failure")
        wait_up(scan / "pop3")
        assert pid(scan / "smtp") == number
        assert is_alive(number)
        svc(scan, "-dx", "smtp")
        wait_until(lambda: not is_alive(number))
        svc(scan, "-dx", "smtp/log")
        assert wait_up(scan / "smtp", but=number)
        assert [line for line in ours.lines() if "smtp/supervise/lock" in line][1:] == []


def test_back_without_a_stop_is_mended_by_another_svscan(scan: Path) -> None:
    """After KILL the next svscan of ours takes all over: then the way back is open."""
    with our_svscan(scan) as ours:
        number = wait_up(scan / "smtp")
        wait_until(lambda: written(scan / "smtp", 1))
        ours.process.kill()
        ours.process.wait()
        assert is_alive(number)
        ours.start()
        wait_until(lambda: is_supervised(scan / "smtp"))
        assert pid(scan / "smtp") == number
        assert ours.stop() == 0
        assert not is_alive(number)
        assert gone(scan)


def test_the_c_programs_are_those_of_daemontools() -> None:
    """The judge here is not one of ours by another name."""
    assert b"sh" not in (C / "svscan").read_bytes()[:20]
    assert shutil.which("svscan", path=ENV["PATH"]) == "/usr/bin/svscan"
