"""Stamps, beside the standard library's calendar."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import stamp, tai

NOW_NS = 1_795_488_722_007_675_509  # 2026-11-24 02:52:02 UTC
EPOCH = datetime.date(1970, 1, 1)


def two_hours(_second: int) -> int:
    """Be a zone east of Greenwich."""
    return 7200


@pytest.mark.parametrize(
    ("action", "now_ns", "written"),
    [
        (b"", NOW_NS, b""),
        (b"e", NOW_NS, b""),
        (b"d/main", NOW_NS, b""),
        (b"main", NOW_NS, b""),
        (b"T0", NOW_NS, b""),
        (b"t", NOW_NS, tai.label(NOW_NS) + b" "),
        (b"test", NOW_NS, tai.label(NOW_NS) + b" "),
        (b"T", NOW_NS, b"1795488722.007675 "),
        (b"T", 5, b"0.000000 "),
        (b"d", NOW_NS, b"2026-11-24 04:52:02.007675509 "),
        (b"m", NOW_NS, b"2026-11-24 04:52:02.007 "),
        (b"m", 999_999, b"1970-01-01 02:00:00.000 "),
        (b"m", -7201 * 10**9, b"1969-12-31 23:59:59.000 "),
    ],
)
def test_stamp_of_writes_what_the_action_says(action: bytes, now_ns: int, written: bytes) -> None:
    """Each action has its form, of letters that are known; what is no stamp writes nothing."""
    assert stamp.of(action, two_hours)(now_ns) == written
    assert set(written) <= set(stamp.LETTERS.get(action[:1], b""))


def test_stamp_readable_asks_the_zone_once_a_second() -> None:
    """Local time is worked out again only where the second is another, also an earlier one."""
    asked = []

    def zone(second: int) -> int:
        asked.append(second)
        return 0

    write = stamp.of(b"m", zone)
    texts = [write(ms * 1_000_000) for ms in (0, 1, 999, 1000, 1001, 999)]
    assert [text[17:-1] for text in texts] == [
        b"00.000",
        b"00.001",
        b"00.999",
        b"01.000",
        b"01.001",
        b"00.999",
    ]
    assert asked == [0, 1, 0]


@given(st.dates())
def test_stamp_date_is_the_calendars(day: datetime.date) -> None:
    """Every date that the standard library knows, leap years and centuries included."""
    assert stamp.date((day - EPOCH).days) == (day.year, day.month, day.day)


@given(st.datetimes())
def test_stamp_date_and_time_is_the_calendars(moment: datetime.datetime) -> None:
    """Date and time of any second."""
    second = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    whole = moment.replace(microsecond=0)
    assert stamp.date_and_time(second).decode() == whole.isoformat(" ")


@pytest.mark.parametrize("year", [1600, 1900, 1999, 2000, 2023, 2024, 2100, 2400])
def test_stamp_date_at_the_ends_of_february_and_of_the_year(year: int) -> None:
    """Days on which a calendar goes wrong."""
    first = datetime.date(year, 1, 1).toordinal()
    for ordinal in [*range(first + 55, first + 65), *range(first + 360, first + 370)]:
        day = datetime.date.fromordinal(ordinal)
        assert stamp.date((day - EPOCH).days) == (day.year, day.month, day.day)
    assert stamp.utc(0) == 0
