"""core.restart: when a service may start again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import restart

SECOND = 1_000_000_000
moments = st.integers(0, 2**63)


@pytest.mark.parametrize(
    ("last", "now", "start"),
    [
        pytest.param(0, 5 * SECOND, 5 * SECOND, id="long ago: now"),
        pytest.param(5 * SECOND, 5 * SECOND, 6 * SECOND, id="just now: in a second"),
        pytest.param(5 * SECOND, 6 * SECOND, 6 * SECOND, id="a second ago: now"),
        pytest.param(5 * SECOND, 6 * SECOND - 1, 6 * SECOND, id="a nanosecond less: then"),
    ],
)
def test_next_start_keeps_a_second(last: int, now: int, start: int) -> None:
    """A start comes at once, but no sooner than 1 s after the previous one."""
    assert restart.next_start(last, now) == start


@given(moments, moments)
def test_next_start_is_never_past(last: int, now: int) -> None:
    """The moment is not before now, and not before last start plus 1 s."""
    assert restart.next_start(last, now) == max(now, last + SECOND)


def test_delay_doubles_up_to_a_minute() -> None:
    """After each failure in a row the delay doubles, from 1 s to 60 s, however many there are."""
    seconds = [restart.delay(failures) // SECOND for failures in (*range(1, 9), 10**9)]
    assert seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]
