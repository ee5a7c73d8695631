"""The stamp that begins a line of a log, as a label: `t`, `T`, `d` and `m` all become `@…`. Pure.

Labels are compared as they are: 25 bytes whose order is that of time.
"""

from pysvscan.core import civil, stamp, tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.stamp import Zone

HEX = b"0123456789abcdef"
DIGITS = b"0123456789"
BEYOND = b"@8"  # TAI64 has no such seconds
EARLIEST = b"@" + b"0" * 24
NONE = (b"", 0)
CALENDAR_BYTES = 19  # of YYYY-MM-DD HH:MM:SS
ACCUSTAMP_BYTES = 25  # of its seconds, at most
SECONDS_BYTES = 17  # of a label, up to its nanoseconds


class Stamps:
    """Reads the stamps of one log, in their order.

    Attributes:
        zone: whose local time `d` and `m` are.
        text, second: of the last readable stamp up to its second, and the label's begin for it.
        last: the Unix second of that stamp: of an hour that comes twice, the second comes later.
    """

    __slots__ = ("last", "second", "text", "zone")

    def __init__(self, zone: "Zone") -> None:
        self.zone = zone
        self.text = self.second = b""
        self.last = -(2**63)

    def split(self, line: bytes) -> tuple[bytes, int]:
        """Read a line's stamp.

        Returns:
            Its label, and where the text begins; b"" and 0 where there is none.
        """
        first = line[:1]
        if first == b"@":
            label = line[: tai.LABEL_BYTES]
            if (
                len(label) == tai.LABEL_BYTES
                and not label[1:].translate(None, HEX)
                and line[tai.LABEL_BYTES : tai.LABEL_BYTES + 1] in b" "
                and label < BEYOND
            ):
                return label, tai.LABEL_BYTES + 1
            return NONE
        if not first.isdigit():
            return NONE
        if line[4:5] == b"-" and line[10:11] == b" " and line[19:20] == b".":
            return self.readable(line)
        return accustamp(line)

    def readable(self, line: bytes) -> tuple[bytes, int]:
        """Read `d` or `m`."""
        digits, space, _ = line[CALENDAR_BYTES + 1 : CALENDAR_BYTES + 11].partition(b" ")
        if not space or len(digits) not in (3, 9) or not is_number(digits):
            return NONE
        text = line[:CALENDAR_BYTES]
        if text != self.text:
            try:
                self.last = self.choose(civil.unix_seconds(local_second(text), self.zone))
            except (ValueError, OverflowError, OSError):
                return NONE
            self.text = text
            self.second = tai.label(self.last * tai.SECOND_NS)[:SECONDS_BYTES]
        nanoseconds = int(digits.ljust(9, b"0"))
        return self.second + b"%08x" % nanoseconds, CALENDAR_BYTES + len(digits) + 2

    def choose(self, seconds: list[int]) -> int:
        """Choose the first that is not before the last stamp."""
        return next((it for it in seconds if it >= self.last), seconds[0])


class LatestStamps(Stamps):
    """Reads single stamps: of an hour that comes twice, always the second."""

    __slots__ = ()

    def choose(self, seconds: list[int]) -> int:
        """Choose the last."""
        return seconds[-1]


def local_second(text: bytes) -> int:
    """Read YYYY-MM-DD HH:MM:SS.

    Raises:
        ValueError: it is none.
    """
    digits = text.translate(None, b"-: ")
    if text[4::3] != b"-- ::" or len(digits) != 14 or not is_number(digits):
        raise civil.CivilError("no such time")
    day = civil.days(int(text[0:4]), int(text[5:7]), int(text[8:10]))
    clock = civil.second_of_day(int(text[11:13]), int(text[14:16]), int(text[17:19]))
    return day * stamp.DAY_SECONDS + clock


def accustamp(line: bytes) -> tuple[bytes, int]:
    """Read `T`: nine digits or more, a dot, and six."""
    text, space, _ = line[:ACCUSTAMP_BYTES].partition(b" ")
    second, dot, micro = text.partition(b".")
    if not (space and dot and len(second) >= 9 and len(micro) == 6 and is_number(second + micro)):
        return NONE
    return tai.label(int(second) * tai.SECOND_NS + int(micro) * 1000), len(text) + 1


def is_number(text: bytes) -> bool:
    """Say whether these are ASCII digits only."""
    return not text.translate(None, DIGITS)


def is_bad(line: bytes) -> bool:
    """Say whether a line without a stamp begins with what should have been a label."""
    return line[:2] == b"@4" and not line[2:10].translate(None, HEX) and len(line) > 10
