"""core.showing: how entries look."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import showing, stamp, tai
from pysvscan.core.showing import Json, Readable, Terminal

LABEL = b"@400000006b04fbdc2b5f726c"


def test_readable_writes_as_tai64nlocal() -> None:
    """Date, time and nine digits; a line without a stamp is what it is."""
    write = Readable(stamp.utc)
    assert write(LABEL, b"x") == b"2026-11-24 02:52:02.727675500 x"
    assert write(LABEL[:-1] + b"d", b"") == b"2026-11-24 02:52:02.727675501 "
    assert write(LABEL, b"x") == b"2026-11-24 02:52:02.727675500 x"
    assert write(b"", b"x") == b"x"


def test_readable_leaves_what_the_calendar_has_not() -> None:
    """A zone that does not know the year: the label stays."""

    def narrow(_second: int) -> int:
        raise OverflowError

    assert Readable(narrow)(LABEL, b"x") == LABEL + b" x"


def test_labelled_writes_as_in_the_log() -> None:
    """With `t` that is the very line."""
    assert (showing.labelled(LABEL, b"x"), showing.labelled(b"", b"x")) == (LABEL + b" x", b"x")


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        (
            LABEL,
            "ä".encode(),
            {"time": "2026-11-24T02:52:02.727675500Z", "tai64n": LABEL.decode(), "line": "ä"},
        ),
        (b"", b"\xff\n", {"line": "\ufffd\n", "base64": "/wo="}),
    ],
)
def test_json_is_one_object(label: bytes, text: bytes, expected: dict[str, str]) -> None:
    """Of one line, whatever is in it; bytes that are no text are there as well."""
    line = Json(["a", "smtp"]).write(1, label, text)
    assert (line.count(b"\n"), json.loads(line)) == (1, {"service": "smtp", **expected})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"12 > 250 ok\r ", "12 > 250 ok"),
        (b"tab\tbell\x07esc\x1b[2J", r"tab" + "\t" + r"bell\x07esc\x1b[2J"),
        ("c1 \x9b, right to left \u202e, ä 漢".encode(), r"c1 \x9b, right to left \u202e, ä 漢"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("\U000e0001".encode(), r"\U000e0001"),
    ],
)
def test_harmless_shows_what_a_terminal_would_obey(text: bytes, expected: str) -> None:
    """By number; what can be read stays."""
    assert showing.harmless(text).decode() == expected


@given(st.binary())
def test_harmless_leaves_nothing_to_obey(text: bytes) -> None:
    """Whatever the bytes."""
    shown = showing.harmless(text).decode()
    assert all(c.isprintable() or c == "\t" for c in shown)


def test_terminal_has_colours_where_wanted() -> None:
    """On stamps and names."""
    coloured, plain = Terminal(is_coloured=True), Terminal(is_coloured=False)
    assert (coloured.stamp(b"s"), coloured.name(0, b"n")) == (
        b"\x1b[2ms\x1b[0m",
        b"\x1b[32mn\x1b[0m",
    )
    assert (plain.stamp(b"s"), plain.name(0, b"n")) == (b"s", b"n")


def test_iso_is_utc() -> None:
    """With nanoseconds."""
    assert showing.iso(tai.label(1)) == "1970-01-01T00:00:00.000000001Z"
