"""Counts what a log that cannot write drops: whole lines, and a line of its own says how many."""


class Losses:
    """What one log dropped.

    Attributes:
        lines: dropped since the last notice.
        bytes: of them; also of a line whose beginning was written.
        total_lines, total_bytes: dropped since the beginning.
        is_inside: what was dropped last is no whole line: the rest of it is to be dropped as well.
    """

    __slots__ = ("bytes", "is_inside", "lines", "total_bytes", "total_lines")

    def __init__(self) -> None:
        self.lines = 0
        self.bytes = 0
        self.total_lines = 0
        self.total_bytes = 0
        self.is_inside = False

    def drop(self, text: bytes) -> None:
        """Drop all of a text."""
        if text:
            lines = text.count(b"\n")
            self.lines += lines
            self.total_lines += lines
            self.bytes += len(text)
            self.total_bytes += len(text)
            self.is_inside = text[-1:] != b"\n"

    def cut(self, text: bytes) -> bytes:
        """Drop what a text has after its last newline; returns the rest."""
        end = text.rfind(b"\n") + 1
        self.drop(text[end:])
        return text[:end]

    def resume(self, text: bytes) -> bytes:
        """Drop the rest of the line that was being dropped; returns the lines after it."""
        if not self.is_inside:
            return text
        end = text.find(b"\n") + 1 or len(text)
        self.drop(text[:end])
        return text[end:]

    def is_due(self) -> bool:
        """Say whether there is something to say, and the line is at its end."""
        return bool(self.bytes) and not self.is_inside

    def end(self) -> None:
        """Take an unfinished line for a whole one: no more of it will come."""
        self.lines += self.is_inside
        self.total_lines += self.is_inside
        self.is_inside = False

    def notice(self) -> bytes:
        """Return the line that says it, and begin to count anew."""
        text = b"pysvscan: %d lines, %d bytes lost\n" % (self.lines, self.bytes)
        self.lines = self.bytes = 0
        return text
