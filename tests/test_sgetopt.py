"""Option parsing; what C makes of the same words is asked by tests/oracle/test_svc.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.sgetopt import OptionError, parse

LETTERS = b"abc"
WITH_ARGUMENT = b"xy"

plain = st.sampled_from([(bytes([letter]), b"") for letter in LETTERS])
argued = st.tuples(
    st.sampled_from([bytes([letter]) for letter in WITH_ARGUMENT]),
    st.binary(min_size=1, max_size=4),
)


@pytest.mark.parametrize(
    ("words", "options", "rest"),
    [
        ([], [], []),
        ([b"dir"], [], [b"dir"]),
        ([b"-ab"], [(b"a", b""), (b"b", b"")], []),
        ([b"-a", b"-b", b"dir", b"-c"], [(b"a", b""), (b"b", b"")], [b"dir", b"-c"]),
        ([b"-x1"], [(b"x", b"1")], []),
        ([b"-x", b"1", b"dir"], [(b"x", b"1")], [b"dir"]),
        ([b"-ax", b"-b", b"dir"], [(b"a", b""), (b"x", b"-b")], [b"dir"]),
        ([b"-x", b""], [(b"x", b"")], []),
        ([b"-", b"-a"], [], [b"-", b"-a"]),
        ([b"--", b"-a"], [], [b"-a"]),
        ([b"--abc", b"-a"], [], [b"-a"]),
        ([b"-a", b"--", b"--"], [(b"a", b"")], [b"--"]),
        ([b"", b"-a"], [], [b"", b"-a"]),
    ],
    ids=repr,
)
def test_parse_splits(
    words: list[bytes], options: list[tuple[bytes, bytes]], rest: list[bytes]
) -> None:
    """Clusters, arguments and the end of the options are found as sgetopt does."""
    assert parse(words, LETTERS, WITH_ARGUMENT) == (options, rest)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([b"-d"], "illegal option -- d"),
        ([b"-a-"], "illegal option -- -"),
        ([b"-\xff"], "illegal option -- \udcff"),
        ([b"-x"], "option requires an argument -- x"),
        ([b"-ay"], "option requires an argument -- y"),
    ],
    ids=repr,
)
def test_parse_refuses(words: list[bytes], message: str) -> None:
    """The error's text is sgetopt's own, the byte in it unchanged."""
    with pytest.raises(OptionError) as caught:
        parse(words, LETTERS, WITH_ARGUMENT)
    assert str(caught.value) == message


@given(
    options=st.lists(st.one_of(plain, argued)),
    apart=st.booleans(),
    rest=st.lists(st.binary(max_size=3).filter(lambda word: not word.startswith(b"-"))),
)
def test_parse_round_trip(
    options: list[tuple[bytes, bytes]], apart: bool, rest: list[bytes]
) -> None:
    """Options written out as words, arguments joined or apart, are read back, and the rest."""
    words: list[bytes] = []
    for letter, argument in options:
        words += [b"-" + letter, argument] if apart and argument else [b"-" + letter + argument]
    assert parse([*words, b"--", *rest], LETTERS, WITH_ARGUMENT) == (options, rest)
    assert parse([*words, *rest], LETTERS, WITH_ARGUMENT) == (options, rest)


WORDS = st.binary(max_size=5)


@given(st.lists(WORDS | WORDS.map(b"-".__add__)))
def test_parse_takes_any_bytes(words: list[bytes]) -> None:
    """Arbitrary words are parsed or refused with its own error, and never lost."""
    try:
        options, rest = parse(words, LETTERS, WITH_ARGUMENT)
    except OptionError:
        return
    assert rest == words[len(words) - len(rest) :]
    assert all(letter in LETTERS + WITH_ARGUMENT for letter, _ in options)
