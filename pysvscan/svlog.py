"""svlog: finds logs, reads them together in the order of time, and prints them."""

import time

from pysvscan import logfiles, logfinding, strerr
from pysvscan.core import tai, when
from pysvscan.core.logline import EARLIEST
from pysvscan.core.showing import FORMS
from pysvscan.logreader import LATEST, Logreader, Window
from pysvscan.printing import Printer
from pysvscan.strerr import Fatal, Usage
from pysvscan.zone import zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pysvscan.logreader import Entry, Match

PROG = "svlog"
FOLLOWED = 10  # so many lines are shown before what comes, as by tail


class Wanted:
    """What the command line asks for.

    Attributes:
        since, until: labels; b"" where nothing was said.
        last: so many lines at most; None: all.
        form: of showing.FORMS.
        pid: conversations of this one only.
    """

    def __init__(self) -> None:
        self.since = self.until = b""
        self.last: int | None = None
        self.match: Match | None = None
        self.form = "local"
        self.follows = self.is_talk = False
        self.pid: bytes | None = None

    def window(self) -> Window:
        """Give the window."""
        return Window(self.since or EARLIEST, self.until or LATEST, self.match)


class Svlog:
    """The logs of one run.

    Attributes:
        readers: of those logs that can be read.
        names: as they were given.
        code: exit code: 111 once something could not be read.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.readers: list[Logreader] = []
        self.names: list[bytes] = []
        self.code = 0

    def say(self, message: str, cause: BaseException | None) -> None:
        """Warn, and go on."""
        strerr.warn(PROG, message, cause)
        self.code = 111

    def open(self, word: bytes) -> None:
        """Look at one log."""
        try:
            files = logfiles.look(logfinding.find(word))
        except Fatal as exc:
            self.say(str(exc), exc.__cause__)
            return
        self.readers.append(Logreader(files, len(self.readers), zone, self.say))
        self.names.append(word.rstrip(b"/") or word)

    def run(self) -> int:
        """Print what is wanted; gives the exit code."""
        printer = Printer(self.wanted.form, self.names)
        if not self.readers:
            return self.code
        if self.wanted.is_talk:
            self.talk(printer)
        else:
            self.print(printer, printer.add)
        printer.flush()
        return self.code

    def talk(self, printer: Printer) -> None:
        """Print conversations."""
        from pysvscan.talking import Talk

        talk = Talk(printer, self.wanted.pid, self.wanted.match)
        self.wanted.match = None  # a conversation is shown as a whole
        if not self.wanted.follows:
            talk.last, self.wanted.last = self.wanted.last, None
        self.print(printer, talk.add)
        talk.end()

    def print(self, printer: Printer, add: "Callable[[Entry], None]") -> None:
        """Print what is there, and, if wanted, what comes."""
        for entry in self.entries():
            add(entry)
        if self.wanted.follows:
            printer.flush()
            self.follow(printer, add)
        for entry in self.rests():
            add(entry)

    def follow(self, printer: Printer, add: "Callable[[Entry], None]") -> None:
        """Print what comes, until nobody reads it any more."""
        from pysvscan.awaiting import Awaiting
        from pysvscan.following import Follower

        followers = [Follower(reader, self.wanted.match) for reader in self.readers]
        awaiting = Awaiting([follower.reader.files.path for follower in followers])
        while awaiting.wait():
            found = [entry for follower in followers for entry in follower.poll()]
            if len(followers) > 1:
                found.sort()
            for entry in found:
                add(entry)
            printer.flush()

    def entries(self) -> "Iterator[Entry]":
        """Read all logs, in the order of time."""
        window, last = self.wanted.window(), self.wanted.last
        if last is None:
            return merged([reader.entries(window) for reader in self.readers])
        found = list(merged([reader.last(last, window) for reader in self.readers]))
        return iter(found[-last:] if last else [])

    def rests(self) -> "Iterator[Entry]":
        """Take what follows the last newline of each log."""
        window = self.wanted.window()
        for reader in self.readers:
            yield from reader.rest(window)


def merged(several: "list[Iterable[Entry]]") -> "Iterator[Entry]":
    """Merge entries of logs; at the same moment those of the earlier log come first."""
    if len(several) == 1:
        return iter(several[0])
    from heapq import merge

    return merge(*several)


def main(wanted: Wanted, services: list[bytes]) -> int:
    """Read these services' logs; see the command."""
    if wanted.follows:
        if wanted.until:
            raise Usage("svlog: -f has no end: --until cannot be")
        if wanted.last is None and not wanted.since:
            wanted.last = FOLLOWED
    log = Svlog(wanted)
    for word in services:
        log.open(word)
    return log.run()


def take_since(wanted: Wanted, value: bytes) -> None:
    """Take --since."""
    wanted.since = label_of(value)


def take_until(wanted: Wanted, value: bytes) -> None:
    """Take --until."""
    wanted.until = label_of(value)


def take_last(wanted: Wanted, value: bytes) -> None:
    """Take -n."""
    if not value.isdigit() or len(value) > 18:
        raise Usage(f"-n wants a number of lines, not {strerr.name(value)}")
    wanted.last = int(value)


def take_match(wanted: Wanted, value: bytes) -> None:
    """Take -g."""
    import re
    import warnings

    try:
        with warnings.catch_warnings(action="ignore"):  # of what a later Python may see in it
            wanted.match = re.compile(value).search
    except (re.error, RecursionError, OverflowError) as exc:
        raise Usage(f"-g {strerr.name(value)}: {exc}") from None


def take_form(wanted: Wanted, value: bytes) -> None:
    """Take -o."""
    if value.decode(errors="replace") not in FORMS:
        raise Usage(f"-o {strerr.name(value)} is none of {', '.join(FORMS)}")
    wanted.form = value.decode()


def take_pid(wanted: Wanted, value: bytes) -> None:
    """Take --pid."""
    if not value.isdigit():
        raise Usage(f"--pid wants a pid, not {strerr.name(value)}")
    wanted.is_talk, wanted.pid = True, value


VALUES = {
    b"--since": take_since,
    b"--until": take_until,
    b"-n": take_last,
    b"-g": take_match,
    b"-o": take_form,
    b"--pid": take_pid,
}


def label_of(text: bytes) -> bytes:
    """Read a time on the command line.

    Raises:
        Usage: it is none.
    """
    try:
        return tai.label(when.parse(text.decode(errors="replace"), time.time_ns(), zone))
    except when.WhenError as exc:
        raise Usage(str(exc)) from None
