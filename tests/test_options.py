"""options: long options, and options after words."""

import pytest

from pysvscan import options
from pysvscan.sgetopt import OptionError


def parsed(text: str) -> str:
    """Parse words, and show what came of it."""
    words = text.encode().split()
    given, rest = options.parse(words, b"fg", b"no", (b"--all",), (b"--since",))
    shown = [f"{name.decode()}={value.decode()}" for name, value in given]
    return " ".join([*shown, *(it.decode() for it in rest)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a b", "a b"),
        ("-fg a", "-f= -g= a"),
        ("a -n 5 b -f", "-n=5 -f= a b"),
        ("-fn5 -n-1 -", "-f= -n=5 -n=-1 -"),
        ("--since=x=y --all --since z a", "--since=x=y --all= --since=z a"),
        ("-f -- -n --all", "-f= -n --all"),
        ("--since= a", "--since= a"),
    ],
)
def test_parse_splits_options_from_words(text: str, expected: str) -> None:
    """Wherever they stand."""
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-x", "illegal option -- x"),
        ("--x a", "illegal option -- x"),
        ("--all=1", "illegal option -- all=1"),
        ("-n", "option requires an argument -- n"),
        ("a --since", "option requires an argument -- since"),
    ],
)
def test_parse_says_what_is_wrong(text: str, message: str) -> None:
    """In sgetopt's words."""
    with pytest.raises(OptionError, match=message):
        parsed(text)
