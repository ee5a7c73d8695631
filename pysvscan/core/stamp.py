"""What multilog puts before a line: a moment as `t`, `T`, `d` and `m` write it.

Pure; what the clock and the zone say is the caller's.
Source: daemontools 0.76 timestamp.c; multilog(8) of daemontools-encore for `T`; README and changes
of sagredo-dev/daemontools for `d` and `m`.
"""

from pysvscan.core import tai

SECOND_NS = tai.SECOND_NS
DAY_SECONDS = 86400
MARCH_0000 = 719468  # days from the 1st of March of year 0 to the Unix epoch
ERA_DAYS = 146097  # of 400 years, after which the calendar repeats itself

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Stamp = Callable[[int], bytes]  # now_ns → what goes before the line, its space included
    Zone = Callable[[int], int]  # Unix second → how many seconds local time is ahead of UTC

# The bytes that a stamp may be made of, by the action that asks for it.
LETTERS = {
    b"t": b"@0123456789abcdef ",
    b"T": b"-.0123456789 ",
    b"d": b"-:.0123456789 ",
    b"m": b"-:.0123456789 ",
}


def utc(_second: int) -> int:
    """Be the zone of those who have none."""
    return 0


def nothing(_now_ns: int) -> bytes:
    """Be the stamp of a script without one."""
    return b""


def label(now_ns: int) -> bytes:
    """Write `t`: a TAI64N label."""
    return b"@%b " % tai.digits(now_ns)


def accustamp(now_ns: int) -> bytes:
    """Write `T`: Unix seconds, a dot, and the microseconds in six digits."""
    second, nano = divmod(now_ns, SECOND_NS)
    return b"%d.%06d " % (second, nano // 1000)


class Readable:
    """Writes `d` and `m`: local date and time, the parts of a second in some digits.

    Attributes:
        second: the second of the last stamp: it asks the zone and the calendar once a second.
        text: its date and time.
    """

    __slots__ = ("digits", "second", "text", "unit_ns", "zone")

    def __init__(self, zone: "Zone", digits: int) -> None:
        self.zone = zone
        self.digits = digits
        self.unit_ns = 10 ** (9 - digits)
        self.second = 0
        self.text = b""  # empty means no second yet

    def __call__(self, now_ns: int) -> bytes:
        """Write one moment; what is less than the last digit is cut."""
        second, nano = divmod(now_ns, SECOND_NS)
        if second != self.second or not self.text:
            self.second, self.text = second, date_and_time(second + self.zone(second))
        return b"%b.%0*d " % (self.text, self.digits, nano // self.unit_ns)


def of(action: bytes, zone: "Zone") -> "Stamp":
    """Choose by a script's first word, of which `t` alone may go on; `nothing` for all others."""
    if action[:1] == b"t":
        return label
    if action == b"T":
        return accustamp
    if action in (b"d", b"m"):
        return Readable(zone, 9 if action == b"d" else 3)
    return nothing


def date_and_time(second: int) -> bytes:
    """Write a Unix second as a Gregorian date and a time of day."""
    days, rest = divmod(second, DAY_SECONDS)
    hour, minute = divmod(rest // 60, 60)
    return b"%04d-%02d-%02d %02d:%02d:%02d" % (*date(days), hour, minute, rest % 60)


def date(days: int) -> tuple[int, int, int]:
    """Say year, month and day so many days after the Unix epoch.

    The year is taken to begin in March: the day that leap years have more is then its last one,
    and months come in fives of 153 days.
    """
    era, day = divmod(days + MARCH_0000, ERA_DAYS)
    year = (day - day // 1460 + day // 36524 - day // (ERA_DAYS - 1)) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    return 400 * era + year + (month >= 10), (month + 2) % 12 + 1, day + 1
