"""core.seldom: what is said again, and when."""

from itertools import pairwise

from pysvscan.core import seldom
from pysvscan.core.seldom import Seldom

SECOND = 1_000_000_000


def moments(every_s: int, until_s: int) -> list[int]:
    """List the seconds at which a line that comes at an interval is said."""
    said = Seldom()
    return [at for at in range(0, until_s, every_s) if said.is_due("x", at * SECOND)]


def test_seldom_says_at_growing_intervals() -> None:
    """A line that comes each 5 s is said at once, then after 1, 2, 4 … minutes."""
    assert moments(5, 2000) == [0, 60, 180, 420, 900, 1860]


def test_seldom_says_at_least_hourly() -> None:
    """The interval ends at an hour."""
    late = moments(5, 100_000)[-3:]
    assert [after - before for before, after in pairwise(late)] == [3600, 3600]


def test_seldom_says_news_at_once() -> None:
    """Trouble that was over for more than ABSENT_NS is said at once when it is back."""
    said = Seldom()
    first = [said.is_due("x", at * SECOND) for at in (0, 5, 10)]
    assert (first, said.is_due("x", 41 * SECOND)) == ([True, False, False], True)


def test_seldom_keeps_lines_apart() -> None:
    """Another line is another trouble."""
    said = Seldom()
    assert [said.is_due(line, 0) for line in ("x", "y", "x")] == [True, True, False]


def test_seldom_remembers_so_many_lines() -> None:
    """More than MANY lines at a time are not said; those that are over make room."""
    said = Seldom()
    lines = [str(number) for number in range(seldom.MANY + 5)]
    assert sum(said.is_due(line, 0) for line in lines) == seldom.MANY
    assert sum(said.is_due(line, 5 * SECOND) for line in lines) == 0
    assert said.is_due("new", 36 * SECOND)
    assert len(said.said) == 1
