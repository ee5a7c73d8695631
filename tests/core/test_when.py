"""core.when: what people write for a time, and what they do not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import stamp, tai, when

NOW_NS = 1_795_488_722_007_675_509  # 2026-11-24 02:52:02 UTC, a Tuesday; 04:52:02 here
EAST = 7200
S = 10**9
DAY = 86400
MIDNIGHT = 1_795_471_200  # here, in Unix seconds


def east(_second: int) -> int:
    """Be a zone two hours east of Greenwich."""
    return EAST


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("today", MIDNIGHT),
        ("Yesterday", MIDNIGHT - DAY),
        ("tomorrow", MIDNIGHT + DAY),
        ("09:30", MIDNIGHT + 9 * 3600 + 1800),
        ("9:30:15", MIDNIGHT + 9 * 3600 + 1815),
        ("yesterday 09:30", MIDNIGHT - DAY + 9 * 3600 + 1800),
        ("09:30  yesterday", MIDNIGHT - DAY + 9 * 3600 + 1800),
        ("monday", MIDNIGHT - DAY),
        ("tue", MIDNIGHT),
        ("wed 00:01", MIDNIGHT - 6 * DAY + 60),
        ("2026-11-24", MIDNIGHT),
        ("11-24", MIDNIGHT),
        ("2026-11-24 00:00", MIDNIGHT),
        ("2026-11-24T00:00:30", MIDNIGHT + 30),
        ("2026-11-24 02:00Z", MIDNIGHT + 4 * 3600),
        ("2026-11-23T22:00:00 utc", MIDNIGHT),
        ("2026-11-24 09:00+09:00", MIDNIGHT + 2 * 3600),
        ("2026-11-24 09:00+09", MIDNIGHT + 2 * 3600),
        ("2026-11-23 18:30-0330", MIDNIGHT),
        ("02:00Z", MIDNIGHT + 4 * 3600),
        ("@1795471200", MIDNIGHT),
        ("@400000006b04b76a", MIDNIGHT),
    ],
)
def test_parse_reads_calendars_and_clocks(text: str, second: int) -> None:
    """Local time, unless something else is said."""
    assert when.parse(text, NOW_NS, east) == second * S


@pytest.mark.parametrize(
    ("text", "ahead_ns"),
    [
        ("now", 0),
        (" NOW ", 0),
        ("10 min ago", -600 * S),
        ("10min ago", -600 * S),
        ("1h30m ago", -5400 * S),
        ("1 hour 30 minutes ago", -5400 * S),
        ("an hour ago", -3600 * S),
        ("a week ago", -7 * DAY * S),
        ("1.5 days ago", -DAY * S * 3 // 2),
        ("-90s", -90 * S),
        ("+2d", 2 * DAY * S),
        ("0.000000001s ago", -1),
    ],
)
def test_parse_reads_how_long_ago(text: str, ahead_ns: int) -> None:
    """To the nanosecond."""
    assert when.parse(text, NOW_NS, east) == NOW_NS + ahead_ns


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "ago", "10 ago", "min ago", "10 parsecs ago", "1h30 ago", "--", "-", "+", "@"),
        *("@x", "@8000000000000000", "25:00", "9", "9:60", "9:30:61", "9:3x", "1:2:3:4", ":30"),
        *("2026-02-30", "2026-13-01", "26-11-24", "2026-11", "2026-11-24 09:30 x", "1-2-3"),
        *(
            "today yesterday",
            "09:30 09:30",
            "2026-111-1",
            "09:30+25:00",
            "nextday",
            "1..5 days ago",
        ),
        *(
            "1..5 days ago",
            "999999999999999999999s ago",
            "٣ min ago",
            "9:30.5",
            "9:30:x",
            "0000-00-00",
        ),
    ],
)
def test_parse_refuses_what_is_no_time(text: str) -> None:
    """The message shows the text, and what would do."""
    with pytest.raises(when.WhenError) as caught:
        when.parse(text, NOW_NS, east)
    assert str(caught.value).startswith(f'"{text}" is no time; "10 min ago"')


@given(st.integers(10**9 * S, 10**10 * S))
def test_parse_reads_labels_and_stamps(now_ns: int) -> None:
    """A label, Unix seconds and what `d` writes are all the same moment."""
    second, nano = divmod(now_ns, S)
    written = stamp.of(b"d", east)(now_ns).decode()
    for text in (tai.label(now_ns).decode(), f"@{second}.{nano:09}", written):
        assert when.parse(text, NOW_NS, east) == now_ns


@given(st.text("0123456789:-. zmTago+@") | st.text("19:- \0\n\udcffé\u00b2\u0663\u2028\U0001f600"))
def test_parse_takes_any_text(text: str) -> None:
    """A moment, or its own error."""
    with contextlib.suppress(when.WhenError):
        assert isinstance(when.parse(text, NOW_NS, east), int)


def test_parse_refuses_what_no_zone_knows() -> None:
    """A zone that fails is no time."""

    def narrow(_second: int) -> int:
        raise OverflowError

    with pytest.raises(when.WhenError):
        when.parse("09:30", NOW_NS, narrow)
