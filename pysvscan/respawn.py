"""svscan kept running: started again when it dies, after a delay that grows while it lives briefly.

Not after exit 0, which is an ordered stop. The signals that svscan knows are passed on once it
catches them: sooner, they would kill it. Nothing is waited for but the processes themselves; the
services keep svscan's standard error open for as long as they like.
"""

import os
import signal
import time

from pysvscan.core import restart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[[], int]  # gives a pid
    Say = Callable[[str, BaseException | None], None]

HEALTHY_NS = restart.LONGEST_NS  # what lived so long is started again after the shortest delay
SOON_S = 0.02  # between two looks whether svscan catches TERM already: a start takes longer
STOPS = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGPWR, signal.SIGRTMIN + 3))
PASSED = frozenset((signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2))
HEARD = STOPS | PASSED | {signal.SIGCHLD}


class Kept:
    """One process that is kept running.

    Attributes:
        pid: 0 means that there is none at the moment.
        due_ns: when it is to be started.
    """

    def __init__(self, start: "Start") -> None:
        self.start = start
        self.pid = 0
        self.failures = 0
        self.due_ns = self.started_ns = time.monotonic_ns()

    def start_if_due(self) -> None:
        """Start it if it does not run, and the time has come.

        Raises:
            OSError: no process can be had.
        """
        now_ns = time.monotonic_ns()
        if not self.pid and now_ns >= self.due_ns:
            self.started_ns = now_ns
            self.pid = self.start()

    def died(self) -> int:
        """Note its death; give the ns until it is started again."""
        self.pid = 0
        now_ns = time.monotonic_ns()
        self.failures = 1 if now_ns - self.started_ns >= HEALTHY_NS else self.failures + 1
        delay_ns = restart.delay(self.failures)
        self.due_ns = now_ns + delay_ns
        return delay_ns


class Respawn:
    """svscan, and the readproctitle beside it.

    Attributes:
        code: what to exit with; -1: not yet.
        is_stopping: we were told to stop; svscan is told as soon as it can hear.
    """

    def __init__(self, svscan: "Start", title: "Start", say: "Say") -> None:
        self.svscan = Kept(svscan)
        self.title = Kept(title)
        self.say = say
        self.code = -1
        self.is_stopping = False
        self.is_told = False

    def run(self) -> int:
        """Keep both running until svscan was stopped in order; the signals HEARD are blocked."""
        while self.code < 0:
            for kept in (self.title, self.svscan):
                self.start_if_due(kept)
            self.tell()
            self.hear()
        return self.code

    def start_if_due(self, kept: Kept) -> None:
        """Start one of them, later where no process can be had: without us the other has nobody."""
        try:
            kept.start_if_due()
        except OSError as exc:
            delay_s = kept.died() // restart.SECOND_NS
            self.say(f"unable to fork, trying again in {delay_s} s", exc)

    def tell(self) -> None:
        """Tell svscan to stop, if we were told."""
        if self.is_stopping and not self.is_told and catches(self.svscan.pid, signal.SIGTERM):
            os.kill(self.svscan.pid, signal.SIGTERM)
            self.is_told = True

    def hear(self) -> None:
        """Wait for a signal, or until something is due."""
        found = wait(self.timeout_s())
        if found and found.si_signo == signal.SIGCHLD:
            self.reap()
        elif found:
            self.pass_on(found.si_signo)

    def timeout_s(self) -> float | None:
        """Say for how long there is nothing to do."""
        if self.is_stopping and not self.is_told and self.svscan.pid:
            return SOON_S
        due = [kept.due_ns for kept in (self.title, self.svscan) if not kept.pid]
        return max(0, min(due) - time.monotonic_ns()) / restart.SECOND_NS if due else None

    def pass_on(self, number: int) -> None:
        """Serve a signal that is for svscan.

        Where it is dead, it is started at once; also when it is to stop: the services run.
        """
        self.is_stopping |= number in STOPS
        if number in STOPS or not self.svscan.pid:
            self.svscan.due_ns = time.monotonic_ns()
        elif catches(self.svscan.pid, number):
            os.kill(self.svscan.pid, number)

    def reap(self) -> None:
        """Wait for all that are dead, whosever they were."""
        while True:
            try:
                pid, wstatus = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.svscan.pid:
                self.ended(wstatus)
            elif pid == self.title.pid:
                self.title.died()

    def ended(self, wstatus: int) -> None:
        """Serve the death of svscan: it was stopped in order, or is to be started again."""
        self.is_told = False
        delay_ns = self.svscan.died()
        if wstatus == 0 or (self.is_stopping and os.WIFEXITED(wstatus)):
            self.code = os.WEXITSTATUS(wstatus)
            return
        how = (
            f"died of signal {os.WTERMSIG(wstatus)}"
            if os.WIFSIGNALED(wstatus)
            else f"exited {os.WEXITSTATUS(wstatus)}"
        )
        self.say(f"svscan {how}, starting it again in {delay_ns // restart.SECOND_NS} s", None)


def wait(timeout_s: float | None) -> signal.struct_siginfo | None:
    """Wait for one of the signals HEARD; None: the time is over."""
    if timeout_s is None:
        return signal.sigwaitinfo(HEARD)
    return signal.sigtimedwait(HEARD, timeout_s)


def catches(pid: int, number: int) -> bool:
    """Say whether a process has a handler for a signal; 0 is none."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            caught = next(line for line in file if line.startswith(b"SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught.split()[1], 16) >> number - 1 & 1)
