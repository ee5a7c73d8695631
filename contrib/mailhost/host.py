"""The running mail host: its svscan, its processes, and how to end them."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from build import BIN, SERVICES, Plan

NAMES = [name + part for name in SERVICES for part in ("", "/log")]
UP = re.compile(r"(.+): up \(pid (\d+)\) ")


class Process(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    state: str
    parent: int
    session: int
    words: list[bytes]


def processes() -> list[Process]:
    """List all processes but the dead ones that nobody has reaped."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                found.append(process(entry))
    return [each for each in found if each.state not in "ZX"]


def process(entry: Path) -> Process:
    """Read one process; its name in stat may hold anything, so fields count from the last )."""
    fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
    words = (entry / "cmdline").read_bytes().split(b"\0")
    return Process(int(entry.name), fields[0].decode(), int(fields[1]), int(fields[3]), words)


class Host:
    """svscan and all that it started.

    Attributes:
        sessions: the session of each svscan so far; every process of ours is in one, unless it
            left, and then it has our directory in its words.
        ours: whether this is our svscan; the C one cannot take over services, or stop in order.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scan = plan.directory / "service"
        self.errors = plan.directory / "svscan.log"
        self.sessions: list[int] = []
        found = Path(shutil.which("svscan", path=plan.path) or "svscan")
        self.ours = (found.parent / "pysvscan-interpreter").exists() or wrapped(found)
        self.svscan: subprocess.Popen[bytes] | None = None
        self.env = {"PATH": plan.path}

    def sync(self, *options: str) -> str:
        """Have the table's domains as services; give what is said."""
        base = self.plan.directory
        words = ["-d", str(self.scan), "-t", str(base / "service.d")]
        said = self.command("svinstance", *words, "sync", *options, str(base / "domains.toml"))
        return said.decode().strip()

    def start(self) -> None:
        """Start svscan in a session of its own, so that Ctrl-C does not reach it."""
        with self.errors.open("ab") as errors:
            self.svscan = subprocess.Popen(
                ["svscan", self.scan],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                env=self.env,
                executable=shutil.which("svscan", path=self.plan.path),
            )
        self.sessions.append(self.svscan.pid)

    def is_running(self) -> bool:
        """Tell whether svscan lives."""
        return self.svscan is not None and self.svscan.poll() is None

    def command(self, *words: str, data: bytes | None = None) -> bytes:
        """Run a command in the scan directory and give what it prints."""
        program = shutil.which(words[0], path=self.plan.path) or words[0]
        done = subprocess.run(
            words,
            executable=program,
            input=data,
            cwd=self.scan,
            env=os.environ | self.env,
            stdout=subprocess.PIPE,
            check=False,
        )
        return done.stdout

    def svstat(self) -> str:
        """Give svstat's lines for all services."""
        return self.command("svstat", *NAMES).decode()

    def pids(self) -> dict[str, int]:
        """Give the pid of each service and logger that is up."""
        return {name: int(pid) for name, pid in UP.findall(self.svstat())}

    def children(self, parent: int) -> dict[str, int]:
        """Give the pids of a process's children by the last word of their command lines."""
        return {
            each.words[-2].decode(): each.pid
            for each in processes()
            if each.parent == parent and len(each.words) > 1
        }

    def kill_svscan(self) -> None:
        """Kill svscan and reap it."""
        if self.svscan:
            self.svscan.kill()
            self.svscan.wait()

    def stop(self, timeout_s: float) -> str:
        """Stop everything in order; what goes wrong is returned in words."""
        if not self.svscan:
            return "svscan was not started"
        if not self.ours:
            self.command("svc", "-dx", *NAMES)
        self.svscan.terminate()
        try:
            code = self.svscan.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return f"svscan still runs {timeout_s:.0f} seconds after TERM"
        return f"svscan ended with {code}" if self.ours and code else ""

    def left(self) -> list[Process]:
        """List what still runs of all that was started here."""
        mark = os.fsencode(self.plan.directory)
        return [
            each
            for each in processes()
            if each.session in self.sessions or any(mark in word for word in each.words)
        ]

    def clear(self) -> None:
        """End by force what is left, svscan first, so that nothing is restarted."""
        for _ in range(50):
            left = sorted(self.left(), key=lambda each: each.pid not in self.sessions)
            if not left:
                break
            for each in left:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
        if self.svscan:
            self.svscan.wait()


def wrapped(svscan: Path) -> bool:
    """Tell whether this is a shell script around our svscan, as the tests of the demo use."""
    try:
        return svscan.read_bytes().startswith(b"#!") and os.fsencode(BIN) in svscan.read_bytes()
    except OSError:
        return False
