"""What svscan and a logger say to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import orders
from pysvscan.core.logcontrol import State
from pysvscan.core.orders import Kind, Opening, OrderError

NUMBERS = st.integers(0, 2**32 - 1)
OPENINGS = st.builds(
    Opening,
    label=st.binary(),
    words=st.lists(st.binary()).map(tuple),
    full=st.sampled_from(("block", "drop-archives", "drop-lines")),
    compress=st.sampled_from((None, "gzip", "zstd")),
    max_age_ns=st.none() | st.integers(1, 2**63),
    stdout=st.booleans(),
    state=st.sampled_from(State),
    redact=st.lists(st.sampled_from([b"smtp-auth", b"pop3-auth"])).map(tuple),
)


def values(opening: Opening) -> list[object]:
    """List what an opening holds."""
    return [getattr(opening, name) for name in Opening.__slots__]


@given(st.sampled_from(Kind), NUMBERS, st.lists(st.binary()))
def test_packet_round_trip(kind: Kind, number: int, fields: list[bytes]) -> None:
    """What is packed is unpacked, whatever bytes are in it."""
    assert orders.unpack(orders.pack(kind, number, *fields)) == (kind, number, fields)


@given(OPENINGS)
def test_opening_round_trip(opening: Opening) -> None:
    """All of a log's settings arrive."""
    assert values(orders.unpack_opening(list(opening.pack()))) == values(opening)


@given(st.binary())
def test_packet_of_arbitrary_bytes(data: bytes) -> None:
    """Arbitrary bytes are a packet, or raise the one error for it."""
    try:
        kind, number, fields = orders.unpack(data)
    except OrderError:
        return
    assert orders.pack(kind, number, *fields) == data


@given(st.lists(st.binary(), max_size=8))
def test_opening_of_arbitrary_fields(fields: list[bytes]) -> None:
    """Arbitrary fields are an opening, or raise the one error for it."""
    try:
        orders.unpack_opening(fields)
    except OrderError:
        return


BAD = {
    "empty": b"",
    "unknown kind": b"?\0\0\0\1",
    "field too short": orders.pack(Kind.OPEN, 1, b"four")[:-1],
    "size too short": orders.pack(Kind.OPEN, 1) + b"\0\0",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_packet_refused(data: bytes) -> None:
    """A packet that is cut, or of no kind, is none."""
    with pytest.raises(OrderError):
        orders.unpack(data)


FIELDS = list(Opening(b"a/log", (b"t", b"./main")).pack())
BAD_FIELDS = {
    "missing": FIELDS[:6],
    "age": [*FIELDS[:3], b"old", *FIELDS[4:]],
    "state": [*FIELDS[:5], b"asleep", *FIELDS[6:]],
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_opening_refused(fields: list[bytes]) -> None:
    """Fields of which one is wrong are no opening."""
    with pytest.raises(OrderError):
        orders.unpack_opening(fields)
