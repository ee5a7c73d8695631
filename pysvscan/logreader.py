"""Reads one log directory in the order of time: the lines of a window, or the last ones.

An entry is `(order, which, label, text)`: where it stands among the entries of other logs, which
log it is of, its own stamp as a label (b"" if it has none), and the line without its stamp. In one
log entries stay as they were written: a stamp that goes back, for the clock was set back, changes
nothing. Lines without a stamp stand with the last one before them.
"""

from collections import deque

from pysvscan.core.logline import EARLIEST, Stamps, is_bad
from pysvscan.logfile import BLOCK_BYTES, Damaged, Logfile
from pysvscan.logfiles import Logfiles
from pysvscan.strerr import name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pysvscan.core.stamp import Zone

    Entry = tuple[bytes, int, bytes, bytes]
    Match = Callable[[bytes], object]
    Say = Callable[[str, BaseException | None], None]
    Parsed = tuple[bytes, bytes, bytes]  # order, label, text

LATEST = b"@" + b"f" * 24
LINE_BYTES = 1 << 20


class Window:
    """What is asked for.

    Attributes:
        since, until: labels; the first is in the window, the second is not.
        match: takes a text that is wanted; None: all are.
    """

    __slots__ = ("match", "since", "until")

    def __init__(
        self, since: bytes = EARLIEST, until: bytes = LATEST, match: "Match | None" = None
    ) -> None:
        self.since = since
        self.until = until
        self.match = match


