"""One log in the logger process: a pipe, read through a script into its outlets.

Read only while the pipe is locked (by our own open), the directories are open and locked, and none
is stuck; so at most one read is held here. What is read is written out before the pipe is let go.
"""

import contextlib
import fcntl
import functools
import os
import time
from enum import Enum

from pysvscan import strerr
from pysvscan.core import logcontrol
from pysvscan.core.logcontrol import State
from pysvscan.core.orders import Kind, Opening
from pysvscan.counting import Counting
from pysvscan.feeding import Feeding
from pysvscan.outlets import Opener, Outlets
from pysvscan.places import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.cyclog import Cyclog
    from pysvscan.logger import Logger
    from pysvscan.loop import Callback, Deadline

READ_BYTES = 61440  # with the begin of a line before it, and the rest behind it, less than 65536
REST_BYTES = 4096
MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
LINE_NS = 2 * SECOND_NS  # at the end: for the rest of a line
DISK_NS = 2 * SECOND_NS  # after END: for what cannot be written
LOCK_NS = 20 * MS_NS  # the lock is a former logger's: first look
LOCK_TRIES = 20  # some 15 s
OPEN_NS = 5 * SECOND_NS  # a directory cannot be opened: longest pause
PATIENCE_NS = 10 * SECOND_NS  # for old directories, before what is wanted now is opened without
SLOW_NS = 60 * SECOND_NS  # a processor that takes so long may hang
STILL_NS = 20 * SECOND_NS  # it is the same trouble only where it is met again soon: core/seldom.py
LONGEST_NS = 60 * SECOND_NS  # after exceptions


class Phase(Enum):
    """Where a log is."""

    OPENING = "opening"  # not locked, or not open
    READING = "reading"
    LINE = "line"  # reads the rest of a line, then no more
    WRITING = "writing"  # writes out, and leaves the directories clean
    OVER = "over"  # the descriptors are closed


