"""TAI64N labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import tai

MOMENTS = st.integers(-tai.EPOCH * tai.SECOND_NS, (2**64 - tai.EPOCH) * tai.SECOND_NS - 1)


@pytest.mark.parametrize(
    ("now_ns", "label"),
    [
        (0, b"@400000000000000a00000000"),
        (-1, b"@40000000000000093b9ac9ff"),
        (1_795_488_722_727_675_500, b"@400000006b04fbdc2b5f726c"),
        (-tai.EPOCH * tai.SECOND_NS, b"@000000000000000000000000"),
        ((2**64 - tai.EPOCH) * tai.SECOND_NS - 1, b"@ffffffffffffffff3b9ac9ff"),
    ],
)
def test_label_is_tai64n(now_ns: int, label: bytes) -> None:
    """A moment's label, read off tai64nlocal and by arithmetic at both ends."""
    assert tai.label(now_ns) == label
    assert len(label) == tai.LABEL_BYTES


@given(MOMENTS)
def test_pack_round_trip(now_ns: int) -> None:
    """What is packed is unpacked; the label holds the same bytes."""
    assert tai.unpack(tai.pack(now_ns)) == now_ns
    assert bytes.fromhex(tai.label(now_ns)[1:].decode()) == tai.pack(now_ns)


@given(MOMENTS, MOMENTS)
def test_label_sorts_as_time(one: int, other: int) -> None:
    """Labels compare as bytes in the order of their moments: archives are found by that."""
    assert (tai.label(one) < tai.label(other)) == (one < other)


@given(st.binary(min_size=12, max_size=40))
def test_unpack_takes_any_bytes(data: bytes) -> None:
    """Any 12 bytes are a moment, within the second that the first eight say."""
    seconds = tai.unpack(data) // tai.SECOND_NS
    assert (seconds + tai.EPOCH).to_bytes(8, "big") == data[:8]
