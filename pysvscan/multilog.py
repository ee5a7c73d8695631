"""The multilog process: descriptor 0 through one script into its directories and files.

Nothing is read while anything is unwritten, so that one read at most is held here. What fails is
said and tried again every 5 s. TERM always ends it: see `end`.
Source: daemontools 0.76 multilog.c; the deviations are listed in tests/oracle/deviations.py.
"""

import os
import time

from pysvscan import cyclog, memory, pathexec, strerr
from pysvscan.core import whole
from pysvscan.core.script import Output, Pipe, Script
from pysvscan.hearing import Hearing
from pysvscan.reading import READ_BYTES, Reader
from pysvscan.statusfile import StatusFile
from pysvscan.stuck import Stuck

NEWLINE = b"\n"
SECOND_NS = 1_000_000_000
RETRY_NS = 5 * SECOND_NS
LINE_NS = 2 * SECOND_NS  # after TERM: for the rest of a line
DISK_NS = 2 * SECOND_NS  # after that: for what cannot be written
LAST_RETRY_NS = SECOND_NS // 2
PROCESSOR_NS = 10 * SECOND_NS  # after TERM: for a processor; it loses nothing but its work

TYPE_CHECKING = False
if TYPE_CHECKING:
    Outlet = cyclog.Cyclog | StatusFile


class Ended(Exception):
    """TERM came while something could not be written."""


