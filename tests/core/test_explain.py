"""What decides a line; the C multilog is asked in tests/oracle/test_explain.py."""

import pytest

from pysvscan.core import explain

WORDS = [b"t", b"-*", b"+*a*", b"./d", b"", b"-*ab", b"=s", b"e"]


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (b"x", [(False, 1), (False, 1), (False, 1)]),
        (b"xa", [(True, 2), (True, 2), (True, 2)]),
        (b"ab", [(True, 2), (False, 5), (False, 5)]),
    ],
)
def test_decided(line: bytes, want: "list[explain.Verdict]") -> None:
    """At each point the last pattern before it that matches decides."""
    assert [point.decide(line) for point in explain.points(WORDS)] == want


def test_counted() -> None:
    """Lines, bytes with their newlines, and who decided, are counted."""
    (point,) = explain.points([b"-b*", b"./d"])
    for line in (b"a", b"b", b"bb", b"aa"):
        point.count(line)
    assert (point.lines, point.size_bytes, point.decided) == (2, 5, {None: 2, 0: 2})


@pytest.mark.parametrize(
    ("part", "whole", "word"),
    [
        (0, 0, "nothing"),
        (0, 9, "nothing"),
        (9, 9, "all"),
        (33, 99, "a third"),
        (10, 100, "a tenth"),
        (1, 1000, "almost nothing"),
        (999, 1000, "almost all"),
        (50, 100, "half"),
    ],
)
def test_share(part: int, whole: int, word: str) -> None:
    """A share is said in words."""
    assert explain.share(part, whole) == word
