"""What is dropped is whole lines, and every byte of it is counted, however the text was cut."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core.losses import Losses

NOTICE = re.compile(rb"pysvscan: (\d+) lines, (\d+) bytes lost\n")
TEXTS = st.lists(st.text("ab\n", max_size=6).map(str.encode), max_size=12)


def test_losses_of_nothing_are_nothing() -> None:
    """Nothing dropped: nothing to say, and all passes."""
    losses = Losses()
    losses.drop(b"")
    losses.end()
    assert (losses.is_due(), losses.resume(b"a\nb"), losses.total_bytes) == (False, b"a\nb", 0)


def test_losses_are_said_once() -> None:
    """A notice counts what was dropped since the last one; the totals go on."""
    losses = Losses()
    losses.drop(b"a\nbc\n")
    assert losses.is_due()
    assert losses.notice() == b"pysvscan: 2 lines, 5 bytes lost\n"
    assert not losses.is_due()
    losses.drop(b"\n")
    assert losses.notice() == b"pysvscan: 1 lines, 1 bytes lost\n"
    assert (losses.total_lines, losses.total_bytes) == (3, 6)


def test_losses_end_with_the_line() -> None:
    """The rest of a line that was dropped is dropped as well, and only then there is a notice."""
    losses = Losses()
    losses.drop(b"a\nb")
    assert not losses.is_due()
    assert losses.resume(b"bb") == b""
    assert not losses.is_due()
    assert losses.resume(b"b\nc\nd") == b"c\nd"
    assert losses.notice() == b"pysvscan: 2 lines, 7 bytes lost\n"


def test_losses_take_an_unfinished_line_for_one() -> None:
    """At the end of everything a line without a newline counts as well."""
    losses = Losses()
    losses.drop(b"a\nb")
    losses.end()
    assert losses.notice() == b"pysvscan: 2 lines, 3 bytes lost\n"
    assert (losses.total_lines, losses.total_bytes) == (2, 3)


def test_losses_cut_to_whole_lines() -> None:
    """Of what was held, the whole lines stay."""
    losses = Losses()
    assert losses.cut(b"a\nb\nc") == b"a\nb\n"
    assert (losses.bytes, losses.is_inside) == (1, True)
    assert losses.cut(b"a\n") == b"a\n"


@given(texts=TEXTS, later=TEXTS)
def test_losses_are_whole_lines_however_cut(texts: list[bytes], later: list[bytes]) -> None:
    """What was dropped and what passes are the whole text, and the border is a line's end."""
    losses, whole = Losses(), b"".join([*texts, *later])
    for text in texts:
        losses.drop(text)
    passed = b"".join([losses.resume(text) for text in later])
    lost = whole[: len(whole) - len(passed)]
    assert whole.endswith(passed)
    assert not (lost and passed) or lost.endswith(b"\n")
    losses.end()
    lines = lost.count(b"\n") + (bool(lost) and not lost.endswith(b"\n"))
    assert (losses.lines, losses.bytes) == (lines, len(lost))
    if losses.is_due():
        assert NOTICE.fullmatch(losses.notice())
