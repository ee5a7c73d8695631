"""A service under a supervise, theirs or ours, that is sent one byte at a time and then looked at.

C reads one byte a turn, and none in the second after a start. So a byte is followed by one that
means nothing: when that is gone from the FIFO, the byte before it has had its whole effect, but for
what the process makes of a signal; and of that `look` waits for the end.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pysvscan.core import status
from pysvscan.core.tai import SECOND_NS
from tests.fifos import unread
from tests.oracle import recorder
from tests.oracle.runner import environment
from tests.wait import wait_until

NOTHING = b"z"  # a byte that is no command


@dataclass(frozen=True)
class Look:
    """What is seen of a service after a byte.

    Attributes:
        status: the last six bytes of supervise/status, a live pid as 1.
        state: of the process, as the kernel has it: asleep "S", stopped "T", none "".
        events: what the recorder wrote since the last look; pids left out.
        code: the exit code of supervise, None while it runs.
    """

    status: bytes
    state: str
    events: tuple[str, ...]
    code: int | None


def make_service(path: Path, *fatal: str, down: bool = False) -> Path:
    """Make a service directory whose run is the recorder, ending on these letters' signals."""
    path.mkdir(parents=True)
    words = [sys.executable, "-ISu", recorder.__file__, *fatal]
    (path / "run").write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
    (path / "run").chmod(0o755)
    if down:
        (path / "down").touch()
    return path


class Supervised:
    """A service directory that somebody supervises, and its control."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes] | None) -> None:
        self.path = path
        self.process = process  # supervise itself; None where svscan hosts it
        self.seen = 0  # events
        self.is_leaving = False
        wait_until(self.is_ready)
        self.control = os.open(path / "supervise/control", os.O_RDWR | os.O_NONBLOCK)

    def is_ready(self) -> bool:
        """Say whether somebody holds ok and control open, and has written the status.

        That comes before ok; but a test may have put a plain file there.
        """
        try:
            for name in ("ok", "control"):
                os.close(os.open(self.path / "supervise" / name, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return (self.path / "supervise/status").exists()

    def send(self, byte: bytes, svc: str = "") -> Look:
        """Send a byte, wait until it has had its effect, and look.

        Args:
            byte: written to control.
            svc: a program that is to write it.
        """
        pid = self.pid()
        self.is_leaving |= byte == b"x"
        starts = self.starts()
        if svc:
            subprocess.run([svc, f"-{byte.decode()}", self.path], check=True)
        else:
            os.write(self.control, byte)
        wait_until(self.is_drained)
        os.write(self.control, NOTHING)
        wait_until(self.is_drained)
        if byte in b"uo" and not pid:
            wait_until(lambda: self.starts() > starts)
        return self.look()

    def look(self) -> Look:
        """Wait until all is quiet, and say how it is."""
        wait_until(self.is_quiet)
        lines = self.lines()
        events = tuple(line.split()[0] for line in lines[self.seen :])
        self.seen = len(lines)
        status = (self.path / "supervise/status").read_bytes()
        pid = self.pid()
        masked = (b"\1\0\0\0" if pid else b"\0\0\0\0") + status[16:]
        return Look(masked, state(pid), events, self.process.poll() if self.process else None)

    def is_quiet(self) -> bool:
        """Say whether nothing more will happen by itself."""
        pid, want = self.pid(), self.want()
        if self.process and self.process.poll() is not None:
            return True
        if not pid:
            return want != b"u" and not self.is_leaving
        has_started = any(line == f"start {pid}" for line in self.lines())
        return has_started and (state(pid) == "T" or (state(pid) == "S" and not pending(pid)))

    def is_over(self) -> bool:
        """Say whether the second after the last start or death is over."""
        if self.process and self.process.poll() is not None:
            return True
        return time.time_ns() - status.unpack(self.status()).since_ns > SECOND_NS * 5 // 4

    def is_drained(self) -> bool:
        """Say whether control has been read, or never will be."""
        if self.process and self.process.poll() is not None:
            return True
        return unread(self.control) == 0

    def pid(self) -> int:
        """Read the service's pid off its status."""
        return int.from_bytes(self.status()[12:16], "little")

    def want(self) -> bytes:
        """Read what is wanted off the status."""
        return self.status()[17:18]

    def status(self) -> bytes:
        """Read the status; C makes it anew by rename, so it is whole."""
        return (self.path / "supervise/status").read_bytes()

    def lines(self) -> list[str]:
        """Read the recorder's lines."""
        events = self.path / "events"
        return events.read_text().splitlines() if events.exists() else []

    def starts(self) -> int:
        """Count the starts."""
        return sum(line.startswith("start ") for line in self.lines())

    def close(self) -> None:
        """End supervise and the service, whatever it has got used to."""
        os.close(self.control)
        if self.process:
            self.process.kill()
            self.process.wait()
        pid = self.pid()
        if pid and state(pid):
            os.kill(pid, 9)


def state(pid: int) -> str:
    """Give the kernel's letter for a process, "" for none and for the dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return fields[0] if pid and fields[0] not in "ZX" else ""


def pending(pid: int) -> bool:
    """Say whether a signal waits for a process."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    lines = dict(line.split(":\t", 1) for line in text.splitlines())
    return int(lines["ShdPnd"], 16) != 0 or int(lines["SigPnd"], 16) != 0


def supervise(program: str, path: Path) -> Supervised:
    """Start a supervise of its own for a service."""
    with (path.parent / f"{path.name}.stderr").open("ab") as stderr:
        process = subprocess.Popen(
            [program, path.name],
            cwd=path.parent,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
        )
    return Supervised(path, process)


@contextlib.contextmanager
def scanning(program: str, where: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an svscan, and end it by KILL: whoever started services ends them."""
    with (where.parent / f"{where.name}.stderr").open("ab") as stderr:
        process = subprocess.Popen(
            [program],
            cwd=where,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,  # ours warns of a shell's job, which the tests may be
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
