"""Takes out what stands between two texts, as in `password=*&`, wherever that is in a line. Pure.

Not a multilog pattern, whose star stops too soon: here a star reaches to the first AFTER that
follows BEFORE, or else to the line's end; case does not matter. Where recordio broke a line, its
pieces are looked at as one.
"""

import re

from pysvscan.core.talk import HIDDEN, cut

STAR = b"*"
NEWLINE = b"\n"
OPEN = 10_000  # broken lines remembered
LINE = re.compile(rb"([0-9]{1,10} [<>] )([^\n]*)")

TYPE_CHECKING = False
if TYPE_CHECKING:
    Spans = list[tuple[int, int]]


class Patterns:
    """The patterns of one log.

    Attributes:
        before: finds the first text of any; which, the group says.
        after: of each, what finds the second; None: the line's end does.
        tail_bytes: of a broken line's piece, what a first text may begin with.
        open: by pid and direction, of lines that go on: the last bytes, and which pattern's star
            reaches into the next piece.
    """

    __slots__ = ("after", "before", "open", "tail_bytes")

    def __init__(self, patterns: list[bytes]) -> None:
        """Take patterns, each with one star and something before it."""
        parts = [pattern.partition(STAR) for pattern in patterns]
        befores = b"|".join(b"(%b)" % re.escape(before) for before, _, _ in parts)
        self.before = re.compile(befores, re.IGNORECASE)
        self.after = [
            re.compile(re.escape(it), re.IGNORECASE) if it else None for _, _, it in parts
        ]
        self.tail_bytes = max(len(before) for before, _, _ in parts) - 1
        self.open: dict[bytes, tuple[bytes, int | None]] = {}

    def redact(self, data: bytes) -> bytes:
        """Redact complete lines."""
        if not self.open and b"+\n" not in data and not self.before.search(data):
            return data
        return NEWLINE.join([self.line(line) for line in data.split(NEWLINE)])

    def line(self, line: bytes) -> bytes:
        """Redact one line."""
        found = LINE.fullmatch(line)
        if not found:
            return shown(line, self.spans(line, None)[0], 0)
        head, (body, end) = found[1], cut(found[2])
        tail, which = self.open.pop(head, (b"", None))
        spans, which = self.spans(tail + body, which)
        if end == b"+":
            text = b"" if which is not None else tail + body
            self.remember(head, text[max(0, len(text) - self.tail_bytes) :], which)
        return head + shown(tail + body, spans, len(tail)) + end

    def remember(self, head: bytes, tail: bytes, which: int | None) -> None:
        """Remember how far a line has come."""
        self.open[head] = tail, which
        if len(self.open) > OPEN:
            del self.open[next(iter(self.open))]

    def spans(self, text: bytes, which: int | None) -> "tuple[Spans, int | None]":
        """Find what is to be hidden, and which pattern's star reaches to the end, and beyond.

        Args:
            text: a line, or a piece of one.
            which: the pattern whose star reaches into it.
        """
        spans: Spans = []
        at = 0
        while True:
            if which is None:
                found = self.before.search(text, at)
                if not found:
                    return spans, None
                which, at = (found.lastindex or 1) - 1, found.end()
            after = self.after[which]
            end = after.search(text, at) if after else None
            spans.append((at, end.start() if end else len(text)))
            if not end:
                return spans, which
            which, at = None, end.start()


def shown(text: bytes, spans: "Spans", skip: int) -> bytes:
    """Hide parts of a text, whose first bytes are already written."""
    out: list[bytes] = []
    at = skip
    for start, end in spans:
        start, end = max(start, skip), max(end, skip)
        hides = text[start:end].strip()
        out += (text[at:start], HIDDEN if hides else text[start:end])
        at = end
    return b"".join((*out, text[at:]))
