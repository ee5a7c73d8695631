"""core.words: splitting and quoting as a shell does.

Not tested here: that a shell makes the same of it (tests/oracle/test_words.py).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import words
from pysvscan.core.words import WordsError

texts = st.text(alphabet="ab'\"\\ \n\t$`#~*\0", max_size=12).map(str.encode)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b" \t\n ", [], id="blanks"),
        pytest.param(b"t s99 './main'", [b"t", b"s99", b"./main"], id="script"),
        pytest.param(b"-* +*tcp?[a]* {a,b}", [b"-*", b"+*tcp?[a]*", b"{a,b}"], id="globs stay"),
        pytest.param(b"a'b c'\"d e\"f", [b"ab cd ef"], id="pieces of one word"),
        pytest.param(b"'' \"\" a''", [b"", b"", b"a"], id="empty words"),
        pytest.param(b"'a\\$`\"'", [b'a\\$`"'], id="single quotes hide all"),
        pytest.param(b'"\\$ \\` \\" \\\\ \\a \'"', [b"$ ` \" \\ \\a '"], id="double quotes"),
        pytest.param(b"\\  \\' \\\\ \\$ \\#", [b" ", b"'", b"\\", b"$", b"#"], id="backslashes"),
        pytest.param(b'a\\\nb \\\n c "d\\\ne"', [b"ab", b"c", b"de"], id="continued lines"),
        pytest.param(b"a#b a~b '#' '~'", [b"a#b", b"a~b", b"#", b"~"], id="# and ~ within"),
        pytest.param(b"\xff\r\xc3", [b"\xff\r\xc3"], id="any bytes"),
        pytest.param(b"!gzip =status /var/log", [b"!gzip", b"=status", b"/var/log"], id="actions"),
    ],
)
def test_split_as_a_shell(text: bytes, expected: list[bytes]) -> None:
    """Quotes, backslashes and blanks mean what they mean to a shell."""
    assert words.split(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a 'b", "a quote is not closed"),
        (b'a "b\\"', "a quote is not closed"),
        (b'a "b\\$', "a quote is not closed"),
        (b"a\\", "a backslash at the end"),
        (b"a\0", "a NUL byte"),
        (b"'a\0'", "a NUL byte"),
        *[
            (b"a " + c, f"{c.decode()} means something to a shell")
            for c in b"$ ` | & ; < > ( ) # ~".split()
        ],
        (b'"a $b"', "$ means something to a shell"),
        (b'"a `b"', "` means something to a shell"),
        (b"a 2>&1", "> means something to a shell"),
        (b"~/log", "~ means something to a shell: put it in single quotes"),
    ],
)
def test_split_refuses(text: bytes, message: str) -> None:
    """What a shell would expand or obey is an error that names it."""
    with pytest.raises(WordsError) as caught:
        words.split(text)
    assert str(caught.value).startswith(message)


@given(st.lists(st.binary(max_size=8).map(lambda word: word.replace(b"\0", b"0"))))
def test_join_split_round_trip(expected: list[bytes]) -> None:
    """Any words without NUL come back."""
    assert words.split(words.join(expected)) == expected


@given(texts)
def test_split_of_anything_raises_its_own_error(text: bytes) -> None:
    """Arbitrary text is words, which come back once quoted, or a WordsError."""
    try:
        found = words.split(text)
    except WordsError:
        return
    assert words.split(words.join(found)) == found


def test_join_leaves_plain_words_alone() -> None:
    """A quoted script stays readable."""
    script = [b"t", b"s1000000", b"-*", b"+*tcp*", b"it's", b"", b"./main"]
    assert words.join(script) == b"t s1000000 '-*' '+*tcp*' 'it'\\''s' '' ./main"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a b\n", True),
        (b"\na 'b\nc' \"d\ne\" \\\n f", True),
        (b"a\nb", False),
        (b"a \n\t b", False),
        (b"a\\\\\nb", False),
    ],
)
def test_is_one_line_looks_outside_quotes(text: bytes, expected: bool) -> None:
    """A newline in quotes, after a backslash, or at an end parts nothing."""
    assert words.is_one_line(text) is expected
