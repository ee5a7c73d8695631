"""A multilog script: parsed once, then run over whole chunks. Pure; the clock is the caller's.

A Script is immutable and may serve many pipes; what one pipe has left unfinished is in its Pipe.
All lines that begin in one chunk share one stamp, which is what makes a chunk cheap: the stamp's
effect on a pattern is worked out once, and no line becomes an object unless a pattern may match it.
Source: daemontools 0.76 multilog.c.
"""

from pysvscan.core import match, tai

SHOWN_BYTES = 1000  # patterns and =files see this much of a line, stamp included
ALERT_BYTES = 200
STAMP_LETTERS = b"@0123456789abcdef "
DEFAULT_SIZE, MIN_SIZE, MAX_SIZE = 99999, 4096, 16777215
DEFAULT_COUNT, MIN_COUNT = 10, 2

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    # plus or minus, the landmark, and the expression of one pattern
    Rule = tuple[bool, bytes, re.Pattern[bytes]]
    Spans = list[tuple[int, int]]


class Selection:
    """The patterns before one point of a script. The last one that matches a line decides.

    Attributes:
        patterns: (select, pattern) pairs in the script's order; no match means selected.
        ready: base and rules if no stamp can change them, else None.
    """

    __slots__ = ("patterns", "ready")

    def __init__(self, patterns: list[tuple[bool, bytes]], stamped: bool) -> None:
        self.patterns = tuple(patterns)
        steady = all(is_steady(pattern) for _, pattern in patterns)
        self.ready = self.rules(b"") if steady or not stamped else None

    def keeps(self, line: bytes) -> bool:
        """Decide one line, stamp included."""
        for plus, pattern in reversed(self.patterns):
            if match.compiled(pattern).fullmatch(line, 0, SHOWN_BYTES):
                return plus
        return True

    def rules(self, stamp: bytes) -> "tuple[bool, list[Rule]]":
        """Work out what the patterns ask of a line after its stamp.

        Returns:
            What becomes of a line that matches none of the rules, and the rules.
        """
        base = True
        rules: list[Rule] = []
        for plus, pattern in self.patterns:
            rest = match.after(pattern, stamp)
            if rest == match.STAR:
                base, rules = plus, []
            elif rest is not None:
                # Only the empty line matches the empty pattern: each line's end is a candidate.
                rules.append((plus, match.landmark(rest) or b"\n", match.compiled(rest)))
        return base, rules

    def spans(self, data: bytes, stamp: bytes) -> "Spans":
        """Find the selected parts of data (complete lines, without stamps), in order."""
        base, rules = self.ready or self.rules(stamp)
        if not rules:
            return [(0, len(data))] if base else []
        odd = odd_lines(data, base, rules, SHOWN_BYTES - len(stamp))
        if not base:
            return sorted(odd.items())
        spans = []
        at = 0
        for start in sorted(odd):
            if start > at:
                spans.append((at, start))
            at = odd[start]
        if at < len(data):
            spans.append((at, len(data)))
        return spans


def is_steady(pattern: bytes) -> bool:
    """Say whether every stamp leaves the pattern as it is: its first star reads past the stamp."""
    starts_with_star = pattern[:1] == match.STAR
    return starts_with_star and (pattern == match.STAR or pattern[1:2] not in STAMP_LETTERS)


def odd_lines(data: bytes, base: bool, rules: "list[Rule]", room: int) -> dict[int, int]:
    """Find the lines that the rules decide against the base.

    A line is looked at only where a rule's landmark is found in it: looking for a few bytes in
    64 kB is several times cheaper than trying each line against an expression.

    Args:
        data: complete lines.
        base: what becomes of a line that matches no rule.
        rules: in the script's order.
        room: patterns see this much of each line.

    Returns:
        Each such line's start and its end, newline included.
    """
    odd: dict[int, int] = {}
    for plus, landmark, expression in rules:
        matches = expression.fullmatch
        at = data.find(landmark)
        while at >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            # A line that is already decided this way needs no second look.
            if (start in odd) == (plus is base) and matches(data, start, min(end, start + room)):
                if plus is base:
                    del odd[start]
                else:
                    odd[start] = end + 1
            at = data.find(landmark, end + 1)
    return odd


