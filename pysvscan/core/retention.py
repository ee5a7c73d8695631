"""How far back a log reaches, how far it will, and what it takes to reach further. Pure.

What is known: when archives ended and how large they are, what the logger has counted, and the `s`
and `n` of the script. Sizes are of lines as they were written, before anything was compressed.
"""

from pysvscan.core.script import MAX_SIZE, MIN_COUNT, MIN_SIZE
from pysvscan.core.settings import UNIT_NS
from pysvscan.core.tai import SECOND_NS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.counters import Counts

DAY_NS = UNIT_NS["d"]
SPARE = 125  # per cent of what is needed: no two days are the same
MANY = 100  # archives; rather than more, larger ones
CLASSIC_MAX = 16_777_215  # the largest s that C's multilog takes
MIN_SPAN_NS = 60 * SECOND_NS  # less says nothing about a day


class Archived:
    """One archive: when it ended, its size, and what it takes on the disk."""

    __slots__ = ("disk_bytes", "end_ns", "size_bytes")

    def __init__(self, end_ns: int, size_bytes: int, disk_bytes: int) -> None:
        self.end_ns = end_ns
        self.size_bytes = size_bytes
        self.disk_bytes = disk_bytes


class Seen:
    """What is known of one log.

    Attributes:
        now_ns: when one looked.
        begin_ns: the moment of its oldest line; None: there is none.
        archives: oldest first.
        current_bytes: of the file being written.
        size_bytes, count: `s` and `n` of its directory; None: nobody knows.
        max_age_ns, retain_ns: as in core.settings.Log.
        counts: what the logger has counted; None: nothing.
    """

    def __init__(self, now_ns: int, archives: list[Archived], current_bytes: int = 0) -> None:
        self.now_ns = now_ns
        self.archives = archives
        self.current_bytes = current_bytes
        self.begin_ns: int | None = None
        self.size_bytes: int | None = None
        self.count: int | None = None
        self.max_age_ns: int | None = None
        self.retain_ns: int | None = None
        self.counts: Counts | None = None

    def reach_ns(self) -> int:
        """Say how far back it reaches."""
        return 0 if self.begin_ns is None else max(0, self.now_ns - self.begin_ns)

    def disk_bytes(self) -> int:
        """Say what it takes on the disk."""
        return self.current_bytes + sum(it.disk_bytes for it in self.archives)

    def kept_a_day(self) -> int | None:
        """Say how many bytes a day are kept: of the last day, or of all where that is less.

        None: it is too young to say.
        """
        before = [it for it in self.archives if it.end_ns <= self.now_ns - DAY_NS]
        begin_ns = before[-1].end_ns if before else self.begin_ns
        if begin_ns is None or self.now_ns - begin_ns < MIN_SPAN_NS:
            return None
        kept = self.current_bytes + sum(it.size_bytes for it in self.archives[len(before) :])
        return kept * DAY_NS // (self.now_ns - begin_ns)

    def ratio(self) -> float | None:
        """Say how many bytes come in for each that is kept; None: nobody has counted."""
        if not self.counts or not self.counts.bytes_kept:
            return None
        return self.counts.bytes_in / self.counts.bytes_kept

    def packed(self) -> float:
        """Say which part of a byte each takes on the disk once its file is complete."""
        size = sum(it.size_bytes for it in self.archives)
        return sum(it.disk_bytes for it in self.archives) / size if size else 1.0

    def is_full(self) -> bool:
        """Say whether for each new archive an old one goes."""
        return self.count is not None and len(self.archives) >= self.count - 1

    def will_reach_ns(self) -> int | None:
        """Say how far back it will reach at the present rate, when it is full.

        None: for ever, or nobody knows.
        """
        rate = self.kept_a_day()
        reach_ns = self.max_age_ns
        if rate and self.count is not None and self.size_bytes is not None:
            by_size_ns = (self.count - 1) * self.usual_size(self.size_bytes) * DAY_NS // rate
            reach_ns = by_size_ns if reach_ns is None else min(reach_ns, by_size_ns)
        return reach_ns

    def usual_size(self, size_bytes: int) -> int:
        """Say how large an archive gets: some are rotated before they are full."""
        last = self.archives[-10:]
        if len(last) < 3:
            return size_bytes
        return min(size_bytes, max(1, sum(it.size_bytes for it in last) // len(last)))

    def misses(self) -> bool:
        """Say whether it does not reach as far back as it is to, or will not."""
        if self.retain_ns is None:
            return False
        if self.is_full() and self.reach_ns() < self.retain_ns:
            return True
        will_ns = self.will_reach_ns()
        return will_ns is not None and will_ns < self.retain_ns

    def is_known(self) -> bool:
        """Say whether it is known that it reaches, or will reach, as far back as it is to."""
        if self.retain_ns is None or self.reach_ns() >= self.retain_ns:
            return True
        return self.kept_a_day() is not None and self.count is not None

    def needs(self) -> "Need | None":
        """Say what it takes to reach as far back as it is to; None: nobody knows.

        `s` stays as it is where `n` does not get too large.
        """
        rate = self.kept_a_day()
        if rate is None or self.retain_ns is None:
            return None
        bytes_needed = rate * self.retain_ns // DAY_NS * SPARE // 100
        size_bytes = self.size_bytes or MIN_SIZE
        if bytes_needed > MANY * size_bytes:
            wanted = max(size_bytes, rounded(bytes_needed // (MANY // 2)))
            size_bytes = min(wanted, max(CLASSIC_MAX, self.size_bytes or 0), MAX_SIZE)
        count = max(MIN_COUNT, -(-bytes_needed // self.usual_part(size_bytes)) + 1)
        return Need(size_bytes, count, int(bytes_needed * self.packed()) + size_bytes)

    def usual_part(self, size_bytes: int) -> int:
        """Say how large archives of a size get, by those of the present one."""
        if self.size_bytes != size_bytes:
            return size_bytes
        return self.usual_size(size_bytes)


class Need:
    """What it takes: `s`, `n`, and room on the disk."""

    __slots__ = ("count", "disk_bytes", "size_bytes")

    def __init__(self, size_bytes: int, count: int, disk_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.count = count
        self.disk_bytes = disk_bytes


def rounded(number: int) -> int:
    """Round up to one digit and zeros."""
    unit = int("1".ljust(len(str(number)), "0"))
    return -(-number // unit) * unit


def show_bytes(number: int) -> str:
    """Write a number of bytes for people."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def show_span(span_ns: int) -> str:
    """Write a length of time for people: its two largest units."""
    left = span_ns // SECOND_NS
    parts: list[str] = []
    for unit in "dhms":
        count, left = divmod(left, UNIT_NS[unit] // SECOND_NS)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(it for it in parts[:2] if it[0] != "0") or "0s"
