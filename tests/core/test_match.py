"""The star rule."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.core import expressions, match

# Few letters, many stars: patterns and lines that nearly match.
PATTERNS = st.text("**ab.\n", max_size=8).map(str.encode)
LINES = st.text("*ab.", max_size=12).map(str.encode)


@pytest.mark.parametrize(
    ("pattern", "line", "matches"),
    [
        (b"", b"", True),
        (b"", b"a", False),
        (b"*", b"", True),
        (b"*", b"a*b\0\xff", True),
        (b"a", b"a", True),
        (b"a", b"ab", False),
        (b"a*", b"a", True),
        (b"*a", b"bba", True),
        (b"*a", b"baba", False),
        (b"a*b", b"ab", True),
        (b"a*b", b"axxb", True),
        (b"a*b", b"abb", False),
        (b"a*b", b"axbb", False),
        (b"a*bc", b"abbc", False),
        (b"x**y", b"x*y", True),
        (b"x**y", b"xab*y", True),
        (b"x**y", b"xab*cdy", True),
        (b"x**y", b"xaby", False),
        (b"**", b"a", False),
        (b"**", b"a*", True),
        (b"***", b"*", True),
        (b"a.c", b"abc", False),
        (b"[ab]", b"a", False),
        (b"A", b"a", False),
        (b"*\r", b"a\r", True),
    ],
)
def test_match_follows_the_star_rule(pattern: bytes, line: bytes, matches: bool) -> None:
    """Each row was seen in the C multilog; tests/oracle asks it again."""
    assert match.matches(pattern, line) is matches
    assert bool(expressions.compiled(pattern).fullmatch(line)) is matches


@given(PATTERNS | st.binary(max_size=6), LINES | st.binary(max_size=8))
@example(b"a**b", b"a**b")
@example(b"*", b"\n")
def test_match_compiled_equals_the_rule(pattern: bytes, line: bytes) -> None:
    """The expression and the rule agree on any pattern and line."""
    assert bool(expressions.compiled(pattern).fullmatch(line)) == match.matches(pattern, line)


@given(PATTERNS, LINES, st.integers(0, 12))
def test_match_after_can_be_split_anywhere(pattern: bytes, line: bytes, at: int) -> None:
    """A line read in two parts matches as in one."""
    rest = match.after(pattern, line[:at])
    assert (rest is not None and match.matches(rest, line[at:])) == match.matches(pattern, line)


@given(PATTERNS, LINES)
def test_match_landmark_is_in_every_matching_line(pattern: bytes, line: bytes) -> None:
    """Where the landmark is missing, the pattern does not match."""
    if match.landmark(pattern) not in line:
        assert not match.matches(pattern, line)


@pytest.mark.parametrize(
    ("pattern", "landmark"),
    [
        (b"", b""),
        (b"*", b""),
        (b"abc", b"abc"),
        (b"*ok*", b"ok"),
        (b"*<*@*>*", b"@"),
        (b"a**b", b"*"),
        (b"* * status: *", b" status: "),
    ],
)
def test_match_landmark_is_the_longest_and_rarest(pattern: bytes, landmark: bytes) -> None:
    """What is looked for first should be in few lines."""
    assert match.landmark(pattern) == landmark


@pytest.mark.parametrize("pattern", [b"*a" * 200, b"**" * 100, b"a*" * 200])
def test_match_does_not_back_up(pattern: bytes) -> None:
    """A line that fails at its end fails at once; one that backed up would take for ever."""
    line = b"a" * 1000
    assert bool(expressions.compiled(pattern).fullmatch(line)) == match.matches(pattern, line)
