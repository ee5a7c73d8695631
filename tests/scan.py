"""A svscan that really runs: in a session of its own, stderr in a file, ended with the test."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pysvscan.core.status import BYTES, Status, unpack
from tests.wait import wait_until

OURS = (sys.executable, "-I", "-m", "pysvscan")
# Ours in a hurry: what it does by itself now and then, it does five or ten times as often.
HURRY = """
import sys
from pysvscan import stopping, svscan
from pysvscan.core import restart
svscan.TICK_NS //= 5
restart.RETRY_NS //= 5
stopping.WAITING_NS //= 10
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""
SLEEP = "exec sleep 1000"
LOGGER = "exec multilog ./main"


def hurried(python: str = sys.executable) -> tuple[str, ...]:
    """Name the program that is ours in a hurry, run by an interpreter."""
    return (python, "-I", "-c", HURRY)


def executable(path: Path, lines: str) -> None:
    """Write a shell script that is complete the moment that it is there."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(f"#!/bin/sh\n{lines}\n")
    new.chmod(0o755)
    new.rename(path)


def service(path: Path, run: str = SLEEP, log: str = "") -> Path:
    """Make a service directory; with its logger, if a script for that is given."""
    path.mkdir(parents=True)
    executable(path / "run", run)
    if log:
        service(path / "log", log)
    return path


def status(path: Path) -> Status | None:
    """Read supervise/status; None while there is none."""
    try:
        return unpack((path / "supervise/status").read_bytes()[:BYTES])
    except (OSError, ValueError):
        return None


def pid(path: Path) -> int:
    """Give the pid of a service, 0 while it is down."""
    found = status(path)
    return found.pid if found else 0


def starts(path: Path) -> list[int]:
    """List the pids that ran, as ./run notes them; a line may be about to be written."""
    file = path / "starts"
    return [int(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def read(path: Path) -> str:
    """Read a file, empty while there is none."""
    return path.read_text() if path.exists() else ""


def wait_up(path: Path, but: int = 0) -> int:
    """Wait until a service is up, with another pid than that given; give its pid."""

    def found() -> int:
        number = pid(path)
        return number if number != but else 0

    return wait_until(found)


def command(path: Path, letters: bytes) -> None:
    """Send control bytes to a service, as svc does."""
    fd = os.open(path / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, letters)
    finally:
        os.close(fd)


def is_supervised(path: Path) -> bool:
    """Say what svok says."""
    try:
        os.close(os.open(path / "supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def wait_started(path: Path, comm: str = "sleep") -> None:
    """Wait until a service's process has become its program.

    Before, it needs its directory and, to enter that, svscan; a pid in the status says only that
    it was let go.
    """
    number = wait_up(path)
    wait_until(lambda: Path(f"/proc/{number}/comm").read_text() == f"{comm}\n")


def is_alive(number: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        data = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return False
    return data[data.rindex(b")") + 2 :][:1] not in (b"Z", b"X")


class Scan:
    """A scan directory and its svscan.

    Attributes:
        path: the scan directory.
        process: the svscan.
        program: its words.
        said: the file that takes its stderr.
    """

    def __init__(
        self,
        path: Path,
        program: Sequence[str] = OURS,
        words: Sequence[str] = (),
        options: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self.path = path
        self.program = (*program, "svscan", *options, str(path), *words)
        self.said = path.with_name(f"{path.name}.stderr")
        self.settings: dict[str, Any] = settings
        self.barriers = 0
        self.process: subprocess.Popen[bytes] = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start svscan, once more if it is dead."""
        environment = {"PATH": "/usr/bin:/bin"}
        with self.said.open("ab") as stderr:
            given = {"stderr": stderr, "env": environment, "start_new_session": True}
            self.process = subprocess.Popen(
                self.program, stdin=subprocess.DEVNULL, **{**given, **self.settings}
            )
        return self.process

    def lines(self) -> list[str]:
        """List what svscan has said."""
        return self.said.read_text(errors="surrogateescape").splitlines()

    def wait_said(self, line: str) -> None:
        """Wait until svscan has said a line."""
        wait_until(lambda: line in self.lines() or None)

    def alive(self) -> bool:
        """Say whether svscan lives."""
        return self.process.poll() is None

    def look(self) -> None:
        """Have svscan look at everything, and wait until it has."""
        wait_until(self.listens)
        self.process.send_signal(signal.SIGHUP)
        self.barrier()  # the signal has arrived now, if not before the link
        self.barrier()

    def listens(self) -> bool:
        """Say whether svscan is so far that HUP does not end it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        caught = next(line for line in lines if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) & 1 << signal.SIGHUP - 1)

    def barrier(self) -> None:
        """Wait until svscan has served what came before: a new link starts a service after it."""
        self.barriers += 1
        outside = self.path.with_name(f"{self.path.name}.barriers") / str(self.barriers)
        service(outside)
        if "user" in self.settings:
            shutil.chown(outside, self.settings["user"])
        (self.path / f"barrier{self.barriers}").symlink_to(outside)
        wait_up(outside)

    def pids(self, *names: str) -> list[int]:
        """Give the pids of services, once they are up."""
        return [wait_up(self.path / name) for name in names]

    def stop_service(self, where: Path) -> None:
        """End a service, and have svscan let go of it."""
        for link in self.path.iterdir():
            if link.is_symlink() and link.resolve() == where.resolve():
                link.unlink()
        self.look()
        command(where, b"dx")
        wait_until(lambda: not is_supervised(where))

    def wait_end(self, timeout_s: float = 60) -> int:
        """Wait until svscan has ended; give its exit code."""
        return self.process.wait(timeout_s)

    def stop(self) -> int:
        """Stop svscan in order; give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def close(self) -> None:
        """End svscan and all that it started."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
            return
        self.process.kill()
        self.process.wait()
        kill_session(self.process.pid)


def kill_session(session: int) -> None:
    """Kill what is left of a session of ours."""
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            if os.getsid(int(name)) == session:
                os.kill(int(name), signal.SIGKILL)


@contextlib.contextmanager
def scanning(path: Path, *names: str, **settings: Any) -> Iterator[Scan]:
    """Run svscan on a directory with a service of each name, and see that it lives to the end."""
    path.mkdir(exist_ok=True)
    for name in names:
        service(path / name)
    scan = Scan(path, **settings)
    try:
        for name in names:
            wait_started(path / name)
        yield scan
    finally:
        survived = scan.alive()
        scan.close()
        kill_session(scan.process.pid)
    assert survived, f"svscan ended: {scan.lines()}"


@contextlib.contextmanager
def untouched(scan: Scan, *names: str) -> Iterator[None]:
    """See that services keep their processes."""
    before = scan.pids(*names)
    yield
    assert scan.pids(*names) == before
    assert all(is_alive(number) for number in before)


def mode(path: Path) -> int:
    """Give the mode bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def hurrying(path: Path) -> Iterator[Scan]:
    """Run svscan in a hurry with three services; two of them, the good ones, stay as they are."""
    names = ("one", "good", "fine")
    with scanning(path, *names, program=hurried()) as found, untouched(found, "good", "fine"):
        yield found