class LogPipe:
    """One log.

    Attributes:
        number: svscan's.
        fifo, directory: the pipe, opened for us alone; SERVICE/log.
        feeding: what is read.
        texts: what the directories had not written when they were closed after an exception.
        trouble: exceptions in a row.
        then: what follows when all is written out; None: nothing is to.
        wanted: the settings that were ordered last; in use after the next `reopen`.
    """

    def __init__(
        self, logger: "Logger", number: int, opening: Opening, descriptors: list[int]
    ) -> None:
        self.logger = logger
        self.loop = logger.loop
        self.number = number
        self.opening = opening
        self.directory, self.fifo = descriptors[:2]
        self.counting = Counting(descriptors[2:], self.say)
        self.phase = Phase.OPENING
        place = Place(logger.places, number)
        script = logger.parse(opening.words)
        self.feeding = Feeding(script, self.counting, logger.stderr, place)
        self.texts: list[bytes] = []
        self.outlets = self.logger.nothing
        self.then: Callback | None = None
        self.is_listening = False
        self.is_locked = False
        self.is_open = False  # as svscan was told
        self.wants_rotation = False
        self.failures = 0
        self.trouble = 0
        self.timer: Deadline | None = None
        self.end_timer: Deadline | None = None
        self.counting_timer: Deadline | None = None
        self.patience_timer: Deadline | None = None
        self.use(opening)

    def say(self, message: str, cause: BaseException | None = None) -> None:
        """Say something about this log; what comes again and again only seldom."""
        self.logger.say("warning", f"{strerr.name(self.opening.label)}: {message}", cause)

    def use(self, opening: Opening) -> None:
        """Use these settings from now on."""
        self.opening = self.wanted = opening
        self.feeding.use(self.logger.parse(opening.words))
        self.feeding.redact(opening.redact)
        name = opening.label.removesuffix(b"/log")
        self.feeding.copy = self.logger.copyout.source(name) if opening.stdout else None

    # opening

    def open(self) -> None:
        """Lock the pipe, then open all that the script names; try again where that fails."""
        if (logcontrol.is_open(self.opening.state) or self.then) and self.lock():
            self.feeding.run()  # what raised before: if it does so again, no directory is touched
            try:
                self.outlets = self.open_outlets()
            except strerr.Fatal as exc:
                self.failed(exc)
            else:
                self.opened()

    def lock(self) -> bool:
        """Lock the pipe; while a former logger reads it, look again and again."""
        if not self.is_locked:
            try:
                fcntl.flock(self.fifo, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                self.failures += 1
                if self.failures > LOCK_TRIES:  # no former logger's: perhaps the service's own
                    self.unable("unable to lock supervise/pipe, pausing", exc)
                self.wait(min(LOCK_NS << min(self.failures, 6), SECOND_NS), self.open)
                return False
            self.failures = 0
            self.is_locked = True
            self.feeding.begin()
        return True

    def failed(self, exc: strerr.Fatal) -> None:
        """Note that something cannot be opened."""
        self.close_outlets()
        self.unable(str(exc), exc.__cause__)
        self.failures += 1
        self.wait(min(SECOND_NS << min(self.failures - 1, 6), OPEN_NS), self.open)

    def unable(self, message: str, cause: BaseException | None) -> None:
        """Say why the log is not open, and tell svscan each time; it shows that."""
        self.say(message, cause)
        if self.is_open or not self.logger.is_behind():
            reason = f": {strerr.reason(cause)}" if cause is not None else ""
            self.logger.tell(Kind.SHUT, self.number, os.fsencode(message + reason))
        self.is_open = False

    def open_outlets(self) -> Outlets:
        """Open the files and directories of the script, relative to SERVICE/log."""
        host = self.logger
        opener = Opener(self.directory, self.feeding.script, self.opening, host.chain, host.sync)
        found = Outlets(self.feeding.script, opener, self.say)
        for log in found.logs:
            host.owners[log] = self
        return found

    def opened(self) -> None:
        """Begin to read; after an exception, with what was left then."""
        self.failures = 0
        self.phase = Phase.READING
        self.outlets.put_back(self.texts)
        for text in self.texts[len(self.outlets.logs) :]:
            self.lose(text, "a directory that is wanted no more")
        self.texts = []
        self.feeding.deliver(self.outlets)
        self.is_open = True
        self.logger.tell(Kind.OPENED, self.number)
        if self.then:
            self.write_out()
        else:
            self.go_on()

    # reading

    def readable(self) -> None:
        """Take one read, or, where that is the last of all, the rest of a line."""
        if self.phase is Phase.LINE:
            self.read_line()
            return
        self.feeding.place.note(True)
        try:
            data = self.read(self.outlets.share(READ_BYTES))
        except BlockingIOError:
            self.feeding.note()
            return
        if not data:
            self.feeding.note()
            self.wind_up(self.end)
            return
        self.logger.read_bytes += len(data)
        self.feeding.take(data)
        if not self.feeding.deliver(self.outlets) and self.outlets.advance():
            self.go_on()
        self.trouble = 0
        self.count_later()

    def read(self, size: int) -> bytes:
        """Read once; a read that is cut short on purpose does not cut a line.

        The rest of the line might have to wait for a processor, and the end come before that.

        Raises:
            BlockingIOError: there is nothing.
        """
        data = os.read(self.fifo, size)
        is_cut = size < READ_BYTES and len(data) == size and not data.endswith(b"\n")
        if is_cut and b"\n" in data:  # without one, it is a line that no file holds
            data += self.read_rest()
        return data

    def read_rest(self) -> bytes:
        """Read the rest of a line, or a part of it, and not a byte beyond its end.

        Byte by byte, for a pipe cannot be looked into: so not more of a line than most have.
        """
        rest = bytearray()
        with contextlib.suppress(BlockingIOError):
            while not rest.endswith(b"\n") and len(rest) < REST_BYTES:
                rest += os.read(self.fifo, 1) or b"\n"  # the script's finish() would give it this
        return bytes(rest)

    def count_later(self) -> None:
        """Let others see what was counted in a second: not at each read, but after the last too."""
        if not self.counting.is_shown and not self.counting_timer:
            at_ns = time.monotonic_ns() + SECOND_NS
            self.counting_timer = self.loop.at(at_ns, self, self.show_counts)

    def show_counts(self) -> None:
        """Let others see what was counted."""
        self.counting_timer = None
        self.counting.show(self.outlets)
        try:
            self.outlets.look_for_removed()
        except strerr.Fatal as exc:
            self.gone(exc)

    def go_on(self) -> None:
        """Do what can be done now, and see what there is to wait for."""
        try:
            if self.outlets.advance():
                self.wait_for_outlets()
            elif self.phase is Phase.WRITING:
                self.written_out()
            if self.wants_rotation and self.phase is Phase.READING:
                self.start_rotation()
        except strerr.Fatal as exc:
            self.gone(exc)
        self.listen()

    def gone(self, exc: strerr.Fatal) -> None:
        """Open everything anew, where a directory cannot be used; what was read is kept."""
        self.texts = self.outlets.unwritten()
        self.failed(exc)

    def wait_for_outlets(self) -> None:
        """Come back when something stuck may be tried again, or a processor has ended."""
        due_ns = self.outlets.due_ns()
        if due_ns is not None:
            self.wait_until(due_ns, self.go_on)
        for log in self.outlets.logs:
            if log.pid and log.pid not in self.loop.children:
                self.loop.child(log.pid, self, functools.partial(self.reaped, log))
                look = functools.partial(self.look_slow, log, log.strand.pid)
                self.loop.at(time.monotonic_ns() + SLOW_NS, self, look)

    def reaped(self, log: "Cyclog", wstatus: int) -> None:
        """Tell a directory that its processor has ended."""
        log.reaped(wstatus)
        self.go_on()

    def look_slow(self, log: "Cyclog", pid: int) -> None:
        """Say that a processor takes long: nothing else tells why its service waits."""
        if pid and log.strand.pid == pid and log in self.outlets.logs:
            self.say(f"processor still running in {log.name}, pausing")
            look = functools.partial(self.look_slow, log, pid)
            self.loop.at(time.monotonic_ns() + STILL_NS, self, look)

    def start_rotation(self) -> None:
        """Rotate, if all is written."""
        if not self.outlets.is_blocking():
            self.wants_rotation = False
            self.outlets.rotate()
            self.logger.tell(Kind.ROTATED, self.number)
            self.go_on()

    def written_out(self) -> None:
        """Close the outlets, as nothing is left to do, and go on with what is to follow."""
        self.close_outlets()
        then, self.then = self.then, None
        if then:
            then()

    def listen(self) -> None:
        """Read the pipe if that is the time for it, and else not."""
        wanted = self.wants_input()
        if wanted is not self.is_listening:
            self.is_listening = wanted
            if wanted:
                self.loop.read(self.fifo, self, self.readable)
            else:
                self.loop.forget(self.fifo)

    def wants_input(self) -> bool:
        """Say whether to read."""
        if self.outlets.is_blocking():
            return False
        is_reading = self.opening.state is State.READING
        return self.phase is Phase.LINE or (self.phase is Phase.READING and is_reading)

    def wait(self, delay_ns: int, callback: "Callback") -> None:
        """Call back after a delay, and at no other moment."""
        self.wait_until(time.monotonic_ns() + delay_ns, callback)

    def wait_until(self, at_ns: int, callback: "Callback") -> None:
        """Call back at a moment, and at no other."""
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.at(at_ns, self, callback)

    # orders

    def become(self, state: State) -> None:
        """Read, or do not; where the directories are not to be open, close them."""
        self.opening.state = self.wanted.state = state
        if not logcontrol.is_open(state):
            self.change(self.wanted)  # which then opens nothing
        elif self.phase is Phase.OPENING:
            self.open()
        self.listen()

    def rotate(self) -> None:
        """Rotate what is not empty."""
        self.wants_rotation = True
        if self.phase is not Phase.OPENING:
            self.go_on()

    def change(self, opening: Opening) -> None:
        """Go on with other settings; where the old directories let us wait, not for ever."""
        self.wanted = opening
        self.wind_up(self.reopen)
        if self.patience_timer:
            self.patience_timer.cancel()
        if self.then:
            at_ns = time.monotonic_ns() + PATIENCE_NS
            self.patience_timer = self.loop.at(at_ns, self, self.break_off)

    def break_off(self) -> None:
        """Leave directories that cannot be finished, or opened; what was read goes on with us.

        What is wanted now may well be what mends it: another disk, or another processor.
        """
        if self.then != self.reopen or not self.feeding.is_empty():
            return
        for log in self.outlets.logs:
            if log.is_busy():
                self.say(f"unable to finish directory {log.name}, leaving it")
        if self.phase is not Phase.OPENING:
            self.texts = self.outlets.unwritten()
        self.close_outlets()
        self.then = None
        self.reopen()

    def reopen(self) -> None:
        """Open what the settings name that are wanted now."""
        self.use(self.wanted)
        self.open()

    # the end

    def wind_up(self, then: "Callback") -> None:
        """Read the rest of the line, write out, close the outlets; then go on.

        While that takes its time, other orders may come; none takes back that it is the end.
        """
        self.then = self.end if self.then == self.end else then
        if self.phase is Phase.OPENING and self.feeding.is_empty() and not any(self.texts):
            self.then = None
            then()
        elif self.phase is Phase.OPENING:
            self.open()  # whatever was commanded: there is something to be written first
        elif self.phase is Phase.READING and self.feeding.is_unfinished():
            self.phase = Phase.LINE
            self.end_timer = self.loop.at(time.monotonic_ns() + LINE_NS, self, self.write_out)
            self.listen()
        elif self.phase is Phase.READING:
            self.write_out()

    def hand_over(self) -> None:
        """Let go of the pipe; a line that is not finished is for the logger that waits for it."""
        if self.phase in (Phase.OPENING, Phase.READING):
            self.feeding.leave_line()
        self.wind_up(self.end)

    def read_line(self) -> None:
        """Read what is there of the rest of the line."""
        data = self.read_rest()
        if data:
            self.feeding.take(data)
            self.feeding.deliver(self.outlets)
            self.go_on()
        if not self.feeding.is_unfinished():
            self.write_out()

    def write_out(self) -> None:
        """Write out all that was read; what is unfinished gets its newline."""
        if self.end_timer:
            self.end_timer.cancel()
        if self.phase in (Phase.READING, Phase.LINE):
            self.phase = Phase.WRITING
            self.feeding.finish()
            self.feeding.deliver(self.outlets)
            self.outlets.finish()
            self.go_on()

    def give_up(self) -> None:
        """Wait no longer for what cannot be written; say what is lost by that."""
        texts = self.texts or self.outlets.unwritten()
        for it, text in zip(self.feeding.script.directories, texts, strict=False):
            self.lose(text, strerr.name(it.path))
        self.texts = []
        self.close_outlets()
        self.end()

    def lose(self, text: bytes, where: str) -> None:
        """Say, and count, what is given up."""
        if text:
            lines = text.count(b"\n")
            self.say(f"giving up {lines} lines, {len(text)} bytes, for {where}")
            self.counting.lose(lines, len(text))

    def end(self) -> None:
        """Let go of everything."""
        timers = (self.timer, self.end_timer, self.counting_timer, self.patience_timer)
        for timer in timers:
            if timer:
                timer.cancel()
        self.close_outlets()
        if self.phase is not Phase.OVER:
            self.phase = Phase.OVER
            os.close(self.fifo)
            os.close(self.directory)
            self.counting.close()
            self.logger.forget(self)

    def close_outlets(self) -> None:
        """Close files and directories; the pipe stays ours."""
        outlets, self.outlets = self.outlets, self.logger.nothing
        if self.phase is not Phase.OVER:
            self.phase = Phase.OPENING
            self.listen()
        for log in outlets.logs:
            if log.pid:  # waited for, or it would stay a zombie
                self.loop.child(log.pid, self.logger, lambda _: None)
            self.logger.owners.pop(log, None)
        self.counting.keep(outlets)
        outlets.close()

    # trouble

    def set_aside(self, where: str) -> None:
        """Leave the pipe alone for a while, after an exception; what was read is kept."""
        self.trouble += 1
        delay_ns = min(SECOND_NS << min(self.trouble - 1, 6), LONGEST_NS)
        self.say(f"set aside for {delay_ns // SECOND_NS} s: {where}")
        if self.phase is not Phase.OPENING:
            self.texts = self.outlets.unwritten()
        self.close_outlets()
        self.wait(delay_ns, self.open)
