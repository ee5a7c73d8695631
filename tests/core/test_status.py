"""The record in supervise/status, and svstat's sentence about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import status
from pysvscan.core.status import Status

NOW_NS = 1_795_488_722_727_675_500
RECORD = bytes.fromhex("400000006b04fbdc2b5f726c833f00000075")  # written by C supervise

STATUSES = st.builds(
    Status,
    since_ns=st.integers(0, 2**62),
    pid=st.integers(0, 2**32 - 1),
    paused=st.booleans(),
    want=st.sampled_from((b"u", b"d", b"\0")),
)


def fields(one: Status) -> tuple[int, int, bool, bytes]:
    """List what a status holds."""
    return one.since_ns, one.pid, one.paused, one.want


def test_status_reads_what_c_wrote() -> None:
    """A record of C's supervise: up, pid little-endian, wanted up."""
    assert fields(status.unpack(RECORD)) == (NOW_NS, 16259, False, b"u")
    assert status.pack(Status(NOW_NS, 16259, False, b"u")) == RECORD


@given(STATUSES)
def test_status_round_trip(one: Status) -> None:
    """What is packed is unpacked; a service that is down is never paused."""
    data = status.pack(one)
    assert len(data) == status.BYTES
    expected = (one.since_ns, one.pid, one.paused and one.pid != 0, one.want)
    assert fields(status.unpack(data)) == expected


@given(st.binary(max_size=60))
def test_unpack_takes_any_bytes(data: bytes) -> None:
    """18 bytes or more are a record, whatever follows them; fewer are a StatusError."""
    if len(data) < status.BYTES:
        with pytest.raises(status.StatusError, match=r"^bad format$"):
            status.unpack(data)
    else:
        assert fields(status.unpack(data)) == fields(status.unpack(data[: status.BYTES]))


@pytest.mark.parametrize(
    ("pid", "paused", "want", "normally_up", "words"),
    [
        (7, False, b"u", True, "up (pid 7) 5 seconds"),
        (7, False, b"u", False, "up (pid 7) 5 seconds, normally down"),
        (7, True, b"u", True, "up (pid 7) 5 seconds, paused"),
        (7, True, b"d", False, "up (pid 7) 5 seconds, normally down, paused, want down"),
        (7, False, b"\0", True, "up (pid 7) 5 seconds"),
        (0, False, b"d", False, "down 5 seconds"),
        (0, True, b"d", True, "down 5 seconds, normally up"),
        (0, False, b"u", False, "down 5 seconds, want up"),
        (0, False, b"u", True, "down 5 seconds, normally up, want up"),
        (0, False, b"\0", False, "down 5 seconds"),
    ],
)
def test_describe_says_each_state(
    pid: int, paused: bool, want: bytes, normally_up: bool, words: str
) -> None:
    """The words are those of svstat, in its order; what is as it should be is not said."""
    five_seconds_ago = NOW_NS - 5_000_000_000
    assert Status(five_seconds_ago, pid, paused, want).describe(normally_up, NOW_NS) == words


@pytest.mark.parametrize(
    ("since_ns", "now_ns", "seconds"),
    [(NOW_NS + 1_000_000_000, NOW_NS, 0), (999_999_999, 1_000_000_000, 1), (0, 999_999_999, 0)],
    ids=["future", "boundary", "within"],
)
def test_describe_counts_whole_seconds(since_ns: int, now_ns: int, seconds: int) -> None:
    """Seconds are those of the two clocks' second hands; never less than 0."""
    assert Status(since_ns, 0, False, b"d").describe(False, now_ns) == f"down {seconds} seconds"
