"""core.whole beside core.script: the same bytes by the same read, and the same left unfinished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import script, whole
from pysvscan.core.script import Pipe
from pysvscan.core.selection import SHOWN_BYTES

CHUNK = st.one_of(
    st.text("a\n", min_size=1, max_size=5).map(str.encode),
    st.sampled_from([b"x" * n + end for n in (998, 999, 1000, 1001, 2500) for end in (b"", b"\n")]),
)

WHOLE = [
    ([b"./a"], True),
    ([b"s4096", b"./a", b"n5", b"/b"], True),
    ([b"+*", b"./a"], True),
    ([b"-*x*", b"+*", b"./a"], True),
    ([], True),
    ([b"t", b"./a"], False),
    ([b"d", b"./a"], False),
    ([b"-*", b"./a"], False),
    ([b"./a", b"-*x", b"./b"], False),
    ([b"./a", b"=s"], False),
    ([b"./a", b"e"], False),
]


@pytest.mark.parametrize(("words", "expected"), WHOLE)
def test_is_whole_where_each_line_passes_as_it_is(words: list[bytes], expected: bool) -> None:
    """No stamp, no line left out, nothing shown."""
    assert whole.is_whole(script.parse(words)) == expected


@given(st.lists(CHUNK, max_size=12))
def test_passing_is_what_feed_gives(chunks: list[bytes]) -> None:
    """After each read, of whatever size; so either can go on where the other was."""
    parsed = script.parse([b"./a", b"+*", b"./b"])
    buffer = bytearray(SHOWN_BYTES + 4096)
    ours, spec = Pipe(), Pipe()
    for chunk in chunks:
        buffer[SHOWN_BYTES : SHOWN_BYTES + len(chunk)] = chunk
        text = bytes(whole.passing(parsed, ours, buffer, len(chunk)))
        assert [text, text] == parsed.feed(spec, chunk, 0).texts
        assert (ours.line, ours.kept) == (spec.line, spec.kept)
    assert parsed.finish(ours).texts == parsed.finish(spec).texts
