"""core.restart: when a service may start again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import restart
from pysvscan.core.restart import Backoff
from pysvscan.core.restartsettings import Restart

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


def test_gap_doubles_while_a_service_dies_young() -> None:
    """1 s at first, as classic; then twice that, up to max, however often it dies."""
    one, table = Backoff(), Restart(max_ns=20 * SECOND)
    gaps = []
    for _ in range(8):
        one.died(table, 9 * SECOND, was_asked=False)
        gaps.append(one.gap_ns(table) // SECOND)
    assert gaps == [1, 2, 4, 8, 16, 20, 20, 20]
    one.young = 10**9
    assert one.gap_ns(table) == 20 * SECOND
    assert one.gap_ns(None) == restart.GAP_NS


@pytest.mark.parametrize(
    ("table", "lived_ns", "was_asked", "young"),
    [
        pytest.param(Restart(), 10 * SECOND - 1, False, 4, id="young"),
        pytest.param(Restart(), 10 * SECOND, False, 0, id="healthy"),
        pytest.param(Restart(healthy_ns=SECOND), SECOND, False, 0, id="healthy sooner"),
        pytest.param(Restart(), 0, True, 0, id="ended by a command"),
        pytest.param(None, 0, False, 0, id="classic"),
    ],
)
def test_died_counts_young_deaths(
    table: Restart | None, lived_ns: int, was_asked: bool, young: int
) -> None:
    """Only a death that nobody asked for, and that came soon, counts; any other begins afresh."""
    one = Backoff(young=3)
    one.died(table, lived_ns, was_asked=was_asked)
    assert one.young == young


@pytest.mark.parametrize(
    ("table", "young", "is_enough"),
    [
        (None, 99, False),
        (Restart(), 99, False),
        (Restart(tries=3), 2, False),
        (Restart(tries=3), 3, True),
        (Restart(tries=3), 4, True),
    ],
)
def test_is_enough_after_so_many_tries(table: Restart | None, young: int, is_enough: bool) -> None:
    """Only `tries` gives up, and not before so many young deaths in a row."""
    assert Backoff(young).is_enough(table) is is_enough


def test_come_goes_on_where_it_was() -> None:
    """The same boot and namespace: all counts; another: nothing does, as after a reboot."""
    one = Backoff(3, 4, b"boot:1")
    one.come(b"boot:1")
    assert (one.young, one.gave_up_ns) == (3, 4)
    one.come(b"boot:2")
    assert (one.young, one.gave_up_ns, one.where) == (0, 0, b"boot:2")
