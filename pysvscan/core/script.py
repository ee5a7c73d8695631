"""A multilog script: parsed once, then run over whole chunks. Pure; the clock is the caller's.

A Script is immutable and may serve many pipes; what one pipe has left unfinished is in its Pipe.
All lines that begin in one chunk share one stamp, which is what makes a chunk cheap.
Source: daemontools 0.76 multilog.c.
"""

from pysvscan.core import patterns as of_patterns
from pysvscan.core import stamp as stamps
from pysvscan.core.selection import SHOWN_BYTES, Mixed, Selection, stamped
from pysvscan.core.suffix import FINISHED, wrong_code

ALERT_BYTES = 200
NEWLINE = 10
DEFAULT_SIZE, MIN_SIZE, MAX_SIZE = 99999, 4096, 100 * 2**20  # C: 16777215
DEFAULT_COUNT, MIN_COUNT = 10, 2


class Directory:
    """One log directory of a script, with the settings in force at that point."""

    __slots__ = ("count", "path", "processor", "selection", "size_bytes", "suffix")

    def __init__(
        self,
        path: bytes,
        size_bytes: int,
        count: int,
        processor: bytes | None,
        suffix: bytes,
        selection: int,
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.count = count
        self.processor = processor
        self.suffix = suffix  # of its archives' names, dot included
        self.selection = selection  # which of the script's selections


class File:
    """One `=file` of a script: it shows the last line that one of its selections takes."""

    __slots__ = ("path", "selections")

    def __init__(self, path: bytes) -> None:
        self.path = path
        self.selections: list[int] = []  # more than one where the script names it again


class Pipe:
    """What one pipe has left unfinished between two chunks.

    Attributes:
        line: the unfinished line's start, stamp included; less than 1000 bytes.
        kept: of a line that was decided before its end: which selections take the rest. Else None.
    """

    __slots__ = ("kept", "line")

    def __init__(self) -> None:
        self.line = b""
        self.kept: list[bool] | None = None

    def is_unfinished(self) -> bool:
        """Say whether the last byte read was not a newline."""
        return bool(self.line) or self.kept is not None


class Output:
    """What one chunk asks for.

    Attributes:
        texts: per selection, the bytes for each of its directories.
        shown: per =file, what it holds from now on, None if there is no new line for it.
        alerts: the bytes for stderr.
    """

    __slots__ = ("alerts", "shown", "texts")

    def __init__(self, selections: int, files: int) -> None:
        self.texts = [b""] * selections
        self.shown: list[bytes | None] = [None] * files
        self.alerts = b""


class Script:
    """A parsed script.

    Attributes:
        stamp: what it puts before a line that begins at a moment.
        selections: one per point of the script where something is written.
        directories: in the script's order.
        files: the =files, likewise.
        alerting: of each `e`, which selection.
        ignored: the words that ask for nothing; the C multilog ignores them silently.
        writing: the selections of directories, and how they select.
        only: how the only selection selects, if its directories are all that there is to serve.
    """

    __slots__ = (
        "alerting",
        "directories",
        "files",
        "ignored",
        "only",
        "selections",
        "stamp",
        "writing",
    )

    def __init__(
        self,
        stamp: "stamps.Stamp",
        selections: list[Selection],
        directories: list[Directory],
        files: list[File],
        alerting: list[int],
        ignored: list[bytes],
    ) -> None:
        self.stamp = stamp
        self.selections = tuple(selections)
        self.directories = tuple(directories)
        self.files = tuple(files)
        self.alerting = tuple(alerting)
        self.ignored = tuple(ignored)
        writing = {it.selection for it in directories}
        self.writing = [(which, selections[which].select) for which in sorted(writing)]
        is_only = len(selections) == 1 and writing == {0}
        is_plain = is_only and not files and not alerting
        self.only = selections[0].select if is_plain else None

    def feed(self, pipe: Pipe, data: bytes, now_ns: int) -> Output:
        """Run the script over what was read.

        Args:
            pipe: this pipe's unfinished line; changed.
            data: one read, cut anywhere.
            now_ns: the time of the read, for the lines that begin in it.
        """
        out = Output(len(self.selections), len(self.files))
        end = data.rfind(b"\n") + 1
        start = 0
        if pipe.line or pipe.kept is not None:
            start = self.go_on(pipe, data, out)
            if start == len(data):
                return out
        stamp = self.stamp(now_ns)
        if start < end:
            for which, select in self.writing:
                out.texts[which] = select(out.texts[which], data, start, end, stamp)
            if self.files:
                self.show(data, start, end, stamp, out)
            if self.alerting:
                out.alerts += self.alert_lines(data, start, end, stamp)
        if end < len(data):
            self.hold(pipe, stamp + data[end:], out)
        return out

    def feed_only(self, pipe: Pipe, data: bytes, now_ns: int) -> bytes:
        """Give the text that `feed` gives a script with an `only`; complete lines sooner."""
        if not self.only or pipe.line or pipe.kept is not None or data[-1] != NEWLINE:
            return self.feed(pipe, data, now_ns).texts[0]
        return self.only(b"", data, 0, len(data), self.stamp(now_ns))

    def finish(self, pipe: Pipe) -> Output:
        """Give the unfinished line its newline; to be called when no more will be read."""
        out = Output(len(self.selections), len(self.files))
        if pipe.is_unfinished():
            self.go_on(pipe, b"\n", out)
        return out

    def go_on(self, pipe: Pipe, data: bytes, out: Output) -> int:
        """Continue the unfinished line; returns where the next one begins, or the end of data."""
        end = data.find(b"\n") + 1
        rest = data[: end or None]
        if pipe.kept is not None:
            self.emit(rest, pipe.kept, out)
            if end:
                pipe.kept = None
        elif end:
            line = pipe.line + rest
            pipe.line = b""
            self.emit(line, self.decide(line[:-1], out), out)
        else:
            self.hold(pipe, pipe.line + rest, out)
        return end or len(data)

    def hold(self, pipe: Pipe, line: bytes, out: Output) -> None:
        """Keep a line without its end; once it shows all that patterns see, let it pass."""
        if len(line) < SHOWN_BYTES:
            pipe.line = line
        else:
            pipe.line = b""
            pipe.kept = self.decide(line, out)
            self.emit(line, pipe.kept, out)

    def decide(self, line: bytes, out: Output) -> list[bool]:
        """Decide one line for every selection, and do all but write it."""
        kept = [selection.keeps(line) for selection in self.selections]
        for which in self.alerting:
            if kept[which]:
                out.alerts += alert(line)
        for at, file in enumerate(self.files):
            if any(kept[which] for which in file.selections):
                out.shown[at] = record(line)
        return kept

    def emit(self, text: bytes, kept: list[bool], out: Output) -> None:
        """Write text where it is selected."""
        for which, _ in self.writing:
            if kept[which]:
                out.texts[which] += text

    def show(self, data: bytes, start: int, end: int, stamp: bytes, out: Output) -> None:
        """Find the last line for each =file."""
        for at, file in enumerate(self.files):
            begin = max(self.selections[it].last(data, start, end, stamp) for it in file.selections)
            if begin >= 0:
                out.shown[at] = record(stamp + data[begin : data.find(b"\n", begin)])

    def alert_lines(self, data: bytes, start: int, end: int, stamp: bytes) -> bytes:
        """Build the alerts: line by line, and for each line in the script's order."""
        chosen = []
        for which in self.alerting:
            text = self.selections[which].select(b"", data, start, end, stamp)
            chosen.append(set(text.split(b"\n")[:-1]))
        if not any(chosen):
            return b""
        # Lines that are equal are selected alike.
        lines = stamped(b"", data, start, end, stamp).split(b"\n")[:-1]
        return b"".join([alert(line) for line in lines for some in chosen if line in some])


def alert(line: bytes) -> bytes:
    """Build what `e` prints of a line: 200 bytes at most, and three dots for the rest."""
    if len(line) > ALERT_BYTES:
        return line[:ALERT_BYTES] + b"...\n"
    return line + b"\n"


def record(line: bytes) -> bytes:
    """Build what an =file holds: exactly 1001 bytes, newlines after the line."""
    return line[:SHOWN_BYTES].ljust(SHOWN_BYTES + 1, b"\n")


def scan_number(digits: bytes) -> int:
    """Read leading digits as C's scan_ulong does: none is 0, and it wraps at 64 bits."""
    number = 0
    for byte in digits:
        if not 48 <= byte <= 57:
            break
        number = (number * 10 + byte - 48) % 2**64
    return number


def parse(
    words: list[bytes],
    selection: type[Selection] = Selection,
    zone: "stamps.Zone" = stamps.utc,
) -> Script:
    """Parse a script. There is no bad script: what multilog does not know it ignores.

    An action is what its first byte says; a stamp counts only as the first word.

    Args:
        words: the actions.
        selection: what decides the lines; pysvscan.lines has the fastest there is.
        zone: whose local time `d` and `m` show; pysvscan.zone has this machine's.
    """
    words = of_patterns.marked(words)
    first = b"".join(words[:1])
    stamp = stamps.of(first, zone)
    stamped = stamp is not stamps.nothing
    size_bytes, count, processor, suffix = DEFAULT_SIZE, DEFAULT_COUNT, None, FINISHED
    letters = stamps.LETTERS[first[:1]] if stamped else b""
    patterns: list[bytes] = []
    selections: dict[int, Selection] = {}  # by how many patterns came before
    directories: list[Directory] = []
    files: dict[bytes, File] = {}
    alerting: list[int] = []
    ignored: list[bytes] = []
    for word in words[1:] if stamped else words:
        action, rest = word[:1], word[1:]
        if action in (b"=", b"e", b".", b"/"):
            if len(patterns) not in selections:
                kind = Mixed if of_patterns.has_fnmatch(patterns) else selection
                selections[len(patterns)] = kind(patterns, letters)
            which = len(selections) - 1
        if action in (b"+", b"-"):
            patterns.append(word)
        elif action == b"s":
            size_bytes = min(max(scan_number(rest), MIN_SIZE), MAX_SIZE)
        elif action == b"n":
            count = max(scan_number(rest), MIN_COUNT)
        elif action == b"!":
            processor = rest
        elif action == b"w" and not wrong_code(rest):
            suffix = b"." + rest
        elif action == b"e":
            alerting.append(which)
        elif action == b"=":
            files.setdefault(rest, File(rest)).selections.append(which)
        elif action in (b".", b"/"):
            directories.append(Directory(word, size_bytes, count, processor, suffix, which))
        elif word not in (b"F", b"S"):  # these have marked the patterns
            ignored.append(word)
    return Script(
        stamp, list(selections.values()), directories, list(files.values()), alerting, ignored
    )
