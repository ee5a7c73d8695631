"""Patterns of fnmatch(3), beside the C library's own."""

import ctypes
import locale
import platform
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.core import wildcards

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another fnmatch")
NAMES = [b"[:%b:]" % name for name in sorted(wildcards.CLASSES)]
CHAR = st.sampled_from([b"a", b"b", b"c", b"z", b"0", b"5", b".", b"/", b" ", b":", b"\xe9", b"@"])
SINGLE = CHAR | st.sampled_from(
    [rb"\]", rb"\-", rb"\[", rb"\\", rb"\a", b"[.a.]", b"[.].]", b"!", b"^"]
)
MEMBER = (
    SINGLE
    | st.tuples(SINGLE, SINGLE).map(b"-".join)
    | st.sampled_from([*NAMES, b"[=a=]", b"[=]=]", b"*", b"?"])
)
SET = st.builds(
    lambda begin, members, end: b"[" + begin + b"".join(members) + end + b"]",
    st.sampled_from([b"", b"!", b"^", b"]", b"!]", b"^]"]),
    st.lists(MEMBER, min_size=1, max_size=3),
    st.sampled_from([b"", b"", b"-"]),
)
PART = (
    CHAR
    | SET
    | st.sampled_from([b"*", b"*", b"?", b"]", b"-", rb"\*", rb"\?", rb"\[", rb"\\", b"["])
)
# An open range at the end, "[a-", is nothing by the C library and itself by POSIX, and here.
PATTERN = st.lists(PART, max_size=6).map(b"".join).filter(lambda it: not it.endswith(b"-"))
LINE = st.text("aabc05./ :]-[\\*?!^\xe9@z", max_size=6).map(lambda line: line.encode("latin-1"))


@pytest.fixture(scope="module")
def c_locale() -> Iterator[None]:
    """Let the C library take bytes for letters, as it does in multilog."""
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    yield
    locale.setlocale(locale.LC_CTYPE, before)


def by_libc(pattern: bytes, line: bytes) -> bool:
    """Ask fnmatch(3)."""
    return ctypes.CDLL(None).fnmatch(pattern, line, 0) == 0


def ours(pattern: bytes, line: bytes) -> bool:
    """Ask the expression, within other bytes."""
    return bool(wildcards.compiled(pattern).fullmatch(b"x" + line + b"\n", 1, len(line) + 1))


@GLIBC
@pytest.mark.usefixtures("c_locale")
@given(pattern=PATTERN, lines=st.lists(LINE, min_size=9, max_size=9))
@example(pattern=b"a\\", lines=[b"a", b"a\\"])
@example(pattern=b"[", lines=[b"["])
@example(pattern=b"[]-a]", lines=[b"]", b"_", b"a", b"-"])
@example(pattern=b"[x[:alpha:]", lines=[b"[x:", b"[xa", b"[xx"])
@example(pattern=b"[[]a[]", lines=[b"[a[]", b"[]a[]", b"[a["])
@example(pattern=b"[a[]]", lines=[b"[]", b"a]", b"[a[]]"])
@example(pattern=b"[z-a]", lines=[b"a", b"m", b"-"])
@example(pattern=b"[[:foo:]]", lines=[b"f", b"[", b":]", b"[:foo:]"])
@example(pattern=b"[![:foo:]]", lines=[b"f", b"["])
@example(pattern=b"*.*", lines=[b".a", b"a", b"a/.b"])
@example(pattern=b"*[0-9]?*", lines=[b"a5", b"5a", b"a55"])
@example(pattern=b"\xff[\xe0-\xff]", lines=[b"\xff\xe9", b"\xff\xff", b"\xff\x7f"])
def test_wildcards_are_those_of_fnmatch(pattern: bytes, lines: list[bytes]) -> None:
    """Each pattern matches what the C library says, and no more."""
    assert [ours(pattern, it) for it in lines] == [by_libc(pattern, it) for it in lines]


@GLIBC
@pytest.mark.usefixtures("c_locale")
@pytest.mark.parametrize("name", NAMES)
def test_wildcards_classes_are_those_of_the_c_locale(name: bytes) -> None:
    """Each byte but 0, which no C string has."""
    found = [byte for byte in range(1, 256) if ours(b"[" + name + b"]", bytes([byte]))]
    assert found == [it for it in range(1, 256) if by_libc(b"[" + name + b"]", bytes([it]))]


@given(pattern=PATTERN | st.binary(max_size=8), line=LINE | st.binary(max_size=4))
def test_wildcards_landmark_is_in_every_matching_line(pattern: bytes, line: bytes) -> None:
    """Where the landmark is missing, or the begin is another, the pattern does not match."""
    if ours(pattern, line):
        assert wildcards.landmark(pattern) in line
        assert all(wildcards.may_begin(pattern, line[:at]) for at in range(len(line) + 1))


def test_wildcards_take_nul_and_carriage_return_for_bytes() -> None:
    """They are in lines, though not in C strings."""
    assert ours(b"*a?b*", b"\0a\0b\r")


def test_wildcards_take_a_bracket_without_end_for_itself() -> None:
    """So POSIX has it; the C library lets a pattern that ends within a range match nothing."""
    for pattern in (b"[", b"[a", b"[!", b"[a-", b"[]"):
        assert ours(pattern, pattern)


def test_wildcards_read_a_long_pattern_once() -> None:
    """The owner of one service must not hold svscan, which reads its service.toml, for minutes."""
    assert ours(b"[" * 20000 + b"*" * 20000, b"[" * 20000)
    assert ours(b"[!a]" * 2000 + b"[a\\]" * 2000, b"b" * 2000 + b"[a]" * 2000)


def test_wildcards_do_not_back_up() -> None:
    """A pattern that fails at a line's end fails soon; one that backed up would take for ever."""
    assert not ours(b"*a" * 200 + b"b*c", b"a" * 1000)
    assert not ours(b"*[ab]?" * 100 + b"c", b"a" * 1000)
