"""One service: carries out core.service's actions on its real process, and says what it became.

A process is recorded before it may run (childfile.py, starter.py). A new supervisor that finds it
alive takes it over, and never starts a second copy.

Source: daemontools 0.76 supervise.c.
"""

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable

from pysvscan import childfile, groups, servicestatus, unseen
from pysvscan.acting import DO
from pysvscan.core import restart, service, status
from pysvscan.core.restartsettings import Restart
from pysvscan.core.runsettings import Run
from pysvscan.core.service import State
from pysvscan.core.status import Status
from pysvscan.ending import Ending
from pysvscan.files import COMMANDS, Files
from pysvscan.historyfile import HistoryFile
from pysvscan.loop import Deadline, Loop
from pysvscan.pidfd import is_dead
from pysvscan.predecessor import Predecessor
from pysvscan.servicestatus import Report
from pysvscan.starter import Starter
from pysvscan.strerr import Fatal, name
from pysvscan.unseen import Unseen
from pysvscan.waiting import Known, Streams, Waiting


class Supervise:
    """One service: its files, its process, its state.

    Attributes:
        directory: its descriptor, the caller's.
        label: the directory's name, for messages only.
        owner: who answers for exceptions here; see loop.py.
        stdin, stdout, stderr: descriptors of the log FIFO, opened afresh at each start; -1 for our
            own.
        pid: 0 means down.
        pidfd: held only for a process that we took over; -1 for a child of ours.
        since_ns: wall clock at the last start or death.
        run: the table [run] of service.toml as it is for the next start, or None.
        restart: the table [restart] as it was at the last start, or None.
        ending: how it is ended, and what follows.
        on_change: called after an event that changed the state.
        on_start: called before each start; may raise Fatal, which fails the start.
        on_failure: called when a start failed; the next try is scheduled already.
        on_leave: called when `x` is done: gives back lock and FIFOs, now or a bit later.
    """

    # There are thousands of us, and with more than 30 attributes each has 1.5 kB of dictionary.
    # fmt: off
    __slots__ = (
        "announced_want", "directory", "ending", "failures", "files", "history", "is_announced",
        "is_doubtful", "is_to_group", "is_unwritable", "label", "last_start_ns", "loop",
        "on_change", "on_failure", "on_leave", "on_start", "owner", "paused", "pid", "pidfd",
        "report", "restart", "run", "since_ns", "started", "starter", "state", "stderr",
        "stdin", "stdout", "timer", "unseen", "want", "was_asked",
    )
    # fmt: on

    def __init__(
        self,
        loop: Loop,
        starter: Starter,
        report: Report,
        directory: int,
        label: bytes,
        owner: object = None,
    ) -> None:
        self.loop = loop
        self.starter = starter
        self.report = report
        self.directory = directory
        self.label = label
        self.owner = owner or self
        self.files = Files(directory, label)
        self.history = HistoryFile(directory)
        self.stdin = self.stdout = self.stderr = -1
        self.run: Run | None = None
        self.restart: Restart | None = None
        self.ending = Ending(self)
        self.state = State.DOWN
        self.pid = 0
        self.pidfd = -1
        self.unseen: Unseen | None = None  # of a process that we took over and that is dead
        self.want = b"d"
        self.paused = False
        self.is_to_group = False  # whether signals are for the group that the process leads
        self.since_ns = time.time_ns()
        self.last_start_ns = time.monotonic_ns() - restart.GAP_NS
        self.failures = 0
        self.was_asked = False  # to end, by a command, since it was started
        self.is_doubtful = False  # whether the last start ended as where a shell cannot execute
        self.timer: Deadline | None = None
        self.started: Waiting | Known | None = None  # as it waited; None: not of our making
        self.is_announced = True
        self.announced_want = b""
        self.is_unwritable = False  # the status, as we said already
        self.on_change: Callable[[], None] = lambda: None
        self.on_start: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None
        self.on_leave: Callable[[], None] = self.give_back

    # coming and going

    def open(self) -> None:
        """Take the directory: lock, control, status, ok; and the process that runs there already.

        Raises:
            Fatal: with the words of C supervise; nothing is held then.
        """
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.want = b"u" if self.files.is_wanted() else b"d"
            self.files.take()
            self.history.load()
            predecessor = Predecessor(self.files, self.starter.kernel)
            self.adopt(predecessor.status, predecessor.said)
            self.succeed(predecessor)
            self.restore_backoff()
            self.announce()
            self.files.open_ok()
            undo.pop_all()
        self.loop.read(self.files.control, self.owner, self.obey)
        if self.pidfd >= 0:
            self.loop.read(self.pidfd, self.owner, self.adopted_died)
        self.ending.resume()

    def resume(self, timer_ns: int | None) -> None:
        """Go on after an exec, where another image of us left off; all is held already."""
        self.loop.read(self.files.control, self.owner, self.obey)
        if self.pidfd >= 0:
            self.loop.read(self.pidfd, self.owner, self.adopted_died)
        elif self.pid:
            self.loop.child(self.pid, self.owner, self.died)
        if timer_ns is not None:
            self.wait(timer_ns)
        self.ending.resume()

    def begin(self) -> None:
        """Start the service, if it is wanted and not running already.

        One that was wanted once is, if a predecessor tried in vain to start it. One that a
        predecessor asked to end has from now on the time for that.
        """
        if self.state is State.ENDING and self.want == b"d":
            self.ending.limit()
        if self.state is not State.DOWN:
            return
        if self.want == b"u":
            is_given_up = self.backoff.gave_up_ns and self.backoff.is_enough(self.restart)
            self.feed(service.GIVE_UP if is_given_up else service.BEGIN)
        elif self.want == b"\0" and self.history.history.failures:
            self.feed(ord("o"))

    def note_leaving(self) -> None:
        """Note an order to leave, so that whoever comes next asks `down` what is wanted."""
        if not self.is_gone():
            childfile.leave(self.directory)

    def is_gone(self) -> bool:
        """Say whether `x` is done: nothing is held any more."""
        return self.state is State.GONE

    def open_pipe(self) -> int:
        """Open the holder of the FIFO between service and logger, made if need be; the caller's."""
        return self.files.open_pipe()

    def renew(self) -> None:
        """Look whether `supervise` is still the directory that we took; if not, make it again.

        So it is where only control or ok went, without which nobody can command the service.

        The service is not touched: it is recorded and announced in the new one.

        Raises:
            Fatal: it cannot be made; it is tried again at the next look.
        """
        if self.files.are_ours():
            return
        anew = Files(self.directory, self.label)
        with contextlib.ExitStack() as undo:
            undo.callback(anew.close)
            anew.take(self.files)
            if self.pid:
                with contextlib.suppress(ProcessLookupError):  # dead, and we are not told yet
                    childfile.record(anew, self.starter.kernel.identify(self.pid))
            servicestatus.write(anew, self.pack_status())
            anew.open_ok()
            undo.pop_all()
        self.loop.read(anew.control, self.owner, self.obey)
        self.loop.forget(self.files.control)
        self.files.close()
        self.files = anew
        message = f"{anew.path(b'supervise')} was removed or replaced: made again"
        self.report("warning", message, None)

    def close(self) -> None:
        """Let go of everything but the process, which lives on and can be taken over."""
        self.end()
        self.give_back()

    def give_back(self) -> None:
        """Close lock, control and ok: another may supervise."""
        self.loop.forget(self.files.control)
        self.files.close()

    def end(self) -> None:
        """Wait for nothing any more."""
        if self.timer:
            self.timer.cancel()
        self.ending.close()
        if self.pidfd >= 0:
            self.close_pidfd()
        elif self.pid:
            self.loop.abandon(self.pid)
        if self.unseen:
            self.unseen.close()
        self.failure()

    def close_pidfd(self) -> None:
        """Close the pidfd of a process that we took over."""
        self.loop.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1

    # what was there before us

    def adopt(self, old: Status | None, said: Status | None) -> None:
        """Take over the recorded process if it is alive, with what a predecessor said of it.

        Where the process is newer than the status, our predecessor was killed in between: then
        the status is only right about what was wanted.

        Args:
            old: the status of a predecessor that died, or None.
            said: that of one who may also have been ordered to leave.

        Raises:
            Fatal: whether it lives cannot be found out; a second copy is never started.
        """
        try:
            self.pid, self.pidfd = childfile.find(self.files, self.starter.kernel)
            is_finishing = not self.pid and self.ending.adopt()
        except OSError as exc:
            raise Fatal(f"unable to look for the process of {name(self.label)}") from exc
        if old:
            self.want = old.want
        if said and said.pid == self.pid and (old or self.pid):
            self.since_ns, self.paused = said.since_ns, said.paused
        if is_finishing:
            self.state = service.finishing(self.want)
        if self.pid:
            self.state = service.adopted(self.want)
            age_ns = max(0, time.time_ns() - self.since_ns)
            self.last_start_ns = time.monotonic_ns() - age_ns

    def succeed(self, predecessor: Predecessor) -> None:
        """Record that we supervise; and the end of a process that nobody has seen."""
        predecessor.succeed(self.pid, self.pidfd)
        old, recorded = predecessor.status, predecessor.recorded
        if old and recorded and not self.pid and old.pid == recorded.pid != 0:
            self.history.ended(old.since_ns, None)

    def restore_backoff(self) -> None:
        """Wait as long as our predecessor would have; wherever the clock is now, no longer."""
        kernel = self.starter.kernel
        self.backoff.come(b"%b:%d" % (kernel.boot, kernel.namespace))
        if self.backoff.young and not self.pid:
            age_ns = max(0, time.time_ns() - self.history.started_ns())
            self.last_start_ns = time.monotonic_ns() - age_ns

    @property
    def backoff(self) -> restart.Backoff:
        """Give what is known of young deaths."""
        return self.history.history.backoff

    def adopted_died(self) -> None:
        """Serve the death of a process that we took over; how it ended may be known later."""
        pidfd, self.pidfd = self.pidfd, -1
        self.loop.forget(pidfd)
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, pidfd)
            self.died(unseen.wait(self.pid))
            end = self.history.history.ends[0]
            if end.wstatus is not None or self.is_gone():
                return
            undo.pop_all()
        known = functools.partial(self.history.known, end)
        self.unseen = Unseen(self.loop, self.owner, pidfd, known)

    # events

    def obey(self) -> None:
        """Serve some bytes in control, each an event; the rest after the others had their turn."""
        commands = self.files.read_control()
        for byte in commands:
            if self.state is State.GONE:
                return
            self.feed(byte)
        if len(commands) < COMMANDS:  # control is empty: what else comes is another svc's
            self.is_to_group = False

    def died(self, wstatus: int | None) -> None:
        """Serve the death of the process; it may be one that never ran.

        Args:
            wstatus: None: it was another's child, and how it ended is not known.
        """
        is_exact = self.started is not None and self.started.is_exact
        self.is_doubtful = not is_exact and wstatus is not None and is_not_run(wstatus)
        failure = self.failure()
        has_enough = self.state is State.UP and self.has_enough()
        if failure is None:
            self.failures = 0
            self.history.ended(self.since_ns, wstatus)
        else:
            self.start_failed("fatal", str(failure), failure.__cause__)
        if has_enough:
            self.give_up()
        if failure is None:
            self.feed(self.ending.died(wstatus))
        else:
            self.feed(self.ending.failed())

    def has_enough(self) -> bool:
        """Note a death of a service that is kept up, and say whether it was one too many."""
        lived_ns = time.monotonic_ns() - self.last_start_ns
        self.backoff.died(self.restart, lived_ns, self.was_asked)
        return self.backoff.is_enough(self.restart)

    def give_up(self) -> None:
        """Try no more, and say so."""
        self.history.gave_up()
        why = f"it ended young {self.backoff.young} times in a row, svc -u tries again"
        self.report("warning", f"unable to keep {name(self.label)} up: {why}", None)
        self.feed(service.GIVE_UP)

    def start_failed(self, label: str, message: str, cause: BaseException | None) -> None:
        """Say why the service does not run; whoever we report to says it again only seldom."""
        self.failures += 1
        self.history.failed(message, cause)
        self.report(label, message, cause)

    def feed(self, event: int) -> None:
        """Let an event happen, and what follows from it; then write the status once."""
        before = self.state
        if event == ord("x"):
            self.note_leaving()
        self.happen([event])
        if not self.is_announced:
            self.announce()
        self.starter.prepare()
        if self.state is not before:
            self.on_change()

    def leave(self) -> None:
        """Do what `d` and `x` do, for an ordered stop, where many end at once.

        What has a process is not announced: its end will be, or what `catch_up` finds. On a disk
        that writing is half of what a stop costs.
        """
        self.note_leaving()
        self.happen(list(b"dx"))
        if self.is_gone():
            self.on_change()

    def catch_up(self) -> None:
        """Announce what `leave` has left out."""
        if not self.is_announced or self.want != self.announced_want:
            self.announce()

    def happen(self, events: list[int]) -> None:
        """Let events happen, and what follows from them."""
        for event in events:
            actions, self.state = service.step(self.state, event)
            for action in actions:
                follows = DO[action](self)
                if follows is not None:
                    events.append(follows)

    def left_ns(self) -> int:
        """Say how long the service has to wait for its next start."""
        now_ns = time.monotonic_ns()
        gap_ns = self.backoff.gap_ns(self.restart)
        return restart.next_start(self.last_start_ns, now_ns, gap_ns) - now_ns

    def wait(self, at_ns: int) -> None:
        """Have TIMER come at a moment, and at no other."""
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.at(at_ns, self.owner, lambda: self.feed(service.TIMER))

    def retry(self) -> None:
        """Try a failed start now: something in the directory has changed."""
        if self.failures and self.state in (State.WAIT, State.ONCE):
            self.wait(restart.next_start(self.last_start_ns, time.monotonic_ns()))

    def kill(self, number: signal.Signals) -> None:
        """Signal the process, or its group; as in C, one that cannot be reached does not mind."""
        try:  # no context manager: of all that a stop does, this is done most
            if self.is_to_group and self.leads_group():
                os.killpg(self.pid, number)
            elif self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, number)
            elif self.pid:
                os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def leads_group(self) -> bool:
        """Say whether the process leads a group; asked first, or it may be another's by now."""
        leads = self.pid != 0 and groups.is_led_by(self.pid)
        return leads and not (self.pidfd >= 0 and is_dead(self.pidfd))

    # starting

    def start(self) -> bool:
        """Start ./run: record the process that waits, then release it."""
        self.last_start_ns = time.monotonic_ns()
        self.was_asked = False
        if self.want != self.announced_want:  # whoever takes over has to know
            self.announce()
        try:
            self.on_start()
            if not self.release(self.take()) and not self.release(self.take()):
                raise Fatal(f"unable to start {self.files.path(b'run')}: killed before it ran")
        except Fatal as exc:
            self.start_failed("warning", str(exc), exc.__cause__)
        return self.pid != 0

    def take(self) -> Waiting:
        """Have a process that waits; by the slow road where a shell may have failed to execute."""
        starter = self.starter.fork if self.is_doubtful else self.starter
        try:
            return starter.take(self.directory, self.run)
        except OSError as exc:
            raise Fatal(f"unable to fork for {name(self.label)}") from exc
        except Fatal as exc:
            message = f"unable to start {self.files.path(b'run')}: {exc}"
            raise Fatal(message) from exc.__cause__

    def release(self, waiting: Waiting) -> bool:
        """Record a process that waits, and let it run; False if somebody killed it meanwhile."""
        with contextlib.ExitStack() as undo:
            undo.callback(waiting.cancel)
            childfile.record(self.files, waiting.identity)
            self.ending.enclose(waiting.pid)
            if not waiting.go(self.directory, self.streams()):
                return False
            undo.pop_all()
        self.loop.child(waiting.pid, self.owner, self.died)
        self.pid, self.since_ns, self.started = waiting.pid, time.time_ns(), waiting
        return True

    def streams(self) -> Streams:
        """Give what a process of this service has as descriptors 0 to 2."""
        return Streams(self.stdin, self.stdout, self.stderr)

    def failure(self) -> Fatal | None:
        """Say why ./run could not be executed; None if it was, as far as anybody knows."""
        started, self.started = self.started, None
        number = started.failure() if started else 0
        if not started or not (number or started.refusal):
            return None
        refusal = f": {started.refusal}" if started.refusal else ""
        failure = Fatal(f"unable to start {self.files.path(b'run')}{refusal}")
        failure.__cause__ = OSError(number, "") if number else None
        return failure

    # the status

    def pack_status(self) -> bytes:
        """Say how we are in 18 bytes."""
        since_ns = status.of_ours(self.since_ns)
        return status.pack(Status(since_ns, self.pid, self.paused, self.want))

    def announce(self) -> None:
        """Write the status; that it cannot be written is said once."""
        self.is_announced, self.announced_want = True, self.want
        was, data = self.is_unwritable, self.pack_status()
        self.is_unwritable = servicestatus.announce(self.files, data, self.report, was)


def is_not_run(wstatus: int) -> bool:
    """Say whether a process ended as a shell that cannot execute, which a run may as well."""
    return os.WIFEXITED(wstatus) and os.WEXITSTATUS(wstatus) in (126, 127)
