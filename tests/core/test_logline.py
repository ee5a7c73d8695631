"""core.logline: stamps are read back as core.stamp writes them, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import logline, stamp, tai
from pysvscan.core.logline import LatestStamps, Stamps
from tests.core.test_civil import HOUR, SET_BACK, shifting

NOW_NS = 1_795_488_722_007_675_509
UNIT_NS = {b"t": 1, b"d": 1, b"m": 1_000_000, b"T": 1000}
moments = st.integers(10**9 * 10**9, 10**10 * 10**9)


@pytest.mark.parametrize("action", UNIT_NS, ids=bytes.decode)
@given(moments, st.binary(max_size=9))
def test_split_reads_what_was_written(action: bytes, now_ns: int, text: bytes) -> None:
    """Every stamp, whatever follows: its label, and where the text begins."""
    line = stamp.of(action, stamp.utc)(now_ns) + text
    label, begin = Stamps(stamp.utc).split(line)
    assert (label, line[begin:]) == (tai.label(now_ns - now_ns % UNIT_NS[action]), text)


@given(moments, moments)
def test_labels_have_the_order_of_time(one_ns: int, other_ns: int) -> None:
    """As bytes."""
    assert (tai.label(one_ns) < tai.label(other_ns)) == (one_ns < other_ns)


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"@", b"x", b"@400000006b05057c1573b10", b"@400000006b05057c1573b10cx"),
        *(b"@400000006B05057C1573B10C x", b"@800000006b05057c1573b10c x"),
        *(b"2026-11-24 02:52:02 x", b"2026-11-24 02:52:02.1234 x", b"2026-11-24 02:52:02.123"),
        *(b"2026-11-24 02:52:02.12x x", b"2026-02-30 02:52:02.123 x", b"2026-11-24 25:52:02.123 x"),
        *(b"2026-11-24 02-52:02.123 x", b"2026-1 -24 02:52:02.123 x", b"12345678.123456 x"),
        *(b"123456789.12345 x", b"123456789 x", b"12345678x.123456 x", b"123456789.123456"),
    ],
)
def test_split_takes_nothing_else(line: bytes) -> None:
    """What is no stamp is text."""
    assert Stamps(stamp.utc).split(line) == (b"", 0)


def test_split_takes_a_label_without_text() -> None:
    """A line that is nothing but its stamp."""
    assert Stamps(stamp.utc).split(tai.label(5)) == (tai.label(5), 26)


@given(st.binary())
def test_split_takes_any_bytes(line: bytes) -> None:
    """No line raises anything."""
    label, begin = Stamps(stamp.utc).split(line)
    assert (len(label), begin > 0) in ((0, False), (25, True))
    assert logline.is_bad(line) in (True, False)


def test_split_follows_a_clock_that_is_set_back() -> None:
    """The second time an hour comes it is an hour later, unless single lines are looked at."""
    write, stamps = stamp.of(b"m", shifting), Stamps(shifting)
    seconds = range(SET_BACK - HOUR, SET_BACK + HOUR, 600)
    lines = [write(it * 10**9) for it in seconds]
    assert [stamps.split(line)[0] for line in lines] == [tai.label(it * 10**9) for it in seconds]
    assert stamps.split(lines[-1])[0] == stamps.split(lines[-1])[0]
    assert LatestStamps(shifting).split(lines[0])[0] == tai.label(SET_BACK * 10**9)


def test_split_asks_the_zone_only_for_what_there_is() -> None:
    """A zone that knows no such year leaves the line a text."""

    def narrow(_second: int) -> int:
        raise OverflowError

    assert Stamps(narrow).split(b"2026-11-24 02:52:02.123 x") == (b"", 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"@400000006b05057c1573b10 x", True),
        (b"@40000000 x", False),
        (b"@4", False),
        (b"me@4000", False),
    ],
)
def test_is_bad_knows_a_label_that_is_none(line: bytes, expected: bool) -> None:
    """It begins like one."""
    assert logline.is_bad(line) == expected
