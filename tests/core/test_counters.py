"""core.counters: a record comes back, and half a one is never taken for a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import counters
from pysvscan.core.counters import CountersError, Counts

numbers = st.integers(0, counters.MAX)
records = st.lists(numbers, min_size=len(counters.FIELDS), max_size=len(counters.FIELDS))


def make(values: list[int]) -> Counts:
    """Make counts of these values."""
    counts = Counts()
    for field, value in zip(counters.FIELDS, values, strict=True):
        setattr(counts, field, value)
    return counts


def file(*slots: bytes) -> bytes:
    """Lay slots out as in the file."""
    return b"".join(slot.ljust(counters.SLOT, b"\0") for slot in slots)


@given(records, numbers)
def test_pack_unpack_round_trip(values: list[int], number: int) -> None:
    """What is packed is unpacked, with its number, and fits a slot."""
    data = counters.pack(make(values), number)
    counts, found = counters.unpack(data)
    assert (list(counts.values()), found) == (values, number)
    assert len(data) <= counters.SLOT


@given(records, records, st.integers(0, 2**60))
def test_newest_slot_wins(old: list[int], new: list[int], number: int) -> None:
    """Of two whole slots the higher number is right, in whatever order they lie."""
    slots = [counters.pack(make(old), number), counters.pack(make(new), number + 1)]
    for data in (file(*slots), file(*reversed(slots))):
        counts, found = counters.newest(data)
        assert (list(counts.values()), found) == (new, number + 1)


@given(st.integers(1, 2**60), st.data())
def test_newest_is_whole_wherever_the_writer_stopped(number: int, data: st.DataObject) -> None:
    """A slot of which only a part was written leaves the other one right."""
    before, now, after = (counters.pack(make([n] * 9), number + n) for n in range(3))
    cut = data.draw(st.integers(0, len(after)))
    slots = [b"", b""]
    for n, slot in enumerate((before, now, after[:cut] + before[cut:])):
        slots[counters.offset(number + n) // counters.SLOT] = slot
    counts, _ = counters.newest(file(*slots))
    assert set(counts.values()) in ({1}, {2})
    assert (set(counts.values()) == {2}) == (
        slots[counters.offset(number) // counters.SLOT] == after
    )


@given(st.binary(max_size=300))
def test_newest_of_anything_raises_its_own_error(data: bytes) -> None:
    """Arbitrary bytes are no record."""
    with pytest.raises(CountersError):
        counters.newest(data)


@given(st.integers(0, 107), st.integers(1, 255))
def test_unpack_refuses_a_changed_byte(at: int, change: int) -> None:
    """One byte that differs spoils a slot."""
    data = bytearray(counters.pack(make(list(range(9))), 7))
    data[at % len(data)] ^= change
    with pytest.raises(CountersError):
        counters.unpack(bytes(data))


def test_unpack_refuses_another_version() -> None:
    """A record of a later version is not guessed at."""
    body = counters.pack(Counts(), 0)[:-4].replace(b"counts1", b"counts2")
    with pytest.raises(CountersError):
        counters.unpack(body + counters.crc32(body).to_bytes(4, "little"))


def test_pack_wraps_at_64_bits() -> None:
    """A count beyond 64 bits goes on at nought, as does one below it."""
    counts, _ = counters.unpack(counters.pack(make([2**64 + 5, -1, *[0] * 7]), 0))
    assert counts.values()[:2] == (5, counters.MAX)
