"""One entry of the scan directory: a service, its logger if it has one, and the pipe between them.

The pipe is a named FIFO in the service's `supervise/`: our holder keeps it open, service and logger
open it afresh at each start. What was written and not read lives as long as one of the three does.
"""

import contextlib
import os
import time
from typing import TYPE_CHECKING

from pysvscan import proc, strerr
from pysvscan.core import restart
from pysvscan.core.service import State, has_process
from pysvscan.loop import Deadline
from pysvscan.supervise import Supervise

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

QUIET_NS = 1_000_000_000  # a directory made in place is complete when nothing changed for so long
PATIENCE_NS = 5_000_000_000  # and at the latest after this: C's interval
LOGGER_NS = 2_000_000_000  # at the end, a logger that does not read to EOF in this gets a TERM

Key = tuple[int, int]  # (device, inode): what a directory is; its name may change


class Entry:
    """A service directory, from when it is first seen until it is gone.

    Attributes:
        names: under which it is listed; empty: removed, but its service is kept until `x`.
        directory: its descriptor.
        main, log: supervised here, or None: not yet, no more, or somebody else's.
        pipe: our holder of the FIFO; -1 for a service without logger.
        aside_ns: set aside after an exception until then.
    """

    def __init__(self, scan: "Svscan", key: Key, name: bytes, directory: int) -> None:
        self.scan = scan
        self.key = key
        self.label = name
        self.names = {name}
        self.directory = directory
        self.log_directory = -1
        self.main: Supervise | None = None
        self.log: Supervise | None = None
        self.pipe = -1
        self.is_begun = False
        self.seen_ns = time.monotonic_ns()
        self.aside_ns = 0
        self.trouble = 0
        self.timer: Deadline | None = None
        self.watches: dict[int, int] = {}  # directory: watch

    # coming to life

    def tend(self) -> None:
        """Bring this entry nearer to how it should be; to be called as often as one likes."""
        now_ns = time.monotonic_ns()
        if now_ns < self.aside_ns or self.scan.is_stopping:
            return
        if self.names and (self.is_begun or self.is_complete(now_ns)):
            self.is_begun = True
            self.unwatch(self.directory)
            self.take_main()
            self.take_log()
        elif not self.names and self.is_idle():
            self.scan.drop(self)

    def is_idle(self) -> bool:
        """Say whether nothing is supervised here."""
        return self.main is None and self.log is None

    def is_settled(self) -> bool:
        """Say whether only a command can bring news; otherwise the next look comes soon."""
        return self.main is not None and (self.log is not None or self.pipe < 0)

    def shown(self) -> str:
        """Name what still runs here, with pid and number of processes."""
        parts = [part for part in (self.main, self.log) if part and part.pid]
        counts = [f"pid {part.pid}, {proc.descendants(part.pid)} processes" for part in parts]
        return f"{strerr.name(self.label)} ({'; '.join(counts) or 'about to end'})"

    def is_complete(self, now_ns: int) -> bool:
        """Say whether a directory that is being made in place looks finished.

        At the event of `cp -a`, `log` is missing in 41 cases of 50. If not yet, looks again later.
        """
        if now_ns - self.seen_ns >= PATIENCE_NS:
            return True
        quiet_ns = time.time_ns() - newest_change_ns(self.directory)
        if quiet_ns >= QUIET_NS and os.access(b"run", os.X_OK, dir_fd=self.directory):
            return True
        self.watch(self.directory)
        wait_ns = QUIET_NS - quiet_ns if 0 <= quiet_ns < QUIET_NS else QUIET_NS
        self.look_at(min(now_ns + wait_ns, self.seen_ns + PATIENCE_NS))
        return False

    def look_at(self, at_ns: int) -> None:
        """Tend again at a moment, and at no other."""
        if self.timer:
            self.timer.cancel()
        self.timer = self.scan.loop.at(at_ns, self, self.tend)

    def take_main(self) -> None:
        """Supervise the service, if nobody does."""
        if self.main:
            self.renew(self.main)
            return
        main = self.supervise(self.directory, self.label)
        if not self.open(main):
            return
        self.main = main
        main.on_change = self.changed
        main.on_start = self.join_log
        main.on_failure = lambda: self.watch(self.directory)
        self.join_log()
        main.begin()

    def join_log(self) -> None:
        """Give the service a pipe if there is a `log`: looked for at each start, not only once."""
        if self.pipe < 0 and self.main and exists(b"log", self.directory):
            self.pipe = self.main.open_pipe()
            if self.scan.loop.running:
                self.look_at(time.monotonic_ns())
        if self.main:
            self.main.stdout = self.pipe

    def take_log(self) -> None:
        """Supervise the logger, if there is one and nobody does."""
        if self.log:
            self.renew(self.log)
            return
        if self.pipe < 0:
            return
        label = self.label + b"/log"
        try:
            self.log_directory = self.open_log_directory()
        except OSError as exc:
            self.scan.say_seldom(
                "supervise", "fatal", f"unable to chdir to {strerr.name(label)}", exc
            )
            return
        log = self.supervise(self.log_directory, label)
        log.stdin = self.pipe
        if not self.open(log):
            return
        self.log = log
        log.on_change = self.changed
        log.on_failure = lambda: self.watch(self.log_directory)
        log.begin()

    def supervise(self, directory: int, label: bytes) -> Supervise:
        """Make a part of this entry; what it raises is ours."""
        scan = self.scan
        return Supervise(scan.loop, scan.starter, self.report, directory, label, owner=self)

    def open_log_directory(self) -> int:
        """Open `log`, keeping it open once it is the directory that we know."""
        fd = os.open(b"log", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.directory)
        if self.log_directory >= 0:
            self.unwatch(self.log_directory)
            os.close(self.log_directory)
        return fd

    def open(self, part: Supervise) -> bool:
        """Open a service or logger; why not is said once, and tried at each look."""
        try:
            part.open()
        except strerr.Fatal as exc:
            cause = exc.__cause__
            self.scan.say_seldom("supervise", "fatal", str(exc), cause)
            return False
        return True

    def renew(self, part: Supervise) -> None:
        """Look whether `supervise` was removed or replaced."""
        try:
            part.renew()
        except strerr.Fatal as exc:
            self.scan.say_seldom("supervise", "fatal", str(exc), exc.__cause__)

    def report(self, label: str, message: str, cause: BaseException | None) -> None:
        """Say what service or logger have to say, under the name that C's would."""
        self.scan.log.say("supervise", label, message, cause)

    # changes in a directory where something is missing

    def watch(self, directory: int) -> None:
        """Watch a directory until what is missing there works."""
        if self.scan.watch and directory not in self.watches:
            try:
                self.watches[directory] = self.scan.watch.add(directory, self.something_changed)
            except OSError as exc:
                self.scan.do_without_watch(exc)

    def unwatch(self, directory: int) -> None:
        """Watch no more."""
        number = self.watches.pop(directory, None)
        if number is not None and self.scan.watch:
            self.scan.watch.remove(number)

    def something_changed(self, name: bytes, came_by_rename: bool) -> None:  # noqa: ARG002
        """Try again what did not work, now that the directory has changed."""
        if name == b"supervise":
            return
        self.scan.loop.boundary(self, self.try_again)

    def try_again(self) -> None:
        """Look again at a directory that was not complete, start what could not be started."""
        if not self.is_begun:
            self.tend()
        for part in (self.main, self.log):
            if part:
                part.retry()

    def changed(self) -> None:
        """Take note of what service or logger became."""
        for part in (self.main, self.log):
            if part and has_process(part.state):
                self.unwatch(part.directory)
        if self.main and self.main.is_gone():
            self.main = None
        if self.log and self.log.is_gone():
            self.log = None
        if self.scan.is_stopping:
            self.wind_up()
        elif not self.names and self.is_idle():
            self.look_at(time.monotonic_ns())
        elif self.names and not self.is_settled():
            self.scan.look_soon()

    # trouble

    def set_aside(self, exc: Exception) -> None:
        """Let go of this entry after an exception, and take it up again later.

        Its processes live on meanwhile, and are taken over as if we had been killed.
        """
        now_ns = time.monotonic_ns()
        if now_ns - self.aside_ns > restart.LONGEST_NS:
            self.trouble = 0
        self.trouble += 1
        delay_ns = restart.delay(self.trouble)
        self.aside_ns = now_ns + delay_ns
        where = f"{strerr.name(self.label)} set aside for {delay_ns // restart.SECOND_NS} s"
        self.scan.log.say("svscan", "warning", f"{where}: {last_frame(exc)}")
        for part in (self.main, self.log):
            if part:
                part.close()
        self.main = self.log = None
        self.look_at(self.aside_ns)

    # the end

    def stop(self) -> None:
        """Begin to stop: the service now, the logger when it is gone."""
        if self.timer:
            self.timer.cancel()
        if self.main:
            self.main.feed(ord("d"))
        if self.main:
            self.main.feed(ord("x"))
        self.wind_up()

    def wind_up(self) -> None:
        """Let the logger read to the end, as soon as its service is gone."""
        if self.main is None and self.log and self.log.state is State.WAIT:
            self.log.feed(ord("o"))  # it died, or waits: once more, for what is in the pipe
        if self.main is None and self.log and self.log.state is not State.ONCE and self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1
            self.look_after_logger()
            self.log.feed(ord("x"))
        if self.is_idle():
            self.scan.entry_stopped()

    def look_after_logger(self) -> None:
        """Later, TERM a logger that gets no EOF, since a stray process still holds the pipe."""
        at_ns = time.monotonic_ns() + LOGGER_NS
        self.timer = self.scan.loop.at(at_ns, self, self.terminate_logger)

    def terminate_logger(self) -> None:
        """TERM the logger if the pipe is empty; else wait until it is."""
        if not self.log:
            return
        if self.log.unread() == 0:
            self.log.feed(ord("t"))
            self.log.feed(ord("c"))
        self.look_after_logger()

    def close(self) -> None:
        """Let go of everything; what runs, runs on."""
        if self.timer:
            self.timer.cancel()
        for directory in list(self.watches):
            self.unwatch(directory)
        for part in (self.main, self.log):
            if part:
                part.close()
        self.main = self.log = None
        for fd in (self.pipe, self.directory, self.log_directory):
            if fd >= 0:
                os.close(fd)
        self.pipe = self.directory = self.log_directory = -1


def exists(name: bytes, directory: int) -> bool:
    """Say whether a name exists, as C's stat does."""
    try:
        os.stat(name, dir_fd=directory)
    except OSError:
        return False
    return True


def newest_change_ns(directory: int) -> int:
    """Give the time of the last change to a directory, its entries, and those of its `log`."""
    newest = os.fstat(directory).st_ctime_ns
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            newest = max(newest, entry.stat(follow_symlinks=False).st_ctime_ns)
            if entry.name == "log" and entry.is_dir(follow_symlinks=False):
                newest = max(newest, newest_change_in(entry.name, directory))
    return newest


def newest_change_in(name: str, directory: int) -> int:
    """Give the `newest_change_ns` of a directory in a directory."""
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return newest_change_ns(fd)
    finally:
        os.close(fd)


def last_frame(exc: Exception) -> str:
    """Say an exception and where it came from, in a few words."""
    frame = exc.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    if not frame:
        return repr(exc)
    file = os.path.basename(frame.tb_frame.f_code.co_filename)
    return f"{exc!r} in {file} line {frame.tb_lineno}"
