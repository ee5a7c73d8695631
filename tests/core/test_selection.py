"""Selections of whole chunks, in Python and in C, beside the star rule line by line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan import lines
from pysvscan.core import match, patterns, selection, wildcards
from tests.core.test_script import NATIVE, Kind, both

NO_NEWLINE = st.binary(max_size=4).map(lambda data: data.replace(b"\n", b"."))
STAMPS = st.sampled_from([b"", b"@4a ", b"*", b"x" * 999]) | NO_NEWLINE
PATTERN = (
    st.sampled_from([b"*a*", b"*b", b"*", b"*a*b*", b"@*a*", b"**", b""])
    | st.text("*ab@4 x\n", max_size=5).map(str.encode)
    | st.binary(max_size=3)
)
WORD = st.tuples(st.sampled_from([b"+", b"-"]), PATTERN).map(b"".join)
LINE = st.text("ab*@ ", max_size=5).map(str.encode) | st.binary(max_size=4)
LINES = st.lists(LINE, max_size=8).map(lambda lines: b"".join(line + b"\n" for line in lines))


every = pytest.mark.parametrize(
    "kind",
    [selection.Selection, pytest.param(lines.Compiled, marks=NATIVE), selection.Mixed],
    ids=["pure", "c", "mixed"],
)


@every
@given(
    words=st.lists(WORD, max_size=5),
    stamp=STAMPS,
    head=st.binary(max_size=4),
    before=st.binary(max_size=4),
    data=LINES,
    after=NO_NEWLINE,
)
@example(
    words=[b"-*", b"+*a*", b"-*b*"],
    stamp=b"",
    head=b"h",
    before=b"b\n",
    data=b"a\nab\nb\n",
    after=b"a",
)
@example(words=[b"-*x*"], stamp=b"", head=b"h", before=b"", data=b"x\n", after=b"")
@example(words=[b"-*", b"+a"], stamp=b"", head=b"", before=b"", data=b"a\nb\na\n", after=b"")
@example(words=[], stamp=b"@ ", head=b"", before=b"\n\na", data=b"a\n", after=b"b")
@example(words=[b"-"], stamp=b"", head=b"", before=b"", data=b"\n\na\n\n", after=b"")
@example(words=[b"-*a**"], stamp=b"@4a ", head=b"", before=b"", data=b"b*\n*\na\n", after=b"")
@example(
    words=[b"-*", b"+x*"], stamp=b"x" * 999, head=b"", before=b"", data=b"x\nax\n\n", after=b""
)
@example(words=[], stamp=b"@ ", head=b"", before=b"b", data=b"", after=b"")
@example(words=[b"-*a"], stamp=b"@ ", head=b"", before=b"", data=b"", after=b"b")
def test_selection_is_the_rule_line_by_line(
    kind: Kind,
    words: list[bytes],
    stamp: bytes,
    head: bytes,
    before: bytes,
    data: bytes,
    after: bytes,
) -> None:
    """Whatever lies around the lines: the text and the last line are each pattern's rule's."""
    if kind is selection.Mixed:
        words = [patterns.Fnmatch(word) if at % 2 else word for at, word in enumerate(words)]
    start = len(before) + 1 if before else 0
    whole = (before + b"\n" if before else b"") + data + after
    end = start + len(data)
    kept, last, at = head, -1, start
    for line in data.split(b"\n")[:-1]:
        if is_selected(words, (stamp + line)[:1000]):
            kept, last = kept + stamp + line + b"\n", at
        at += len(line) + 1
    it = kind(words, stamp)
    assert it.select(head, whole, start, end, stamp) == kept
    assert it.last(whole, start, end, stamp) == last
    for line in data.split(b"\n")[:-1]:
        assert it.keeps(stamp + line) == is_selected(words, (stamp + line)[:1000])


def is_selected(words: list[bytes], seen: bytes) -> bool:
    """Decide one line as multilog does, pattern by pattern."""
    kept = True
    for word in words:
        by_fnmatch = isinstance(word, patterns.Fnmatch)
        if (
            wildcards.compiled(word[1:]).fullmatch(seen)
            if by_fnmatch
            else match.matches(word[1:], seen)
        ):
            kept = word[:1] == b"+"
    return kept


@both
@pytest.mark.parametrize("length", [1, 4, 100, 65536])
def test_selection_finds_room_for_any_stamp(kind: Kind, length: int) -> None:
    """Short lines become many times longer by their stamps."""
    data = (b"a" * (length - 1) + b"\n") * (65536 // length)
    text = kind([b"-b"], b"@ ").select(b"h", data, 0, len(data), b"@" * 25 + b" ")
    assert text == b"h" + data.replace(
        b"a" * (length - 1) + b"\n", b"@" * 25 + b" " + b"a" * (length - 1) + b"\n"
    )


@pytest.mark.parametrize(
    ("pattern", "letters", "steady"),
    [
        (b"a", b"", True),
        (b"a", b"@4", False),
        (b"*", b"@4", True),
        (b"*4*", b"@4", False),
        (b"*a*", b"@4", True),
        (b"", b"@4", False),
    ],
)
def test_selection_is_steady_where_no_stamp_matters(
    pattern: bytes, letters: bytes, steady: bool
) -> None:
    """A pattern whose first star reads past every stamp is worked out once."""
    assert selection.is_steady(pattern, letters) is steady


@NATIVE
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 4), (-1, 2), (3, 2), (0, 9)])
def test_selection_in_c_refuses_what_is_no_complete_lines(start: int, end: int) -> None:
    """A mistake of the caller's is an error, not a read beyond the data."""
    for words in ([], [b"-*a*"]):
        it = lines.Compiled(words, b"")
        with pytest.raises(ValueError, match="not complete lines"):
            it.select(b"", b"a\nbc", start, end, b"")
        with pytest.raises(ValueError, match="not complete lines"):
            it.last(b"a\nbc", start, end, b"")


def test_lines_are_counted_in_c_as_in_python() -> None:
    """Also where they are longer and shorter than what C looks at in one go."""
    for size in (0, 1, 127, 128, 129, 256, 1000):
        for data in (b"\n" * size, b"a\n" * size, b"x" * size + b"\n", b"\n" + b"\xff" * size):
            assert lines.count(data) == lines.count_newlines(data) == data.count(b"\n")


@NATIVE
def test_lines_in_c_are_counted_in_bytes_alone() -> None:
    """The part in C is in use, and takes nothing else."""
    assert lines.count is not lines.count_newlines
    with pytest.raises(TypeError):
        lines.count(bytearray(b"\n"))
