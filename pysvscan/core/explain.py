"""What a multilog script does with a line, and which of its words decided that. Pure.

Decided has the last pattern before a point of the script that matches the line; where none does,
the line is selected, as every line is at first. Source: daemontools 0.76 multilog.c.
"""

from pysvscan.core import patterns as of_patterns
from pysvscan.core.selection import SHOWN_BYTES

POINTS = (b".", b"/", b"=", b"e")
SHARES = (  # up to which share, and the word for it
    (0.0, "nothing"),
    (0.0075, "almost nothing"),
    (0.015, "a hundredth"),
    (0.035, "a fiftieth"),
    (0.075, "a twentieth"),
    (0.15, "a tenth"),
    (0.225, "a fifth"),
    (0.29, "a quarter"),
    (0.41, "a third"),
    (0.58, "half"),
    (0.7, "two thirds"),
    (0.8, "three quarters"),
    (0.97, "most"),
    (0.999999, "almost all"),
    (1.0, "all"),
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Verdict = tuple[bool, int | None]  # selected, and by which of the script's words


class Point:
    """One point of a script where something becomes of the lines that are selected.

    Attributes:
        word: as in the script.
        patterns: the words before it that are patterns, each after its number in the script.
        lines, size_bytes: what was selected.
        decided: by the number of a word, or None: how many lines it has decided.
    """

    __slots__ = ("decided", "lines", "patterns", "size_bytes", "word")

    def __init__(self, word: bytes, patterns: list[tuple[int, bytes]]) -> None:
        self.word = word
        self.patterns = patterns
        self.lines = self.size_bytes = 0
        self.decided: dict[int | None, int] = {}

    def decide(self, line: bytes) -> "Verdict":
        """Decide one line, stamp included."""
        for number, word in reversed(self.patterns):
            if of_patterns.expression(word).fullmatch(line, 0, SHOWN_BYTES):
                return word[:1] == b"+", number
        return True, None

    def count(self, line: bytes) -> "Verdict":
        """Decide one line, and count it."""
        is_kept, number = self.decide(line)
        self.decided[number] = self.decided.get(number, 0) + 1
        if is_kept:
            self.lines += 1
            self.size_bytes += len(line) + 1
        return is_kept, number


def points(words: list[bytes]) -> list[Point]:
    """List the points of a script, in its order."""
    patterns: list[tuple[int, bytes]] = []
    found = []
    for number, word in enumerate(of_patterns.marked(words)):
        if word[:1] in (b"+", b"-"):
            patterns.append((number, word))
        elif word and word[:1] in POINTS:
            found.append(Point(word, list(patterns)))
    return found


def share(part: int, whole: int) -> str:
    """Say in words how much of the whole a part is."""
    ratio = part / whole if whole else 0.0
    return next(word for most, word in SHARES if ratio <= most)
