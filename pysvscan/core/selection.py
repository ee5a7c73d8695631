"""Which lines a script's patterns select, for whole chunks: the spec, and the Python, of _lines.c.

No line becomes an object unless a pattern may match it, and the stamp, which all lines of a chunk
share, is worked into the patterns once. Pure. Source: daemontools 0.76 multilog.c.
"""

from pysvscan.core import match, patterns

SHOWN_BYTES = 1000  # patterns see this much of a line, stamp included

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from pysvscan.core.expressions import Match

    # plus or minus, the landmark, and the expression of one pattern
    Rule = tuple[bool, bytes, re.Pattern[bytes]]
    Spans = list[tuple[int, int]]


class Selection:
    """The patterns before one point of a script. The last one that matches a line decides.

    Attributes:
        words: the patterns, each after its `+` or `-`, in the script's order; where none matches,
            the line is selected.
        ready: base and rules if no stamp can change them, else None.
        decide: those rules at once, for one line; None: there are none, or they are not ready.
    """

    __slots__ = ("decide", "ready", "words")

    def __init__(self, words: list[bytes], letters: bytes) -> None:
        """Prepare for stamps made of these letters; none for no stamp."""
        self.words = tuple(words)
        self.ready = self.rules(b"") if all(is_steady(it[1:], letters) for it in words) else None
        self.decide: Match | None = None
        if self.ready and self.ready[1]:
            from pysvscan.core import expressions

            self.decide = expressions.first([(plus, it) for plus, _, it in reversed(self.ready[1])])

    def keeps(self, line: bytes) -> bool:
        """Decide one line, stamp included."""
        for word in reversed(self.words):
            if patterns.expression(word).fullmatch(line, 0, SHOWN_BYTES):
                return word[:1] == b"+"
        return True

    def select(self, head: bytes, data: bytes, start: int, end: int, stamp: bytes) -> bytes:
        """Build the text of the selected lines.

        Args:
            head: what goes before them.
            data: complete lines from start to end, without stamps.
            start: where the first line begins: 0, or after a newline.
            end: one past the last newline.
            stamp: what goes before each line, no newline in it; patterns see it, too.
        """
        base, rules = self.ready or self.rules(stamp)
        if start < end == data.find(b"\n", start) + 1 and (self.decide or not rules):  # one line
            if self.decide:
                found = self.decide(data, start, min(end - 1, start + SHOWN_BYTES - len(stamp)))
                base = found.lastindex is None if found else base
            return b"".join((head, stamp, data[start:end])) if base else head
        if base and not rules:
            return stamped(head, data, start, end, stamp)
        spans = find(data, start, end, base, rules, SHOWN_BYTES - len(stamp))
        text = b"".join([data[at:stop] for at, stop in spans])
        return stamped(head, text, 0, len(text), stamp)

    def last(self, data: bytes, start: int, end: int, stamp: bytes) -> int:
        """Return where the last selected line begins, -1 if none is; the arguments as of select."""
        base, rules = self.ready or self.rules(stamp)
        spans = find(data, start, end, base, rules, SHOWN_BYTES - len(stamp))
        return max(start, data.rfind(b"\n", start, spans[-1][1] - 1) + 1) if spans else -1

    def rules(self, stamp: bytes) -> "tuple[bool, list[Rule]]":
        """Work out what the patterns ask of a line after its stamp.

        Returns:
            What becomes of a line that matches none of the rules, and the rules.
        """
        from pysvscan.core.expressions import compiled

        base = True
        rules: list[Rule] = []
        for word in self.words:
            plus, rest = word[:1] == b"+", match.after(word[1:], stamp)
            if rest == match.STAR:
                base, rules = plus, []
            elif rest is not None:
                # Only the empty line matches the empty pattern: each line's end is a candidate.
                rules.append((plus, match.landmark(rest) or b"\n", compiled(rest)))
        return base, rules


