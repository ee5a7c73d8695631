"""core.civil: beside the standard library's calendar and zones."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import civil

HOUR = 3600
SET_BACK = 1_000_000 * 86400 // 50  # a Unix second at which the local clock goes back an hour
SET_FORWARD = SET_BACK + 100 * 86400


def shifting(second: int) -> int:
    """Be a zone whose clock is set back once, and forward once."""
    return HOUR if second < SET_BACK or second >= SET_FORWARD else 0


@given(st.dates())
def test_days_counts_as_the_standard_library(date: datetime.date) -> None:
    """Every date of its calendar."""
    expected = (date - datetime.date(1970, 1, 1)).days
    assert civil.days(date.year, date.month, date.day) == expected


@pytest.mark.parametrize(
    "date", [(2026, 2, 29), (2026, 0, 1), (2026, 13, 1), (2026, 4, 31), (2026, 1, 0), (10000, 1, 1)]
)
def test_days_refuses_what_no_calendar_has(date: tuple[int, int, int]) -> None:
    """A day too late, no month, no year."""
    with pytest.raises(civil.CivilError):
        civil.days(*date)


@pytest.mark.parametrize("clock", [(24, 0, 0), (0, 60, 0), (0, 0, 61), (-1, 0, 0)])
def test_second_of_day_refuses_what_no_clock_shows(clock: tuple[int, int, int]) -> None:
    """Each part has its end; a leap second is taken."""
    with pytest.raises(civil.CivilError):
        civil.second_of_day(*clock)
    assert civil.second_of_day(23, 59, 60) == 86399


def test_unix_seconds_knows_hours_that_come_twice_or_never() -> None:
    """Twice: both, the earlier first; never: the moment to which the clock skips on."""
    twice = SET_BACK + HOUR // 2
    assert civil.unix_seconds(twice, shifting) == [twice - HOUR, twice]
    never = SET_FORWARD + HOUR // 2
    assert civil.unix_seconds(never, shifting) == [never]
    assert civil.unix_seconds(5 + HOUR, shifting) == [5]


@given(st.integers(SET_BACK - 9000, SET_BACK + 9000) | st.integers(SET_FORWARD, 2**33))
def test_unix_seconds_finds_every_second(second: int) -> None:
    """From what the local clock shows, the second at which it does."""
    assert second in civil.unix_seconds(second + shifting(second), shifting)
