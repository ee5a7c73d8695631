"""Times as people write them: `10 min ago`, `09:30`, `yesterday`, ISO, TAI64N. Pure.

No regular expressions: this is imported by a command that has to start at once.
"""

from pysvscan.core import civil, tai
from pysvscan.core.stamp import DAY_SECONDS, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.stamp import Zone

UNITS = {  # by their shortest names; longer ones begin like those in NAMES
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": DAY_SECONDS,
    "w": 7 * DAY_SECONDS,
}
NAMES = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
}
SECONDS = {name: UNITS[unit] for unit, names in NAMES.items() for name in names}
DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH_WEEKDAY = 3  # the 1st of January 1970 was a Thursday
HEX = frozenset("0123456789abcdef")
EXAMPLES = '"10 min ago", "09:30", "yesterday", "2026-11-24 09:30" are'


class WhenError(ValueError):
    """The text names no time."""


def parse(text: str, now_ns: int, zone: "Zone") -> int:
    """Read a time.

    Args:
        text: as it was written.
        now_ns: the present.
        zone: whose local time it is, where the text names none.

    Raises:
        WhenError: nobody can know what is meant.
    """
    try:
        found = read(text.strip().lower(), now_ns, zone)
    except (civil.CivilError, OverflowError, OSError):
        found = None
    if found is None:
        raise WhenError(f'"{text}" is no time; {EXAMPLES}')
    return found


def read(text: str, now_ns: int, zone: "Zone") -> int | None:
    """Read a time; None if it has none of the forms."""
    if text == "now":
        return now_ns
    if text.startswith("@"):
        return read_label(text[1:])
    for read_one in (read_relative, read_calendar):
        found = read_one(text, now_ns, zone)
        if found is not None:
            return found
    return None


def read_label(text: str) -> int | None:
    """Read what follows an @: a TAI64N label, a TAI64 one, or Unix seconds."""
    if len(text) in (16, 24) and HEX.issuperset(text):
        return tai.unpack(bytes.fromhex(text.ljust(24, "0"))) if text < "8" else None
    return read_decimal(text, tai.SECOND_NS)


def read_relative(text: str, now_ns: int, _zone: "Zone") -> int | None:
    """Read `10 min ago`, `1h30m ago`, `an hour ago`, `-10min`; `+` is in the future."""
    sign = -1
    if text.endswith(" ago"):
        text = text.removesuffix(" ago")
    elif text[:1] in ("-", "+"):
        sign = 1 if text[0] == "+" else -1
        text = text[1:]
    else:
        return None
    span_ns = read_span(text)
    return None if span_ns is None else now_ns + sign * span_ns


def read_span(text: str) -> int | None:
    """Read a length of time: numbers, each before its unit."""
    words = split(text)
    if not words or len(words) % 2:
        return None
    total = 0
    for number, unit in zip(words[::2], words[1::2], strict=True):
        one = read_decimal("1" if number in ("a", "an") else number, tai.SECOND_NS)
        if one is None or unit not in SECONDS:
            return None
        total += one * SECONDS[unit]
    return total


def split(text: str) -> list[str]:
    """Split numbers from words, with or without a space in between."""
    parted: list[str] = []
    for before, char in zip(" " + text, text, strict=False):
        if is_numeric(before) != is_numeric(char):
            parted.append(" ")
        parted.append(char)
    return "".join(parted).split()


def is_numeric(char: str) -> bool:
    """Say whether a character belongs to a number."""
    return char in "0123456789."


def read_decimal(text: str, unit: int) -> int | None:
    """Read a number with or without a fraction, in so many parts of one."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole and digits.isascii() and digits.isdigit()) or len(digits) > 20:
        return None
    return int(digits) * unit // int("1" + "0" * len(fraction))


def read_calendar(text: str, now_ns: int, zone: "Zone") -> int | None:
    """Read a day, a time of day, or both; a time alone is today's, a day alone its begin."""
    text, offset = split_offset(text)
    is_iso = text[4:5] == "-" and text[10:11] == "t"
    words = text.replace("t", " ").split() if is_iso else text.split()
    if not 1 <= len(words) <= 2:
        return None
    now = now_ns // tai.SECOND_NS
    local_day = (now + (zone(now) if offset is None else offset)) // DAY_SECONDS
    day: int | None = None
    clock_ns: int | None = None
    for word in words:
        if ":" in word and clock_ns is None:
            clock_ns = read_clock(word)
        elif ":" not in word and day is None:
            day = read_day(word, local_day)
        else:
            return None
    if (day is None) + (clock_ns is None) != 2 - len(words):
        return None
    return moment(local_day if day is None else day, clock_ns or 0, offset, zone)


def moment(day: int, clock_ns: int, offset: int | None, zone: "Zone") -> int:
    """Put together a day, a time of day, and what is ahead of UTC; None: as the zone says."""
    second, nano = divmod(clock_ns, tai.SECOND_NS)
    local = day * DAY_SECONDS + second
    unix = civil.unix_seconds(local, zone)[0] if offset is None else local - offset
    return unix * tai.SECOND_NS + nano


def split_offset(text: str) -> tuple[str, int | None]:
    """Cut off what says how far ahead of UTC a time is: Z, UTC, +09:00, -0330."""
    for end in ("z", " utc", " gmt"):
        if text.endswith(end) and text[:1].isdigit():
            return text.removesuffix(end).rstrip(), 0
    at = max(text.rfind("+"), text.rfind("-"))
    clock, offset = text[:at], text[at + 1 :].replace(":", "")
    if at < 0 or ":" not in clock or len(offset) not in (2, 4) or not offset.isdecimal():
        return text, None
    ahead = civil.second_of_day(int(offset[:2]), int(offset[2:] or "0"), 0)
    return clock.rstrip(), ahead if text[at] == "+" else -ahead


def read_clock(word: str) -> int | None:
    """Read HH:MM, HH:MM:SS or with a fraction, in nanoseconds from midnight."""
    parts = word.split(":")
    seconds = read_decimal(parts[2], tai.SECOND_NS) if len(parts) == 3 else 0
    if len(parts) not in (2, 3) or seconds is None:
        return None
    if not all(1 <= len(part) <= 2 and part.isascii() and part.isdigit() for part in parts[:2]):
        return None
    second, nano = divmod(seconds, tai.SECOND_NS)
    clock = civil.second_of_day(int(parts[0]), int(parts[1]), second)
    return clock * tai.SECOND_NS + nano


def read_day(word: str, today: int) -> int | None:
    """Read a day: YYYY-MM-DD, MM-DD of this year, a name; the last of that weekday."""
    if word in DAYS:
        return today + DAYS[word]
    weekdays = [it for it in WEEKDAYS if word in (it, it[:3])]
    if weekdays:
        return today - (today + EPOCH_WEEKDAY - WEEKDAYS.index(weekdays[0])) % 7
    parts = word.split("-")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    if len(parts) == 2:
        parts.insert(0, str(date(today)[0]))
    if len(parts) != 3 or len(parts[0]) != 4 or max(map(len, parts[1:])) > 2:
        return None
    return civil.days(*map(int, parts))
