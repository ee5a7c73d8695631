"""What one logger process leaves to the next: where a log stands, and the begin of a line."""

import pytest

from pysvscan.places import ALL_BYTES, SLOTS, Place


@pytest.fixture
def memory() -> bytearray:
    """Give memory as svscan's, but for its being shared."""
    return bytearray(ALL_BYTES)


def test_line_that_was_left_is_taken_once(memory: bytearray) -> None:
    """The next logger has the line, and is within it; the one after that would have lost it."""
    old = Place(memory, 3)
    assert old.leave(b"begin\0")
    old.note(True)  # what it does after that is not the next one's
    assert not Place(memory, 3).is_within()
    assert Place(memory, 3).left() == b"begin\0"
    assert (Place(memory, 3).left(), Place(memory, 3).is_within()) == (b"", True)


def test_line_is_not_another_logs(memory: bytearray) -> None:
    """A number that shares the place is not given it, and cannot leave one of its own."""
    assert Place(memory, 3).leave(b"begin")
    other = Place(memory, 3 + SLOTS)
    assert other.left() == b""
    assert not other.leave(b"more")
    assert Place(memory, 3).left() == b"begin"
    assert other.leave(b"x" * 1018)
    assert not Place(memory, 4).leave(b"x" * 1019)
