"""A scan directory that anything may happen to, and the claims that hold meanwhile and afterwards.

A seed decides what happens, and when; it is in every message. Only timing differs between two runs
of a seed. The services:
    built     numbered lines, built-in log
    filtered  the same, its archives through a processor that can be killed
    full      the same on a file system that can be filled, where we may mount one
    classic   the same, with a log/run
    plain     is never touched, nor is its log
    quick     ends by itself again and again
    obeying   gets commands
"""

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pysvscan.core import tai
from tests import scan
from tests.chaos import lined, services
from tests.chaos.lined import LONGEST, READ_BYTES, Account
from tests.scan import OURS, Scan, hurried, is_alive, is_supervised, pid
from tests.wait import wait_until

SCRIPT = "s65536 n2000 ./main"
FILTERED = "s16384 n2000 '!sleep 0.05; cat' ./main"
MULTILOG = "exec multilog s65536 n2000 ./main"
C_SVSTAT = shutil.which("svstat", path="/usr/bin:/command:/usr/local/bin")
PAUSE_S = 0.02
FULL_BYTES = 64 << 20
Event = Callable[["World"], None]


class World:
    """The directory, its svscan, and what we did to them.

    Attributes:
        draw: decides all.
        killed: pids of services that we ended.
        ending: loggers that we have sent a signal, and that may live for a while yet.
        logger_kills: how often we killed the built-in logger.
        kills: the same of classic loggers, by their service.
        undo: what is to be taken back, and when.
        happened: a line for each event.
    """

    def __init__(self, path: Path, seed: int, **settings: object) -> None:
        self.seed = seed
        self.draw = random.Random(seed)  # noqa: S311 (to be repeated, not to be secret)
        self.path = path
        self.killed: set[int] = set()
        self.ending: set[int] = set()
        self.logger_kills = 0
        self.kills: dict[str, int] = {}
        self.undo: list[tuple[float, Callable[[], None]]] = []
        self.happened: list[str] = []
        self.mounted: list[Path] = []
        self.copies: list[Path] = []
        path.mkdir()
        self.logged = [lined.make(path / "built", SCRIPT, PAUSE_S)]
        self.logged.append(self.make_filtered())
        self.logged.append(self.make_full())
        self.classic = lined.make(path / "classic", "", PAUSE_S, MULTILOG)
        self.plain = lined.make(path / "plain", "", PAUSE_S, MULTILOG)
        self.quick = services.make(path / "quick", "quick")
        self.obeying = services.make(path / "obeying", "plain")
        self.scan = Scan(path, hurried(), stdout=subprocess.DEVNULL, **settings)
        self.settle()

    def make_filtered(self) -> Path:
        """Make a service whose archives go through a processor."""
        path = lined.make(self.path / "filtered", SCRIPT, PAUSE_S)
        text = (path / "service.toml").read_text()
        (path / "service.toml").write_text(text.replace(f"'{SCRIPT}'", f'"{FILTERED}"'))
        return path

    def make_full(self) -> Path:
        """Make a service on a file system of its own; where we may not mount one, on ours."""
        path = self.path / "full"
        path.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={FULL_BYTES},mode=755", "full", str(path)]
        with contextlib.suppress(OSError):
            if subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0:
                self.mounted.append(path)
        aside = self.path.with_name("aside")
        (aside / "notes").mkdir(parents=True)
        for name in ("notes", "once", "starts", "twice"):  # what must be possible on a full disk
            (path / name).symlink_to(aside / name)
        return lined.make(path, SCRIPT, PAUSE_S)

    # who is who

    def untouched(self) -> list[Path]:
        """List the services that nobody ever ends."""
        return [self.plain, self.plain / "log"]

    def writers(self) -> list[Path]:
        """List the services that may be killed, stopped and so on."""
        return [*self.logged, self.classic]

    def counted(self) -> list[Path]:
        """List the directories in which each process leaves its pid."""
        return [*self.writers(), self.plain, self.classic / "log", self.plain / "log", self.quick]

    def everything(self) -> list[Path]:
        """List all that svstat can be asked for."""
        return [*self.counted(), self.obeying, *(path / "log" for path in self.logged)]

    def logger(self) -> int:
        """Give the pid of the built-in logger, 0 while there is none."""
        found = pid(self.logged[0] / "log")
        return found if found and is_alive(found) else 0

    # waiting

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; what is to be taken back meanwhile is."""

        def found() -> object:
            self.take_back(time.monotonic())
            return condition()

        try:
            wait_until(found)
        except AssertionError as exc:
            raise AssertionError(self.told(str(exc))) from None

    def is_taken(self) -> bool:
        """Say whether svscan supervises everything."""
        return self.scan.alive() and all(map(is_supervised, self.everything()))

    def is_logged(self) -> bool:
        """Say whether all logs are read."""
        return self.logger() != 0 and all(
            pid(path / "log") == self.logger() for path in self.logged
        )

    def settle(self) -> None:
        """Wait until all is as it should be."""
        self.wait(self.is_taken)
        self.wait(self.is_logged)
        for path in self.counted():
            if path != self.quick:
                self.wait(lambda path=path: services.is_well(path))  # type: ignore[misc]

    def is_safe(self) -> bool:
        """Say whether svscan and all loggers live: of these only one may be killed at a time."""
        classic = pid(self.classic / "log")
        if self.ending & {classic, self.logger()}:
            return False
        return self.is_taken() and self.is_logged() and classic != 0 and is_alive(classic)

    # what events do

    def send(self, number: int, what: signal.Signals) -> bool:
        """Signal a process, which may be gone."""
        try:
            os.kill(number, what)
        except ProcessLookupError:
            return False
        return True

    def stop_for(self, number: int, longest_s: float) -> None:
        """Stop a process for a while; what is killed meanwhile needs no CONT."""
        held = os.pidfd_open(number)

        def go_on() -> None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(held, signal.SIGCONT)
            os.close(held)

        self.send(number, signal.SIGSTOP)
        self.later(self.draw.uniform(0.01, longest_s), go_on)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Take something back, after a while."""
        self.undo.append((time.monotonic() + delay_s, action))

    def take_back(self, until: float) -> None:
        """Take back what is due."""
        due = [it for it in self.undo if it[0] <= until]
        self.undo = [it for it in self.undo if it[0] > until]
        for _, action in due:
            action()

    def limit(self, number: int, which: int, soft: int, longest_s: float) -> None:
        """Lower a limit of a process for a while."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            before = resource.prlimit(number, which)
            resource.prlimit(number, which, (min(soft, before[1]), before[1]))
            self.later(
                self.draw.uniform(0.1, longest_s),
                lambda: unlimit(number, which, before),
            )

    # running

    def run(
        self, seconds: float, events: Mapping[Event, int], alone: frozenset[Event], rate: float = 20
    ) -> None:
        """Let events happen, up to so many a second, some only when all is well; and check."""
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            event = self.draw.choices([*events], [*events.values()])[0]
            if event not in alone or self.is_safe():
                self.happened.append(f"{tai.label(time.time_ns()).decode()} {event.__name__}")
                event(self)
            turn += 1
            if turn % 10 == 0:
                self.check()
            services.pause(self.draw, 2 / rate)
            self.take_back(time.monotonic())
        self.take_back(float("inf"))
        self.check()

    def check(self) -> None:
        """Assert what holds at any moment."""
        assert self.scan.alive(), self.told(f"svscan ended: {self.scan.lines()[-3:]}")
        for path in [*self.counted(), self.obeying, *self.copies]:
            twice = path / "twice"
            assert not twice.exists(), self.told(f"{path}: two copies {twice.read_text()}")
        for path in self.untouched():
            assert len(services.starts(path)) <= 1, self.told(f"{path} {services.starts(path)}")

    def finish(self) -> list[Account]:
        """Let all settle, compare with C's svstat, stop in order; assert the rest of the claims."""
        self.wait(self.is_taken)
        scan.command(self.obeying, b"cu")
        self.settle()
        self.check()
        for path in (*self.writers(), self.plain):
            gone = set(services.starts(path)[:-1]) - self.killed
            assert not gone, self.told(f"{path}: {gone} ended, and nobody killed them")
        self.compare()
        assert self.scan.stop() == 0, self.told(f"exit code {self.scan.process.returncode}")
        accounts = [Account(path) for path in (*self.writers(), self.plain)]
        for account in accounts:
            self.judge(account)
        return accounts

    def judge(self, account: Account) -> None:
        """Assert that a log has all lines, but for what KILLs of its logger may cost.

        That is a read of one service, and one of each whose disk or processor holds it up.
        """
        is_built = account.path in self.logged
        kills = self.logger_kills if is_built else self.kills.get(account.path.name, 0)
        assert account.lines > 0, self.told(str(account))
        assert account.twice == 0, self.told(str(account))
        assert account.torn <= (0 if is_built else kills), self.told(str(account))
        assert len(account.gaps) <= kills, self.told(str(account))
        assert all(size <= READ_BYTES + LONGEST for size in account.gaps), self.told(str(account))

    def compare(self) -> None:
        """Assert that C's svstat says what ours says, as soon as nothing changes in between."""
        if C_SVSTAT:
            paths = [str(path) for path in self.everything()]
            self.wait(lambda: spoken([C_SVSTAT], paths) == spoken([*OURS, "svstat"], paths))

    def told(self, what: str) -> str:
        """Say what is wrong, with all that is needed to see it again."""
        last = "\n".join(self.happened[-30:])
        said = "\n".join(self.scan.lines()[-20:])
        state = spoken([*OURS, "svstat", "-l"], [str(path) for path in self.everything()])
        return f"SEED={self.seed}: {what}\n{last}\nsvscan said:\n{said}\nsvstat -l:\n{state}"

    def close(self) -> None:
        """End and unmount everything."""
        self.take_back(float("inf"))
        self.scan.close()
        for path in [*self.counted(), self.obeying, *self.copies]:
            services.end(path)
        scan.kill_session(self.scan.process.pid)
        if logger := self.logger():
            self.send(logger, signal.SIGKILL)
        for path in self.mounted:
            subprocess.run(["umount", "-l", str(path)], check=False)


def unlimit(number: int, which: int, before: tuple[int, int]) -> None:
    """Give a limit back, if the process is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        resource.prlimit(number, which, before)


def spoken(program: Sequence[str], paths: Sequence[str]) -> str:
    """Give what a svstat says, but for the seconds."""
    done = subprocess.run([*program, *paths], capture_output=True, text=True, check=True)
    return re.sub(r"\d+ seconds", "N seconds", done.stdout)
