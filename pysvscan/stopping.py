"""An ordered stop: all services at once, each logger when its service is gone, then svscan.

A logger reads to the end of its pipe: our holder is closed, so that it meets end of file. Where a
stray process still holds the pipe, the logger gets a TERM as soon as nothing is left to read.

Under a budget the services get a KILL a second before its end, and at its end svscan leaves,
whatever is still there. As PID 1 it then ends what else there is: see strays.py.
"""

import contextlib
import functools
import gc
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import strerr
from pysvscan.core.service import OVERDUE, State, has_process
from pysvscan.ending import Ending
from pysvscan.entry import Entry
from pysvscan.entrylog import EntryLog
from pysvscan.pid1 import is_pid1
from pysvscan.strays import Strays
from pysvscan.supervise import Supervise
from pysvscan.unread import unread

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

SECOND_NS = 1_000_000_000
WAITING_NS = 10 * SECOND_NS  # how often we say for whom we wait
LOGGER_NS = 2 * SECOND_NS  # a logger that does not read to end of file in this gets a TERM
SOON_NS = SECOND_NS // 4  # who has not ended after this is shown as wanted down
OPENING_NS = SECOND_NS // 20  # how often we look whether a new logger has its pipe
TRIES = 3  # so often a logger that cannot even be started is tried
YOUNG_NS = 5 * SECOND_NS  # an older logger has it, or will never have it
LAST_NS = SECOND_NS  # of the budget, for the loggers
CONTAINER_NS = 9 * SECOND_NS  # the budget of PID 1: docker kills after 10 s


