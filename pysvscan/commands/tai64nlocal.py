"""tai64nlocal: labels that begin lines become local time.

Source: daemontools 0.76 tai64nlocal.c, which dies of a label that is none; here it stays as it is.
"""

from time import localtime

from pysvscan.commands.tai64n import copy
from pysvscan.core import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

HEX = b"0123456789abcdef"
HELD_BYTES = 4096  # hex digits without end are no label: not held for ever


def main(_argv: list[bytes], _chain: "Chain") -> int:
    """Convert what comes from stdin."""
    return copy(Converter().convert)


class Converter:
    """Remembers between reads where in a line it is, and the last second's local time."""

    def __init__(self) -> None:
        self.begun = False  # within a line, past its label
        self.held = b""  # a label that the next read may go on with; at the end dropped, as in C
        self.second = (b"", b"")  # hex digits and their local time

    def convert(self, chunk: bytes) -> bytes:
        """Convert the labels of the lines in this chunk."""
        start = b"" if self.begun else b"\n"  # a line's start is what follows a newline
        text = start + self.held + chunk
        _, found, last = text.rpartition(b"\n@")
        unfinished = found and len(last) < HELD_BYTES and not last.strip(HEX)
        self.held = b"@" + last if unfinished else b""
        text = text.removesuffix(self.held)
        self.begun = not text.endswith(b"\n")
        first, *lines = text.split(b"\n@")
        return b"\n".join((first, *map(self.local, lines)))[len(start) :]

    def local(self, line: bytes) -> bytes:
        """Convert what follows an `@`; of a run of hex digits the last 24 count, as in C."""
        rest = line.lstrip(HEX)
        digits = line[: len(line) - len(rest)][-24:].rjust(24, b"0")
        if self.second[0] != digits[:16]:
            try:
                year, *other = localtime(int(digits[:16], 16) - tai.EPOCH)[:6]
            except (OverflowError, OSError):  # beyond the calendar: a short label, too
                return b"@" + line
            year %= 2**64  # as C prints years before 0
            self.second = digits[:16], b"%d-%02d-%02d %02d:%02d:%02d" % (year, *other)
        return b"%b.%09d%b" % (self.second[1], int(digits[16:], 16), rest)