class Multilog:
    """One multilog.

    Attributes:
        outlets: the files and the logs; all that is open, in the order that it was opened.
        routes: the logs, each with its selection in the script.
        due_ns: of each outlet that is stuck, when to try again (monotonic).
    """

    def __init__(self, script: Script) -> None:
        memory.keep()
        self.script = script
        self.pipe = Pipe()
        self.outlets: list[Outlet] = []
        self.files: list[StatusFile] = []
        self.logs: list[cyclog.Cyclog] = []
        self.routes: list[tuple[cyclog.Cyclog, int]] = []
        self.due_ns: dict[Outlet, int] = {}
        self.hearing = Hearing()
        self.input = Reader(self.hearing)

    def run(self, chain: pathexec.Chain) -> int:
        """Open everything, log until the end of input or TERM, and return the exit code.

        Raises:
            strerr.Fatal: something cannot be opened.
        """
        try:
            self.open(chain)
            self.pass_on() if whole.is_whole(self.script) else self.log()
            self.read_line()
            self.finish()
        except Ended:
            return self.end()
        return 0

    def open(self, chain: pathexec.Chain) -> None:
        """Open the files, then the directories one by one, and recover what a crash left."""
        for file in self.script.files:
            self.files.append(StatusFile(file.path))
        self.outlets += self.files
        for it in self.script.directories:
            files = (it.path, it.size_bytes, it.count, it.processor)
            log = cyclog.Cyclog(*files, chain, suffix=it.suffix)
            self.logs.append(log)
            self.routes.append((log, it.selection))
            self.outlets.append(log)
            self.settle()

    def log(self) -> None:
        """Read and write until the end of input or TERM."""
        take = self.take_text if self.script.only else self.take
        hearing = self.hearing
        while not hearing.term_ns:
            if hearing.is_alarmed:
                self.rotate()
            data = self.input.read_at_once()
            if data is None and hearing.may_read():
                data = self.input.read(READ_BYTES)
            if data:
                take(data)
            elif data is not None:
                return

    def take(self, data: bytes) -> None:
        """Run the script over a read, and write what it makes of it."""
        self.put(self.script.feed(self.pipe, data, time.time_ns()))

    def take_text(self, data: bytes) -> None:
        """Do the same where all logs get the same, and nothing else gets anything."""
        text = self.script.feed_only(self.pipe, data, time.time_ns())
        if text:
            self.write(text)

    def write(self, text: bytes | memoryview) -> None:
        """Write a text to each log."""
        is_left = False
        for log in self.logs:
            if not log.put(text):
                is_left = True
        if is_left:
            self.settle()

    def pass_on(self) -> None:
        """Do the same where every byte passes, without a copy."""
        hearing = self.hearing
        while not hearing.term_ns:
            if hearing.is_alarmed:
                self.rotate()
            count = self.input.fill_at_once()
            if count is None and hearing.may_read():
                count = self.input.fill()
            if count:
                text = whole.passing(self.script, self.pipe, self.input.buffer, count)
                if text:
                    self.write(text)
            elif count is not None:
                return

    def rotate(self) -> None:
        """Rotate what is not empty."""
        self.hearing.is_alarmed = False
        for log in self.logs:
            if not log.is_empty():
                log.rotate()
        self.settle()

    def read_line(self) -> None:
        """After TERM: read the rest of the line, for 2 s at most, and not a byte beyond it."""
        if not self.hearing.term_ns:
            return
        deadline_ns = self.hearing.term_ns + LINE_NS
        while self.pipe.is_unfinished() and time.monotonic_ns() < deadline_ns:
            if self.hearing.wait_for_input(deadline_ns):
                data = self.input.read(1)
                if data == b"":
                    return
                if data:
                    self.take(data)

    def finish(self) -> None:
        """Write the last line, and leave the directories clean."""
        self.put(self.script.finish(self.pipe))
        for log in self.logs:
            log.finish()
        self.settle()

    def put(self, out: Output) -> None:
        """Hand out what a chunk asks for, and write it.

        Raises:
            Ended: TERM came, and something is stuck.
        """
        if self.hand_out(out):
            self.settle()

    def hand_out(self, out: Output) -> bool:
        """Hand out what a chunk asks for; says whether anything of it is left to be written."""
        if out.alerts:
            complain(out.alerts)
        is_left = False
        for at, record in enumerate(out.shown):
            if record and at < len(self.files):
                self.files[at].put(record)
                is_left = True
        for log, which in self.routes:
            text = out.texts[which]
            if text and not log.put(text):
                is_left = True
        return is_left

    # Waiting.

    def settle(self) -> None:
        """Come back when nothing is left to do.

        Raises:
            Ended: TERM came, and something is stuck.
        """
        while self.advance():
            until_ns = min(self.due_ns.values(), default=None)
            if self.hearing.term_ns:
                if self.due_ns:
                    raise Ended
                until_ns = self.hearing.term_ns + PROCESSOR_NS
                if time.monotonic_ns() >= until_ns:
                    self.abandon_processors()
                    continue
            self.hearing.wait_for_signal(until_ns)

    def advance(self) -> bool:
        """Do what can be done now; says whether anything is left."""
        is_busy = False
        for outlet in self.outlets:
            if outlet.is_busy() and self.due_ns.get(outlet, 0) <= time.monotonic_ns():
                self.due_ns.pop(outlet, None)
                self.reap(outlet)
                try:
                    outlet.advance()
                except Stuck as exc:
                    strerr.warn("multilog", str(exc), exc.__cause__)
                    pause_ns = LAST_RETRY_NS if self.hearing.term_ns else RETRY_NS
                    self.due_ns[outlet] = time.monotonic_ns() + pause_ns
            is_busy = is_busy or outlet.is_busy()
        return is_busy

    def reap(self, outlet: "Outlet") -> None:
        """Tell a directory if its processor is done."""
        if isinstance(outlet, cyclog.Cyclog) and outlet.pid:
            pid, wstatus = os.waitpid(outlet.pid, os.WNOHANG)
            if pid:
                outlet.reaped(wstatus)

    # The end, where something is stuck.

    def end(self) -> int:
        """Try for 2 s more, then say what is lost; returns the exit code."""
        self.due_ns.clear()
        self.hand_out(self.script.finish(self.pipe))
        deadline_ns = time.monotonic_ns() + DISK_NS
        while self.advance() and time.monotonic_ns() < deadline_ns:
            self.hearing.wait_for_signal(min([deadline_ns, *self.due_ns.values()]))
        self.abandon_processors()
        for log in self.logs:
            if not log.is_busy():
                log.finish()
        self.due_ns.clear()
        self.advance()
        return max([self.give_up(outlet) for outlet in self.outlets], default=0)

    def abandon_processors(self) -> None:
        """Leave processors alone; nothing but their work is lost."""
        for log in self.logs:
            if log.pid:
                strerr.warn("multilog", f"processor still running in {log.name}, leaving it")
                log.abandon_processor()

    def give_up(self, outlet: "Outlet") -> int:
        """Say what is lost of one outlet; returns 111 if it was left as a crash would leave it."""
        if not outlet.is_busy():
            return 0
        if isinstance(outlet, cyclog.Cyclog):
            text = outlet.unwritten()
            lost = f"{text.count(NEWLINE)} lines, {len(text)} bytes,"
        else:
            lost = "the last line"
        strerr.warn("multilog", f"giving up {lost} for {outlet.name}")
        return 111


def complain(alerts: bytes) -> None:
    """Write alerts to stderr; what stderr does not take is not worth dying for."""
    try:
        while alerts:
            alerts = alerts[os.write(2, alerts) :]
    except OSError:
        pass
