"""core.retention: how far a log reaches, will reach, and what it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import retention
from pysvscan.core.counters import Counts
from pysvscan.core.retention import CLASSIC_MAX, DAY_NS, Archived, Seen

NOW_NS = 1_795_488_722 * 10**9
HOUR_NS = DAY_NS // 24


def steady(archives: int, size_bytes: int, every_ns: int, count: int | None = None) -> Seen:
    """Make a log whose archives were filled one after the other, each in the same time."""
    ends = [NOW_NS - every_ns * it for it in range(archives, 0, -1)]
    seen = Seen(NOW_NS, [Archived(it, size_bytes, size_bytes // 2) for it in ends], size_bytes)
    seen.begin_ns = NOW_NS - every_ns * (archives + 1)
    seen.size_bytes, seen.count = size_bytes, count
    return seen


def test_steady_log_is_known() -> None:
    """A MB in six hours, ten files: four a day, and two days and a quarter back."""
    seen = steady(9, 1_000_000, 6 * HOUR_NS, 10)
    assert (seen.kept_a_day(), seen.reach_ns(), seen.is_full()) == (4_000_000, 60 * HOUR_NS, True)
    assert seen.will_reach_ns() == 54 * HOUR_NS
    assert seen.disk_bytes() == 5_500_000
    seen.max_age_ns = DAY_NS
    assert seen.will_reach_ns() == DAY_NS


@pytest.mark.parametrize(
    ("count", "retain_ns", "misses", "is_known"),
    [
        (10, None, False, True),
        (10, 2 * DAY_NS, False, True),
        (10, 3 * DAY_NS, True, True),
        (100, 3 * DAY_NS, False, True),
        (14, 4 * DAY_NS, True, True),
        (None, 30 * DAY_NS, False, False),
        (None, DAY_NS, False, True),
    ],
)
def test_misses_what_it_cannot_reach(
    count: int | None, retain_ns: int | None, misses: bool, is_known: bool
) -> None:
    """What was deleted already, and what will be at this rate."""
    seen = steady(9, 1_000_000, 6 * HOUR_NS, count)
    seen.retain_ns = retain_ns
    assert (seen.misses(), seen.is_known()) == (misses, is_known)


def test_log_without_lines_says_nothing() -> None:
    """No rate, no reach, no need; nor does one of a few seconds."""
    seen = Seen(NOW_NS, [])
    seen.size_bytes, seen.count, seen.retain_ns = 4096, 2, DAY_NS
    assert (seen.kept_a_day(), seen.reach_ns(), seen.will_reach_ns()) == (None, 0, None)
    assert (seen.needs(), seen.misses(), seen.is_known(), seen.packed()) == (None, False, False, 1)
    seen.begin_ns = NOW_NS - 10**9
    assert (seen.kept_a_day(), seen.needs()) == (None, None)
    assert seen.reach_ns() == 10**9


def test_ratio_is_what_was_counted() -> None:
    """Bytes in for each that is kept."""
    seen = Seen(NOW_NS, [])
    assert seen.ratio() is None
    seen.counts = Counts(0)
    assert seen.ratio() is None
    seen.counts.bytes_in, seen.counts.bytes_kept = 30, 10
    assert seen.ratio() == 3


def test_old_days_do_not_count_for_the_rate() -> None:
    """A log that was loud last week, and is not now."""
    seen = steady(9, 1_000_000, HOUR_NS, 10)
    later = [Archived(it.end_ns - 3 * DAY_NS, 10**6, 10**6) for it in seen.archives]
    seen.archives = [*later, Archived(NOW_NS - HOUR_NS, 9000, 9000)]
    seen.current_bytes = 1000
    span_ns = NOW_NS - later[-1].end_ns
    assert seen.kept_a_day() == 10_000 * DAY_NS // span_ns


@given(
    st.integers(1, 40),
    st.integers(4096, 30_000_000),
    st.integers(60 * 10**9, 30 * DAY_NS),
    st.integers(10**9, 400 * DAY_NS),
)
def test_what_it_needs_is_enough(archives: int, size: int, every_ns: int, retain_ns: int) -> None:
    """A log with that s and n does not miss it; nor does it take ten times as much."""
    seen = steady(archives, size, every_ns)
    seen.retain_ns = retain_ns
    need = seen.needs()
    assert need
    rate = seen.kept_a_day()
    assert rate is not None
    after = steady(0, need.size_bytes, every_ns, need.count)
    after.begin_ns = NOW_NS - 2 * DAY_NS
    after.current_bytes = rate * 2
    after.retain_ns = retain_ns
    assert not after.misses()
    room = (need.count - 1) * need.size_bytes
    assert room <= max(10 * rate * retain_ns // DAY_NS, 2 * need.size_bytes)


def test_needs_keeps_the_size_where_few_archives_do() -> None:
    """Else archives get larger, and no C multilog is asked for more than it takes."""
    seen = steady(9, 100_000, HOUR_NS, 10)
    seen.retain_ns = 2 * DAY_NS
    need = seen.needs()
    assert need
    assert (need.size_bytes, need.count) == (100_000, 61)
    assert need.disk_bytes == 3_100_000
    seen.retain_ns = 365 * DAY_NS
    need = seen.needs()
    assert need
    assert (need.size_bytes, need.count) == (CLASSIC_MAX, 67)
    seen.size_bytes = None
    assert seen.needs()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (123_456, "123 kB")),
        *((2_500_000, "2.5 MB"), (10**10, "10.0 GB"), (10**16, "10000 TB")),
    ],
)
def test_show_bytes(number: int, text: str) -> None:
    """As people say it."""
    assert retention.show_bytes(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (3600, "1h"), (3661, "1h 1m"), (90000, "1d 1h"), (86400, "1d")],
)
def test_show_span(seconds: int, text: str) -> None:
    """Its two largest units."""
    assert retention.show_span(seconds * 10**9) == text
