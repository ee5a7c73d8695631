"""An ordered stop: all services at once, each logger when its service is gone, then svscan.

A logger reads to the end of its pipe: our holder is closed, so that it meets end of file. Where a
stray process still holds the pipe, the logger gets a TERM as soon as nothing is left to read.
"""

import functools
import os
import time
from typing import TYPE_CHECKING

from pysvscan.core.service import State, has_process
from pysvscan.entry import Entry
from pysvscan.entrylog import EntryLog
from pysvscan.supervise import Supervise
from pysvscan.unread import unread

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

SECOND_NS = 1_000_000_000
WAITING_NS = 10 * SECOND_NS  # how often we say for whom we wait
LOGGER_NS = 2 * SECOND_NS  # a logger that does not read to end of file in this gets a TERM
OPENING_NS = SECOND_NS // 20  # how often we look whether a new logger has its pipe
TRIES = 3  # so often a logger that cannot even be started is tried
YOUNG_NS = 5 * SECOND_NS  # an older logger has it, or will never have it


class Stopping:
    """The stop of a scan directory."""

    def __init__(self, scan: "Svscan") -> None:
        self.scan = scan

    def begin(self) -> None:
        """Stop each service, and leave when all is gone."""
        for entry in list(self.scan.entries.values()):
            self.scan.boundary(entry, functools.partial(self.end_main, entry))
        self.scan.loggers.on_idle = self.leave_if_idle
        self.leave_if_idle()
        self.wait()

    def resume(self) -> None:
        """Go on after an exec; who was told to end already is not told again."""
        for entry in list(self.scan.entries.values()):
            main = entry.main
            if main and main.state is not State.LAST:
                self.scan.boundary(entry, functools.partial(self.end_main, entry))
            elif not main:
                self.scan.boundary(entry, functools.partial(self.end_log, entry))
        self.scan.loggers.on_idle = self.leave_if_idle
        self.leave_if_idle()
        self.wait()

    def end_main(self, entry: Entry) -> None:
        """Stop a service; one that is set aside is taken up again for this."""
        entry.cancel()
        for part in entry.parts():
            part.note_leaving()
        if entry.is_aside():
            entry.take_main()
            entry.take_log()
        for byte in b"dx":
            if entry.main:
                entry.main.feed(byte)
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
        """TERM the logger if the pipe is empty; else wait until it is."""
        if entry.log and unread(entry.directory) == 0:
            entry.log.feed(ord("t"))
        if entry.log:
            entry.later(LOGGER_NS, functools.partial(self.terminate, entry))

    def leave_if_idle(self) -> None:
        """Leave when nothing is left."""
        if not all(entry.is_idle() for entry in self.scan.entries.values()):
            return
        if self.scan.loggers.is_idle():
            self.scan.loop.stop()

    def wait(self) -> None:
        """Say now and then for whom we wait: qmail-send may finish a delivery for minutes."""
        self.scan.timer = self.scan.loop.at(
            time.monotonic_ns() + WAITING_NS, self.scan, self.say_waiting
        )

    def say_waiting(self) -> None:
        """Say for whom we wait."""
        left = [entry.shown() for entry in self.scan.entries.values() if not entry.is_idle()]
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        self.scan.log.say("svscan", "info", f"waiting for {', '.join(left[:5])}{more}")
        self.wait()


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
