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
    ("end", "state", "is_up"),
    [
        pytest.param(b"\0\0", "stopped", False, id="stopped"),
        pytest.param(b"\1\0", "starting", False, id="starting"),
        pytest.param(b"\2\0", "started", True, id="started"),
        pytest.param(b"\3\0", "running", True, id="running"),
        pytest.param(b"\4\0", "stopping", False, id="stopping"),
        pytest.param(b"\5\0", "failed", False, id="failed"),
        pytest.param(b"\6\0", "", False, id="none that we know"),
        pytest.param(b"\0\1", "", False, id="runit, running"),
        pytest.param(b"\3", "", False, id="half"),
        pytest.param(b"", "", False, id="C"),
    ],
)
def test_unpack_names_encores_state(end: bytes, state: str, is_up: bool) -> None:
    """20 bytes name a state, by which a service without a process may be up; others do not."""
    one = status.unpack(RECORD[:12] + bytes(4) + RECORD[16:] + end)
    assert (one.state, one.is_up(), one.elaborate()) == (state, is_up, state and f", {state}")
    assert status.unpack(RECORD + end).is_up()


def test_elaborate_says_once_of_what_runs() -> None:
    """A service that will not be restarted looks as one wanted up in C's words."""
    assert Status(NOW_NS, 7, False, b"\0").elaborate() == ", once"
    assert Status(NOW_NS, 0, False, b"\0").elaborate() == ""
    assert Status(NOW_NS, 7, False, b"\0", "running").elaborate() == ", once, running"


@pytest.mark.parametrize("size", [0, 18, 20, 38, 39, 41, 87])
def test_unpack_log_takes_nothing_but_encores_40_bytes(size: int) -> None:
    """A second record is there in 40 bytes; nosh's 87 are not two of encore's."""
    assert status.unpack_log(((RECORD + b"\3\0") * 5)[:size]) is None


def test_unpack_log_reads_the_second_record() -> None:
    """The second 20 bytes are a record of their own."""
    log = status.unpack_log(RECORD + b"\3\0" + status.pack(Status(1, 8, True, b"d")) + b"\4\0")
    assert log
    assert (fields(log), log.state) == ((1, 8, True, b"d"), "stopping")


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


@given(st.integers(0, 2**62))
def test_of_ours_is_never_taken_for_a_stamp_of_c(since_ns: int) -> None:
    """C's record is C's; ours never is, and no more than 1 ns off."""
    ours = status.of_ours(since_ns)
    assert not status.is_from_c(ours)
    assert since_ns - ours in (0, 1)
    assert status.is_from_c(NOW_NS)