class Stopping:
    """The stop of a scan directory.

    Attributes:
        budget_ns: how long it may take; None: as long as it takes.
        begun_ns: when it began, on the monotonic clock; 0: it did not.
        code: svscan's exit code.
        is_due: it begins soon, and nothing is started any more: a critical service has ended, say.
        busy, running: entries that may not be idle yet, and that may still have a service.
        untold: entries whose service is still to be asked to end.
        late: services that have ended and still hold lock and FIFOs: our exit closes them sooner.
        strays: what PID 1 has to end besides; None: it is for us to leave alone.
    """

    def __init__(self, scan: "Svscan") -> None:
        self.scan = scan
        self.budget_ns = CONTAINER_NS if is_pid1() else None
        self.begun_ns = 0
        self.code = 0
        self.is_due = False
        self.busy: list[Entry] = []
        self.running: list[Entry] = []
        self.untold: list[Entry] = []
        self.late: list[Supervise] = []
        self.strays = Strays(scan, self.leave_if_idle) if is_pid1() else None

    def begin(self) -> None:
        """Stop each service, and leave when all is gone."""
        self.begun_ns = self.begun_ns or time.monotonic_ns()  # of an image that could not go on
        self.begin_waiting()
        self.tell(self.end_main)

    def tell(self, how: Callable[[Entry], None]) -> None:
        """Tell each entry; nobody leaves before all were told."""
        while self.untold:
            entry = self.untold.pop()
            self.scan.boundary(entry, functools.partial(how, entry))
        self.announce_soon()
        self.leave_if_idle()

    def critical(self, label: bytes, ending: Ending) -> None:
        """Stop, with the code of a critical service that has ended for good."""
        if self.scan.is_stopping:
            return
        self.code = ending.code or 0
        self.scan.log.say("svscan", "info", f"{strerr.name(label)} has ended for good: stopping")
        self.begin_soon()

    def begin_soon(self) -> None:
        """Begin, but not in the middle of what a service is at."""
        self.is_due = True
        self.scan.loop.at(time.monotonic_ns(), self.scan, self.scan.stop)

    def begin_waiting(self) -> None:
        """Take note of those who have to end, and limit the time for that."""
        go_first()
        gc.disable()  # nothing is made any more that is worth a look at all objects
        self.scan.orphans.rest(SOON_NS)
        self.busy = list(self.scan.entries.values())
        self.running = list(self.busy)
        self.untold = self.busy[::-1]
        if self.budget_ns is not None:
            self.limit(self.budget_ns)
        self.scan.loggers.on_idle = self.leave_if_idle
        self.wait()

    def restore(self) -> None:
        """Go on after an exec; nobody leaves before the loop runs, which alone can be left."""
        self.begin_waiting()
        resume = functools.partial(self.tell, self.resume)
        self.scan.loop.at(time.monotonic_ns(), self.scan, resume)

    def resume(self, entry: Entry) -> None:
        """Stop an entry as far as that is still to be done; who was told is not told again."""
        main = entry.main
        if entry.is_aside() or (main and main.state is not State.LAST):
            self.end_main(entry)
        elif not main:
            self.end_log(entry)
            if isinstance(entry.log, Supervise) and entry.pipe < 0:
                entry.later(LOGGER_NS, functools.partial(self.terminate, entry))

    def announce_soon(self) -> None:
        """Write the status of those who have not ended by then."""
        self.scan.loop.at(time.monotonic_ns() + SOON_NS, self.scan, self.announce)

    def announce(self) -> None:
        """Catch up: show who does not end at once as wanted down, let go of who has ended."""
        for entry in self.running:
            if entry.main:
                entry.main.on_leave = entry.main.give_back
                self.scan.boundary(entry, entry.main.catch_up)
        while self.late:
            self.late.pop().give_back()

    def limit(self, budget_ns: int) -> None:
        """Set the moments of the budget."""
        kill_ns = budget_ns - min(LAST_NS, budget_ns // 2)
        if self.strays:
            ask_ns = kill_ns - min(LAST_NS, kill_ns // 2)
            self.scan.loop.at(self.begun_ns + ask_ns, self.strays, self.strays.begin)
        self.scan.loop.at(self.begun_ns + kill_ns, self.scan, self.kill)
        self.scan.loop.at(self.begun_ns + budget_ns, self.scan, self.leave)

    def kill(self) -> None:
        """Kill every service that still runs: from now on the loggers have to end."""
        for entry in list(self.scan.entries.values()):
            if entry.main:
                self.scan.boundary(entry, functools.partial(entry.main.feed, OVERDUE))
        if self.strays:
            self.strays.kill()

    def leave(self) -> None:
        """Leave at the end of the budget, whatever is left."""
        left = [entry.shown() for entry in self.scan.entries.values() if not entry.is_idle()]
        if left:
            self.say("warning", "leaving", left)
        self.scan.loop.stop()

    def end_main(self, entry: Entry) -> None:
        """Stop a service; one that is set aside is taken up again for this."""
        entry.cancel()
        if entry.log:
            entry.log.note_leaving()
        if entry.is_aside():
            entry.take_main()
            entry.take_log()
        if entry.main:
            entry.main.on_leave = functools.partial(self.late.append, entry.main)
            entry.main.leave()
        self.end_log(entry)

    def end_log(self, entry: Entry) -> None:
        """Let the logger read to the end, as soon as its service is gone.

        What it is fed may end it at once, and so call this again.
        """
        if isinstance(entry.log, EntryLog):
            if entry.main is None and entry.pipe >= 0:
                entry.log.drain()
            self.leave_if_idle()
            return
        if entry.main is None and entry.log and entry.log.state is State.WAIT:
            entry.log.failures = 0
            entry.log.feed(ord("o"))  # it died, or waits: once more, for what is in the pipe
        if entry.main is None and entry.log and entry.pipe >= 0:
            if is_opening(entry.log, entry.pipe):
                if entry.log.paused:
                    entry.log.feed(ord("c"))  # stopped that early, it would never open it
                entry.later(OPENING_NS, functools.partial(self.end_log, entry))
            else:
                self.close_pipe(entry, entry.log)
        self.leave_if_idle()

    def close_pipe(self, entry: Entry, log: Supervise) -> None:
        """Close our holder, and have the logger leave after this."""
        os.close(entry.pipe)
        entry.pipe = -1
        entry.later(LOGGER_NS, functools.partial(self.terminate, entry))
        log.feed(ord("c"))  # a paused one would never come to the end
        log.feed(ord("x"))

    def terminate(self, entry: Entry) -> None:
        """TERM the logger if the pipe is empty, and who still holds it lives on; else wait."""
        if entry.log and unread(entry.directory) == 0 and not self.ends_strays():
            entry.log.feed(ord("t"))
        if entry.log:
            entry.later(LOGGER_NS, functools.partial(self.terminate, entry))

    def ends_strays(self) -> bool:
        """Say whether strays are still to end, of whom the loggers have to read every line."""
        return self.begun_ns != 0 and self.strays is not None and not self.strays.are_gone

    def leave_if_idle(self) -> None:
        """Leave when nothing is left; as PID 1, end the strays when no service is left."""
        if self.untold:
            return
        while self.running and self.running[-1].main is None:
            self.running.pop()
        if self.strays and not self.running:
            self.strays.begin()
        while self.busy and self.busy[-1].is_idle():
            self.busy.pop()
        if self.busy or not self.scan.loggers.is_idle():
            return
        if self.strays is None or self.strays.are_gone:
            self.scan.loop.stop()

    def wait(self) -> None:
        """Say now and then for whom we wait: qmail-send may finish a delivery for minutes."""
        self.scan.timer = self.scan.loop.at(
            time.monotonic_ns() + WAITING_NS, self.scan, self.say_waiting
        )

    def say_waiting(self) -> None:
        """Say for whom we wait."""
        left = [entry.shown() for entry in self.scan.entries.values() if not entry.is_idle()]
        self.say("info", "waiting for", left)
        self.wait()

    def say(self, label: str, doing: str, left: list[str]) -> None:
        """Say something of those who are left."""
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        self.scan.log.say("svscan", label, f"{doing} {', '.join(left[:5])}{more}")


def is_opening(log: Supervise, pipe: int) -> bool:
    """Say whether a new logger has still to open our holder, by its number, as its input."""
    if time.monotonic_ns() - log.last_start_ns > YOUNG_NS:
        return False
    if not has_process(log.state):
        return log.state is State.ONCE and log.failures < TRIES
    ours = os.fstat(pipe)
    try:
        found = os.stat(f"/proc/{log.pid}/fd/0")
    except PermissionError:
        return False  # it has become another account, so it runs
    except OSError:
        return True
    return (ours.st_dev, ours.st_ino) != (found.st_dev, found.st_ino)


def go_first() -> None:
    """Run before what we end, in the lowest real-time class; where that is not allowed, as we are.

    Many that end at once take each processor from us again and again: 900 made the stop half as
    long again. What is still started, a ./finish, has the ordinary class.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(OSError):
            lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, lowest)