class Logreader:
    """One log.

    Attributes:
        which: its number among those that are read together.
        order: of the last line.
        unfinished: what `current` held after its last newline.
        is_beyond: the file that was read last is, as a whole, later than the window.
    """

    def __init__(self, files: Logfiles, which: int, zone: "Zone", say: "Say") -> None:
        """Read what one look has found.

        Args:
            files: closed by the caller.
            which: number of this log.
            zone: of readable stamps.
            say: gets a warning's text and its cause.
        """
        self.files = files
        self.which = which
        self.zone = zone
        self.say = say
        self.stamps = Stamps(zone)
        self.order = EARLIEST
        self.unfinished = b""
        self.is_bad_said = self.is_beyond = False

    def entries(self, window: Window) -> "Iterator[Entry]":
        """Read a window, oldest first; `unfinished` is what remains."""
        first = self.files.overlapping(window.since) if window.since > EARLIEST else 0
        return self.from_file(first, None, window)

    def last(self, count: int, window: Window) -> "deque[Entry]":
        """Read the last entries of a window, from no more files than needed."""
        first, start = self.find_last(count, window)
        return deque(self.from_file(first, start, window), maxlen=count)

    def find_last(self, count: int, window: Window) -> tuple[int, int]:
        """Find the file's number, and the offset in it, from which on there are so many entries."""
        oldest = self.files.overlapping(window.since) if window.since > EARLIEST else 0
        missing = count
        where = oldest, 0
        for number in range(len(self.files.archives), oldest - 1, -1):
            start, found = self.count_last(number, missing, window)
            missing -= found
            where = number, start
            if missing <= 0:
                break
        if missing == count:
            where = len(self.files.archives), 0
        return where

    def count_last(self, number: int, wanted: int, window: Window) -> tuple[int, int]:
        """Read the end of one file, a larger one each time, until so many entries are in it."""
        file = self.open(number)
        if not file:
            return 0, 0
        silent = Logreader(self.files, self.which, self.zone, lambda *_: None)
        size = 0 if file.stream else BLOCK_BYTES
        try:
            while True:
                start = file.before_last(size) if size else 0
                found = sum(1 for _ in silent.of_file(file, number, start, window))
                if found >= wanted or not start:
                    return start, found
                size *= 4
        finally:
            self.close(file)

    def from_file(self, first: int, start: int | None, window: Window) -> "Iterator[Entry]":
        """Read from one file on; start: the offset in it, None to find it."""
        for number in range(first, len(self.files.archives) + 1):
            file = self.open(number)
            if not file:
                continue
            try:
                if start is None:
                    start = file.first_at(window.since, self.zone)
                yield from self.of_file(file, number, start, window)
                if self.is_beyond:
                    return
            finally:
                self.close(file)
            start = None if window.since > EARLIEST else 0

    def open(self, number: int) -> Logfile | None:
        """Open a file, current the last of them; None: it is not there, or nobody can read it."""
        if number == len(self.files.archives):
            if self.files.failure:
                self.say(str(self.files.failure), self.files.failure.__cause__)
            return self.files.current
        try:
            return self.files.open(self.files.archives[number])
        except Damaged as exc:
            self.say(str(exc), exc.__cause__)
            return None

    def close(self, file: Logfile) -> None:
        """Close an archive; current stays open for who goes on with it."""
        if file is not self.files.current:
            file.close()

    def of_file(self, file: Logfile, number: int, start: int, window: Window) -> "Iterator[Entry]":
        """Read one file from an offset on, as far as the window goes."""
        archives = self.files.archives
        archive = archives[number] if number < len(archives) else None
        after = archive.after or archive.end if archive else self.files.last_end()
        try:
            yield from self.of_blocks(file.blocks(start), window, after)
            is_torn = archive is not None and archive.is_torn_end()
        except Damaged as exc:
            self.say(str(exc), exc.__cause__)
            is_torn = True
        if is_torn:
            yield from self.rest(window)

    def of_blocks(
        self, blocks: "Iterator[bytes]", window: Window, may_begin: bytes
    ) -> "Iterator[Entry]":
        """Cut blocks into lines; the rest stays `unfinished`.

        Args:
            blocks: of one file.
            window: what is wanted of it.
            may_begin: where its lines stand if they have no stamps.
        """
        is_first = True
        for block in blocks:
            lines = self.cut(block)
            if is_first:
                is_first = False
                first = self.first_stamp(lines)
                if not first:  # the names of the files must do
                    self.order = first = max(self.order, may_begin)
                    window = Window(until=window.until, match=window.match)
                self.is_beyond = first >= window.until
            if self.is_beyond or self.order >= window.until:
                self.unfinished = b""
                return
            yield from self.select(lines, window)

    def cut(self, block: bytes) -> list[bytes]:
        """Cut what comes next into lines; what follows the last newline stays `unfinished`.

        A line may be as long as its writer likes: what is too long to hold comes in pieces.
        """
        lines = (self.unfinished + block).split(b"\n")
        if len(lines[-1]) > LINE_BYTES:
            lines.append(b"")
        self.unfinished = lines.pop()
        return lines

    def first_stamp(self, lines: list[bytes]) -> bytes:
        """Find the first stamp in lines; b"" where there is none."""
        stamps = Stamps(self.zone)
        return next((it for it, _ in map(stamps.split, lines) if it), b"")

    def select(self, lines: list[bytes], window: Window) -> "Iterator[Entry]":
        """Read lines: those in the window that match."""
        which, order, split = self.which, self.order, self.stamps.split
        since, until, match = window.since, window.until, window.match
        for line in lines:
            label, begin = split(line)
            if label > order:
                order = label
            if begin:
                text = line[begin:]
            else:
                label, text = b"", line
                self.look_at_bad(line)
            if since <= (label or order) < until and (match is None or match(text)):
                yield order, which, label, text
        self.order = order

    def look_at_bad(self, line: bytes) -> None:
        """Say once that a stamp is none."""
        if not self.is_bad_said and is_bad(line):
            self.is_bad_said = True
            shown = line[:25].decode(errors="replace")
            self.say(f"unable to read stamp {shown} in {name(self.files.path)}", None)

    def rest(self, window: Window) -> "list[Entry]":
        """Take what `current` holds after its last newline, as a line."""
        if not self.unfinished:
            return []
        line, self.unfinished = self.unfinished, b""
        before, self.is_bad_said = self.is_bad_said, True  # half a stamp is no bad one
        found = list(self.select([line], window))
        self.is_bad_said = before
        return found
