"""svscan executes itself anew: same pid, same services, nothing forgotten; or it says why not."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core import history
from tests.scan import (
    Scan,
    command,
    pid,
    scanning,
    service,
    status,
    untouched,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow

BUILT_IN = f"""
[log]
script = "s16777215 ./main"
user = "{"root" if os.geteuid() == 0 else ""}"
""".replace('user = ""\n', "")


def pipes(scan: Scan) -> set[str]:
    """List svscan's pipes: those of the wakeup descriptor are another image's after an exec."""
    found = set()
    for fd in Path(f"/proc/{scan.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(os.readlink(fd))
    return {link for link in found if link.startswith("pipe:")}


def reexecute(scan: Scan) -> None:
    """Have svscan execute itself anew, and wait until it has."""
    before = pipes(scan)
    scan.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: not pipes(scan) & before)
    wait_until(scan.listens)


def said(where: Path) -> bytes:
    """Read the status."""
    return (where / "supervise/status").read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a scan directory with services of all kinds, not to be started or with a logger."""
    path = tmp_path / "service"
    service(path / "plain")
    service(path / "logged", "while :; do date +%s.%N; sleep 0.05; done", "exec multilog ./main")
    service(path / "built-in", "while :; do date +%s.%N; sleep 0.05; done")
    (path / "built-in/service.toml").write_text(BUILT_IN)
    (path / "built-in/log").mkdir()
    service(path / "held")
    (path / "held/down").touch()
    return path


@pytest.fixture
def scan(path: Path) -> Iterator[Scan]:
    """Run svscan there."""
    with scanning(path) as scan:
        for name in ("plain", "logged", "logged/log", "built-in", "built-in/log"):
            wait_up(path / name)
        yield scan


def test_reexec_keeps_everything(scan: Scan, path: Path) -> None:
    """Services keep their processes and what was commanded; the built-in log goes on."""
    command(path / "plain", b"o")
    command(path / "logged", b"p")
    wait_until(lambda: (found := status(path / "logged")) and found.paused)
    before = {name: said(path / name) for name in ("plain", "logged", "held")}
    paused, logger = pid(path / "logged"), pid(path / "built-in/log")
    with untouched(scan, "plain", "logged", "logged/log", "built-in"):
        reexecute(scan)
        wait_up(path / "built-in/log", but=logger)
        reexecute(scan)
    assert {name: said(path / name) for name in before} == before
    os.kill(pid(path / "plain"), signal.SIGKILL)  # once: it stays down
    wait_until(lambda: pid(path / "plain") == 0)
    last = history.unpack((path / "plain/supervise/history").read_bytes()).ends[0]
    assert last.wstatus == signal.SIGKILL
    scan.barrier()
    command(path / "logged", b"ct")
    wait_up(path / "logged", but=paused)


def test_reexec_obeys_what_came_meanwhile(scan: Scan, path: Path) -> None:
    """A command and a death while no image serves are served by the next one."""
    first = pid(path / "plain")
    os.kill(scan.process.pid, signal.SIGSTOP)
    scan.process.send_signal(signal.SIGUSR2)
    command(path / "held", b"u")
    os.kill(first, signal.SIGKILL)
    os.kill(scan.process.pid, signal.SIGCONT)
    wait_up(path / "held")
    wait_up(path / "plain", but=first)