class Mixed(Selection):
    """A selection with patterns of fnmatch(3): they see the stamp where it stands, in the text."""

    __slots__ = ()

    def __init__(self, words: list[bytes], _letters: bytes) -> None:
        """Prepare; what stamps are made of does not matter."""
        super().__init__(words, b"")

    def select(self, head: bytes, data: bytes, start: int, end: int, stamp: bytes) -> bytes:
        """Build the text of the selected lines."""
        text = stamped(b"", data, start, end, stamp)
        spans = find(text, 0, len(text), *(self.ready or self.rules(b"")), SHOWN_BYTES)
        return head + b"".join([text[at:stop] for at, stop in spans])

    def last(self, data: bytes, start: int, end: int, stamp: bytes) -> int:
        """Return where the last selected line begins, -1 if none is."""
        text = stamped(b"", data, start, end, stamp)
        begin = Selection.last(self, text, 0, len(text), b"")
        return begin if begin < 0 else start + begin - len(stamp) * text.count(b"\n", 0, begin)

    def rules(self, _stamp: bytes) -> "tuple[bool, list[Rule]]":
        """Work out what the patterns ask of a line, stamp included."""
        base = True
        rules: list[Rule] = []
        for word in self.words:
            if word[1:] == match.STAR:
                base, rules = word[:1] == b"+", []
            else:
                landmark = patterns.landmark(word) or b"\n"
                rules.append((word[:1] == b"+", landmark, patterns.expression(word)))
        return base, rules


def is_steady(pattern: bytes, letters: bytes) -> bool:
    """Say whether every stamp of these letters leaves the pattern as it is.

    It does where there is none, and where the first star reads past it.
    """
    starts_with_star = pattern[:1] == match.STAR
    return not letters or (
        starts_with_star and (pattern == match.STAR or pattern[1:2] not in letters)
    )


def stamped(head: bytes, data: bytes, start: int, end: int, stamp: bytes) -> bytes:
    """Put the stamp before each line from start to end, and the head before all."""
    if start == end:
        return head
    if not stamp:
        return b"".join((head, memoryview(data)[start:end]))
    # One replace over all of data, none of it cut out before, is cheapest. It leaves the stamp of
    # what follows the last newline at the end, and of what follows an earlier one in its place.
    text = data.replace(b"\n", b"\n" + stamp)
    begin = start + len(stamp) * (data.count(b"\n", 0, start) - 1) if start else 0
    first = b"" if start else stamp
    return b"".join((head, first, memoryview(text)[begin : text.rfind(b"\n") + 1]))


def find(data: bytes, start: int, end: int, base: bool, rules: "list[Rule]", room: int) -> "Spans":
    """Find the selected parts of the lines from start to end, in order."""
    odd = odd_lines(data, start, end, base, rules, room) if rules else {}
    if not base:
        return sorted(odd.items())
    spans = []
    at = start
    for begin in sorted(odd):
        if begin > at:
            spans.append((at, begin))
        at = odd[begin]
    if at < end:
        spans.append((at, end))
    return spans


def odd_lines(
    data: bytes, start: int, end: int, base: bool, rules: "list[Rule]", room: int
) -> dict[int, int]:
    """Find the lines that the rules decide against the base.

    A line is looked at only where a rule's landmark is found in it: looking for a few bytes in
    64 kB is several times cheaper than trying each line against an expression.

    Args:
        data: complete lines from start to end.
        start: where the first one begins.
        end: where the last one ends.
        base: what becomes of a line that matches no rule.
        rules: in the script's order.
        room: patterns see this much of each line.

    Returns:
        Each such line's start and its end, newline included.
    """
    odd: dict[int, int] = {}
    for plus, landmark, expression in rules:
        matches = expression.fullmatch
        at = data.find(landmark, start, end)
        while at >= 0:
            begin = max(start, data.rfind(b"\n", start, at) + 1)
            stop = data.find(b"\n", at)
            # A line that is already decided this way needs no second look.
            if (begin in odd) == (plus is base) and matches(data, begin, min(stop, begin + room)):
                if plus is base:
                    del odd[begin]
                else:
                    odd[begin] = stop + 1
            at = data.find(landmark, stop + 1, end)
    return odd