class Directory:
    """One log directory of a script, with the settings in force at that point."""

    __slots__ = ("count", "path", "processor", "selection", "size_bytes")

    def __init__(
        self, path: bytes, size_bytes: int, count: int, processor: bytes | None, selection: int
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.count = count
        self.processor = processor
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
        self.texts: list[bytes] = [b""] * selections
        self.shown: list[bytes | None] = [None] * files
        self.alerts = b""


class Script:
    """A parsed script.

    Attributes:
        stamped: `t`: each line begins with a TAI64N label.
        selections: one per point of the script where something is written.
        directories: in the script's order.
        files: the =files, likewise.
        alerting: of each `e`, which selection.
        ignored: the words that ask for nothing; the C multilog ignores them silently.
    """

    __slots__ = (
        "alerting",
        "directories",
        "files",
        "ignored",
        "selections",
        "stamped",
        "writing",
    )

    def __init__(
        self,
        stamped: bool,
        selections: list[Selection],
        directories: list[Directory],
        files: list[File],
        alerting: list[int],
        ignored: list[bytes],
    ) -> None:
        self.stamped = stamped
        self.selections = tuple(selections)
        self.directories = tuple(directories)
        self.files = tuple(files)
        self.alerting = tuple(alerting)
        self.ignored = tuple(ignored)
        self.writing = frozenset(it.selection for it in directories)

    def feed(self, pipe: Pipe, data: bytes, now_ns: int) -> Output:
        """Run the script over what was read.

        Args:
            pipe: this pipe's unfinished line; changed.
            data: one read, cut anywhere.
            now_ns: the time of the read, for the lines that begin in it.
        """
        out = Output(len(self.selections), len(self.files))
        if pipe.is_unfinished():
            data = self.go_on(pipe, data, out)
        stamp = tai.label(now_ns) + b" " if self.stamped else b""
        end = data.rfind(b"\n") + 1
        if end:
            self.run_lines(data[:end], stamp, out)
        if end < len(data):
            self.hold(pipe, stamp + data[end:], out)
        return out

    def finish(self, pipe: Pipe) -> Output:
        """Give the unfinished line its newline; to be called when no more will be read."""
        out = Output(len(self.selections), len(self.files))
        if pipe.is_unfinished():
            self.go_on(pipe, b"\n", out)
        return out

    def go_on(self, pipe: Pipe, data: bytes, out: Output) -> bytes:
        """Continue the unfinished line; returns what follows it."""
        end = data.find(b"\n") + 1 or len(data)
        if pipe.kept is not None:
            self.emit(data[:end], pipe.kept, out)
            if data[end - 1 : end] == b"\n":
                pipe.kept = None
            return data[end:]
        line = pipe.line + data[:end]
        pipe.line = b""
        if not line.endswith(b"\n"):
            self.hold(pipe, line, out)
            return b""
        self.emit(line, self.decide(line[:-1], out), out)
        return data[end:]

    def hold(self, pipe: Pipe, line: bytes, out: Output) -> None:
        """Keep a line without its end; once it shows all that patterns see, let it pass."""
        if len(line) < SHOWN_BYTES:
            pipe.line = line
        else:
            pipe.kept = self.decide(line, out)
            self.emit(line, pipe.kept, out)

    def decide(self, line: bytes, out: Output) -> list[bool]:
        """Decide one line for every selection, and do all but write it."""
        kept = [selection.keeps(line) for selection in self.selections]
        out.alerts += alert(line) * sum(kept[which] for which in self.alerting)
        for at, file in enumerate(self.files):
            if any(kept[which] for which in file.selections):
                out.shown[at] = record(line)
        return kept

    def emit(self, text: bytes, kept: list[bool], out: Output) -> None:
        """Write text where it is selected."""
        for which in self.writing:
            if kept[which]:
                out.texts[which] += text

    def run_lines(self, data: bytes, stamp: bytes, out: Output) -> None:
        """Run over complete lines that have no stamp yet."""
        found = [selection.spans(data, stamp) for selection in self.selections]
        for which in self.writing:
            out.texts[which] += stamp_lines(cut(data, found[which]), stamp)
        for at, file in enumerate(self.files):
            end = max(found[which][-1][1] if found[which] else 0 for which in file.selections) - 1
            if end >= 0:
                out.shown[at] = record(stamp + data[data.rfind(b"\n", 0, end) + 1 : end])
        if self.alerting:
            out.alerts += self.alert_lines(data, stamp, found)

    def alert_lines(self, data: bytes, stamp: bytes, found: "list[Spans]") -> bytes:
        """Build the alerts: line by line, and for each line in the script's order."""
        alerts = []
        for order, which in enumerate(self.alerting):
            for start, end in found[which]:
                at = start
                for line in data[start : end - 1].split(b"\n"):
                    alerts.append((at, order, alert(stamp + line)))
                    at += len(line) + 1
        return b"".join(text for _, _, text in sorted(alerts))


def cut(data: bytes, spans: "Spans") -> bytes:
    """Take the spans out of data."""
    if spans == [(0, len(data))]:
        return data
    return b"".join([data[start:end] for start, end in spans])


def stamp_lines(text: bytes, stamp: bytes) -> bytes:
    """Put the stamp before each line of text, which ends in a newline or is empty."""
    if not stamp or not text:
        return text
    return stamp + text[:-1].replace(b"\n", b"\n" + stamp) + b"\n"


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


def parse(words: list[bytes]) -> Script:
    """Parse a script. There is no bad script: what multilog does not know it ignores.

    An action is what its first byte says; `t` counts only as the first word.
    """
    stamped = bool(words) and words[0].startswith(b"t")
    size_bytes, count, processor = DEFAULT_SIZE, DEFAULT_COUNT, None
    patterns: list[tuple[bool, bytes]] = []
    selections: dict[int, Selection] = {}  # by how many patterns came before
    directories: list[Directory] = []
    files: dict[bytes, File] = {}
    alerting: list[int] = []
    ignored: list[bytes] = []
    for word in words[1:] if stamped else words:
        action, rest = word[:1], word[1:]
        if action in (b"=", b"e", b".", b"/"):
            if len(patterns) not in selections:
                selections[len(patterns)] = Selection(patterns, stamped)
            which = len(selections) - 1
        if action in (b"+", b"-"):
            patterns.append((action == b"+", rest))
        elif action == b"s":
            size_bytes = min(max(scan_number(rest), MIN_SIZE), MAX_SIZE)
        elif action == b"n":
            count = max(scan_number(rest), MIN_COUNT)
        elif action == b"!":
            processor = rest
        elif action == b"e":
            alerting.append(which)
        elif action == b"=":
            files.setdefault(rest, File(rest)).selections.append(which)
        elif action in (b".", b"/"):
            directories.append(Directory(word, size_bytes, count, processor, which))
        else:
            ignored.append(word)
    return Script(
        stamped, list(selections.values()), directories, list(files.values()), alerting, ignored
    )
