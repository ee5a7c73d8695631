"""One entry of the scan directory: a service, its logger if it has one, and the pipe between them.

The pipe is a named FIFO in the service's `supervise/`: our holder keeps it open, service and logger
open it afresh at each start. What was written and not read lives as long as one of the three does.
"""

import contextlib
import os
import time
from typing import TYPE_CHECKING

from pysvscan import proc, quiet, strerr
from pysvscan.core import restart
from pysvscan.entrylog import EntryLog
from pysvscan.entrylogs import Logs
from pysvscan.loop import Callback, Deadline
from pysvscan.stderr import last_frame
from pysvscan.supervise import Supervise
from pysvscan.watched import Watched

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

Part = Supervise | EntryLog
Key = tuple[int, int]  # (device, inode): what a directory is; its name may change


class Entry:
    """A service directory, from when it is first seen until it is gone.

    Attributes:
        names: under which it is listed; empty: removed, but its service is kept until `x`.
        label: the one of its names that messages give.
        directory: its descriptor.
        is_begun: it was found complete once; until then it is only looked at.
        main, log: supervised here, or None: not yet, no more, or somebody else's.
        pipe: our holder of the FIFO; -1 for a service without logger.
        logs: its settings, and which log it has by them.
        aside_ns: set aside after an exception until then.
    """

    def __init__(
        self, scan: "Svscan", key: Key, name: bytes, directory: int, is_whole: bool
    ) -> None:
        self.scan = scan
        self.key = key
        self.label = name
        self.names: set[bytes] = set()
        self.directory = directory
        self.main: Supervise | None = None
        self.log: Part | None = None
        self.pipe = -1
        self.logs = Logs(self)
        self.is_begun = is_whole
        self.seen_ns = time.monotonic_ns()
        self.aside_ns = 0
        self.trouble = 0
        self.timer: Deadline | None = None
        self.watched = Watched(self)

    def add_name(self, name: bytes) -> None:
        """Note a name; messages give a new one only when theirs is gone."""
        self.names.add(name)
        if self.label in self.names:
            return
        self.label = name
        for part, end in ((self.main, b""), (self.log, b"/log")):
            if part:
                part.label = part.files.label = name + end

    def parts(self) -> list[Part]:
        """List what is supervised here."""
        return [part for part in (self.main, self.log) if part]

    def is_idle(self) -> bool:
        """Say whether nothing is supervised here."""
        return self.main is None and self.log is None

    def is_settled(self) -> bool:
        """Say whether only a command can bring news; otherwise the next look comes soon."""
        is_whole = self.main is not None and (self.log is not None or self.pipe < 0)
        is_watched = self.directory in self.watched.numbers or not self.logs.current.has_file()
        return (is_whole and is_watched) or not self.names

    def shown(self) -> str:
        """Name what still runs here, with pid and number of processes."""
        pids = [part.pid for part in self.parts() if part.pid]
        counts = [f"pid {pid}, {proc.descendants(pid)} processes" for pid in pids]
        return f"{strerr.name(self.label)} ({'; '.join(counts) or 'about to end'})"

    # coming to life

    def tend(self) -> None:
        """Bring this entry nearer to how it should be; to be called as often as one likes."""
        if self.is_aside() or self.scan.is_stopping:
            return
        self.logs.end_if_gone()
        if not self.names and self.is_idle():
            self.scan.drop(self)
        elif self.names and (self.is_begun or self.begin()):
            self.logs.read_settings()
            if self.main:
                self.main.ending.follow(self.logs.current.settings.stop)
            self.take_main()
            self.take_log()

    def begin(self) -> bool:
        """Begin with a directory that is complete; if it is not yet, look again later."""
        self.watched.add(self.directory)  # before we look: a change in between is not missed
        wait_ns = quiet.incomplete_ns(self.directory, self.seen_ns)
        if wait_ns:
            self.look_in(wait_ns)
            return False
        self.watched.remove(self.directory)
        self.is_begun = True
        return True

    def look_in(self, delay_ns: int) -> None:
        """Tend again after a delay."""
        self.later(delay_ns, self.tend)

    def later(self, delay_ns: int, callback: Callback) -> None:
        """Call back after a delay, and at no other moment."""
        self.cancel()
        self.timer = self.scan.loop.at(time.monotonic_ns() + delay_ns, self, callback)

    def cancel(self) -> None:
        """Call back no more."""
        if self.timer:
            self.timer.cancel()

    def take_main(self) -> None:
        """Supervise the service, if nobody does."""
        if self.main:
            self.renew(self.main)
            return
        try:
            self.scan.need_room()
        except OSError as exc:
            self.scan.put_back(self, exc)
            return
        self.main = self.open(self.directory, self.label)
        if self.main and self.can_join_log(self.main):
            self.main.on_start = self.prepare_start
            if not self.scan.stopping.is_due:
                self.main.begin()

    def prepare_start(self) -> None:
        """Have the service's log and settings as they are now.

        Raises:
            Fatal: there is no pipe to its log; or service.toml is wrong, and never was right.
        """
        self.join_log()
        if self.main:
            self.main.run = self.logs.current.run()

    def can_join_log(self, main: Supervise) -> bool:
        """Give the service a pipe if there is a log; let go of it where that cannot be."""
        try:
            self.join_log()
        except strerr.Fatal as exc:
            self.report("fatal", str(exc), exc.__cause__)
            self.main = None
            main.close()
            self.scan.look_soon()
        return self.main is not None

    def join_log(self) -> None:
        """Give the service a pipe if there is a log: looked for at each start, not only once.

        Raises:
            Fatal: there is none, and what the service says would be lost.
        """
        if not self.main:
            return
        self.logs.read_settings()
        self.main.restart = self.logs.current.settings.restart
        self.main.ending.follow(self.logs.current.settings.stop)
        if self.pipe < 0 and self.logs.wants_pipe():
            self.pipe = self.main.open_pipe()
            self.look_in(0)
        self.main.stdout = self.pipe
        self.main.stderr = self.pipe if self.logs.wants_stderr() else -1

    def take_log(self) -> None:
        """Supervise the logger, if there is one and nobody does."""
        if self.log:
            self.renew(self.log)
            return
        if self.pipe >= 0:
            self.logs.take()

    def open(self, directory: int, label: bytes) -> Supervise | None:
        """Take a service or logger; None if that cannot be: each look tries again."""
        scan = self.scan
        part = Supervise(scan.loop, scan.starter, self.report, directory, label, owner=self)
        try:
            with contextlib.ExitStack() as undo:
                undo.callback(part.close)
                part.open()
                undo.pop_all()
        except strerr.Fatal as exc:
            self.report("fatal", str(exc), exc.__cause__)
            return None
        self.join(part)
        return part

    def join(self, part: Supervise) -> None:
        """Be told what becomes of a service or logger."""
        part.on_change = self.changed
        part.on_failure = lambda: self.watched.add(part.directory)

    def renew(self, part: Part) -> None:
        """Look whether `supervise` was removed or replaced."""
        try:
            part.renew()
        except strerr.Fatal as exc:
            self.report("fatal", str(exc), exc.__cause__)

    def report(self, label: str, message: str, cause: BaseException | None) -> None:
        """Say what service or logger have to say, under the name that C's would."""
        self.scan.say_seldom("supervise", label, message, cause)

    def rotate(self) -> None:
        """Rotate a built-in log."""
        if isinstance(self.log, EntryLog):
            self.log.feed(ord("a"))

    # changes

    def try_again(self) -> None:
        """Look again at a directory that was not complete, start what could not be started."""
        if not self.is_begun:
            self.tend()
        for part in self.parts():
            part.retry()

    def changed(self) -> None:
        """Take note of what service or logger became."""
        for part in self.parts():
            if part.pid and not (part is self.main and self.logs.current.has_file()):
                self.watched.remove(part.directory)
        if self.main and self.main.ending.is_critical():
            self.scan.stopping.critical(self.label, self.main.ending)
        if self.main and self.main.is_gone():
            self.main = None
        if self.log and self.log.is_gone():
            self.log = None
            if self.logs.current.settings.log and not self.scan.is_stopping:
                self.look_in(0)  # a classic logger made room for a built-in one
        self.logs.end_if_gone()
        if self.scan.is_stopping:
            self.scan.stopping.end_log(self)
        elif not self.names and self.is_idle():
            self.look_in(0)  # to be dropped, but not while it is at work
        elif not self.is_settled():
            self.scan.look_soon()

    # trouble

    def is_aside(self) -> bool:
        """Say whether this entry is left alone for the present."""
        return time.monotonic_ns() < self.aside_ns

    def set_aside(self, exc: Exception) -> None:
        """Let go of this entry after an exception, and take it up again later."""
        self.leave_alone(last_frame(exc))

    def leave_alone(self, why: str) -> None:
        """Let go of this entry for a while.

        Its processes live on meanwhile, and are taken over as if we had been killed.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self.aside_ns > restart.LONGEST_NS:
            self.trouble = 0
        self.trouble += 1
        delay_ns = restart.delay(self.trouble)
        self.aside_ns = now_ns + delay_ns
        where = f"{strerr.name(self.label)} set aside for {delay_ns // restart.SECOND_NS} s"
        self.scan.log.say("svscan", "warning", f"{where}: {why}")
        self.let_go()
        self.look_in(delay_ns)
        if self.scan.is_stopping:
            self.scan.stopping.leave_if_idle()

    def let_go(self) -> None:
        """Supervise and watch nothing here any more; what runs, runs on."""
        self.watched.clear()
        parts = self.parts()
        self.main = self.log = None
        for part in parts:
            self.scan.boundary(self.scan, part.close)

    def close(self) -> None:
        """Let go of everything."""
        self.cancel()
        self.let_go()
        self.logs.close()
        for fd in (self.pipe, self.directory):
            if fd >= 0:
                os.close(fd)
        self.pipe = self.directory = -1
