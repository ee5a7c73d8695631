"""core.identity: one process is known again, and no other is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import identity
from pysvscan.core.identity import Identity, IdentityError

BOOT = b"0b1b5c3e-1d2f-4a6b-8c7d-9e0f1a2b3c4d"
numbers = st.integers(0, 2**64 - 1)
identities = st.builds(Identity, st.just(BOOT), *[st.integers(0, 2**40)] * 6)


def fields(value: Identity) -> tuple[bytes, tuple[int, ...]]:
    """Take an identity apart."""
    return value.boot, value.numbers()


@given(st.builds(Identity, st.just(BOOT), *[st.integers(0, 2**32)] * 4, numbers, numbers))
def test_pack_unpack_round_trip(value: Identity) -> None:
    """What is packed is unpacked, and always takes the same space."""
    data = identity.pack(value)
    assert fields(identity.unpack(data)) == fields(value)
    assert len(data) == identity.BYTES


@given(st.binary(max_size=400))
def test_unpack_of_anything_raises_its_own_error(data: bytes) -> None:
    """Arbitrary bytes are a record or an IdentityError."""
    try:
        found = identity.unpack(data)
    except IdentityError:
        return
    assert len(found.numbers()) == 6


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(BOOT + b" 1 2 3 4 5", id="a word short"),
        pytest.param(BOOT + b" 1 2 3 4 5 6 7", id="a word more"),
        pytest.param(BOOT + b" 1 2 3 x 5 6", id="no number"),
        pytest.param(BOOT + b" 1 2 3 -4 5 6", id="negative"),
        pytest.param(b" " * identity.BYTES + identity.pack(Identity(BOOT, *[1] * 6)), id="late"),
    ],
)
def test_unpack_refuses(data: bytes) -> None:
    """What is not seven words, six of them numbers, within the record's size, is none."""
    with pytest.raises(IdentityError):
        identity.unpack(data)


@given(identities)
def test_is_same_knows_itself(value: Identity) -> None:
    """A process is itself."""
    assert identity.is_same(value, identity.unpack(identity.pack(value)))


def leave(data: bytes) -> bytes:
    """Write the last word over a record."""
    return data[: identity.LAST_WORD_AT] + identity.LAST_WORD


@given(st.builds(Identity, st.just(BOOT), *[st.integers(0, 2**32)] * 4, numbers, numbers))
def test_leave_adds_a_word_once(value: Identity) -> None:
    """The process in the record stays the same, however often its supervisor is told to leave."""
    data = identity.pack(value)
    once = leave(data)
    assert (identity.is_left(data), identity.is_left(once)) == (False, True)
    assert len(once) == identity.BYTES
    assert leave(once) == once
    assert fields(identity.unpack(once)) == fields(value)


@pytest.mark.parametrize(
    ("field", "change", "eldest", "heir"),
    [
        ("boot", b"", 0, False),
        ("namespace", 9, 0, False),
        ("device", 9, 0, False),
        ("inode", 9, 0, False),
        ("pid", 9, 0, True),
        ("ticks", 5, 5, True),
        ("ticks", 4, 5, False),
        ("ticks", 0, -1, True),
    ],
)
def test_is_heir_wants_the_same_place_and_time(
    field: str, change: bytes | int, eldest: int, heir: bool
) -> None:
    """Boot, namespace and lock agree, and the record is no older than the namespace."""
    recorded, ours = (Identity(BOOT, 1, 2, 3, 4, 5, 6) for _ in range(2))
    setattr(recorded, field, change)
    assert identity.is_heir(recorded, ours, eldest) is heir


@given(identities, st.sampled_from(["namespace", "device", "inode", "pid", "ticks"]))
def test_is_same_wants_all_to_agree(value: Identity, field: str) -> None:
    """One number that differs makes a stranger."""
    other = identity.unpack(identity.pack(value))
    setattr(other, field, getattr(other, field) + 1)
    assert not identity.is_same(value, other)


def test_is_same_wants_the_same_boot() -> None:
    """The same numbers after a reboot are another process."""
    assert not identity.is_same(Identity(BOOT, *[1] * 6), Identity(BOOT[::-1], *[1] * 6))


@pytest.mark.parametrize(
    ("recorded", "found", "same"),
    [(7, 7, True), (7, 8, False), (0, 8, True), (7, 0, True), (0, 0, True)],
)
def test_is_same_pidfd_zero_is_unknown(recorded: int, found: int, same: bool) -> None:
    """The pidfd's inode decides where both kernels have one, and only there."""
    numbers = (1, 2, 3, 4, 5)
    ours, theirs = Identity(BOOT, *numbers, recorded), Identity(BOOT, *numbers, found)
    assert identity.is_same(ours, theirs) is same


@pytest.mark.parametrize(
    ("name", "state", "ticks"),
    [
        pytest.param(b"sleep", b"S", 4711, id="plain"),
        pytest.param(b"a) S 1 2 (b", b"R", 4711, id="brackets and blanks in the name"),
        pytest.param(b"sleep", b"Z", -1, id="zombie"),
        pytest.param(b"sleep", b"X", -1, id="dead"),
    ],
)
def test_start_ticks_reads_field_22(name: bytes, state: bytes, ticks: int) -> None:
    """The start time is field 22, whatever the name is; the dead have none."""
    middle = b" ".join(b"%d" % number for number in range(4, 22))
    stat = b"1234 (%s) %s %s 4711 23 24\n" % (name, state, middle)
    assert identity.start_ticks(stat) == ticks
