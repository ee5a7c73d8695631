"""The record in supervise/history, and svstat's lines about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import history
from pysvscan.core.history import BYTES, KEPT, End, History, HistoryError
from pysvscan.core.restart import Backoff

SECOND = 10**9
NOW_NS = 1_795_488_722_727_675_500
MOMENTS = st.integers(0, 2**63)
ENDS = st.builds(End, MOMENTS, MOMENTS, st.none() | st.integers(0, 65535))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw what a service may have gone through."""
    made = History()
    for end in draw(st.lists(ENDS, max_size=KEPT + 2)):
        made.ended(end)
    for at_ns, message in draw(st.lists(st.tuples(MOMENTS, st.binary(max_size=500)), max_size=3)):
        made.failed(at_ns, message)
        made.next_ns = draw(MOMENTS)
    where = draw(st.sampled_from([b"-", b"3f2b-77:4026531836"]))
    made.backoff = Backoff(draw(MOMENTS), draw(MOMENTS), where)
    return made


def fields(one: History) -> tuple[object, ...]:
    """List what a history holds."""
    ends = [(end.at_ns, end.ran_ns, end.wstatus) for end in one.ends]
    backoff = (one.backoff.young, one.backoff.gave_up_ns, one.backoff.where)
    return one.count, one.failures, one.failed_ns, one.next_ns, backoff, ends


@given(histories())
def test_history_round_trip(one: History) -> None:
    """What is packed is unpacked, but for the length of a message, and what cannot be printed."""
    data = history.pack(one)
    assert len(data) == BYTES
    again = history.unpack(data)
    assert fields(again) == fields(one)
    kept = one.message.translate(history.PRINTABLE)[: history.MESSAGE_BYTES]
    assert again.message == kept
    assert history.pack(again) == data


@given(st.binary(max_size=BYTES + 10), st.integers(0, BYTES), histories())
def test_unpack_takes_any_bytes(end: bytes, size: int, one: History) -> None:
    """Arbitrary bytes, also after a good beginning, are a history or a HistoryError."""
    for data in (end, history.HEAD + b"\n" + end, history.pack(one)[:size] + end):
        try:
            found = history.unpack(data)
        except HistoryError:
            continue
        for line in found.describe(0, False, NOW_NS):
            line.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"pysvscan history 1\n0\n0 0 0\n",
        history.HEAD + b"\n0\n0 0 0\n\n",
        history.HEAD + b"\n0\n0 0 0\n1 x -\n",
        history.HEAD,
        history.HEAD + b"\n1\n",
        history.HEAD + b"\n-1\n0 0 0\n",
        history.HEAD + b"\n0\n0 0\n",
        history.HEAD + b"\n0\n0 0 0\n0 0 -\n\n1 2\n",
        history.HEAD + b"\n0\n0 0 0\n0 0 -\n\n1 2 x\n",
    ],
)
def test_unpack_refuses(data: bytes) -> None:
    """What is no history is an error, in words that no user needs."""
    with pytest.raises(HistoryError, match=r"^no history of a service$"):
        history.unpack(data)


def test_history_keeps_the_last_five_ends() -> None:
    """The newest first, numbered by how often the service has ended."""
    one = History()
    for number in range(7):
        one.ended(End(NOW_NS - (7 - number) * SECOND, 3 * SECOND, number << 8))
    assert one.describe(NOW_NS, True, NOW_NS) == [
        f"end {7 - n}: exit {6 - n} after 3 seconds, {n + 1} seconds ago" for n in range(KEPT)
    ]


@pytest.mark.parametrize(
    ("wstatus", "words"),
    [
        (0, "exit 0"),
        (111 << 8, "exit 111"),
        (15, "signal TERM"),
        (11 | 0x80, "signal SEGV with core"),
        (34, "signal 34"),
        (None, "unknown"),
    ],
)
def test_how_names_an_end(wstatus: int | None, words: str) -> None:
    """An exit code, a signal, or that nobody could be told."""
    assert history.how(wstatus) == words


@pytest.mark.parametrize(
    ("since_ns", "is_up", "is_said"),
    [
        pytest.param(NOW_NS - 9 * SECOND, False, True, id="down since before"),
        pytest.param(NOW_NS, False, True, id="down, said by a death before"),
        pytest.param(NOW_NS - SECOND, True, False, id="started since"),
        pytest.param(NOW_NS - 9 * SECOND, True, True, id="up, and to be started elsewhere"),
    ],
)
def test_describe_says_why_it_does_not_start(since_ns: int, is_up: bool, is_said: bool) -> None:
    """How often, why, and when again; not of a service that has been started since."""
    one = History()
    one.failed(NOW_NS - 9 * SECOND, b"first")
    one.failed(NOW_NS - 2 * SECOND, b"unable to start a\n/\xff\x9b/\xc3\xa9\xc2\x9b\xe2\x80\xae")
    one.next_ns = NOW_NS + 1
    words = "start: unable to start a?/\udcff?/\xe9??, 2 seconds ago, 2 in a row, next in 1 seconds"
    assert one.describe(since_ns, is_up, NOW_NS) == [words] * is_said
    one.next_ns = NOW_NS
    assert one.describe(since_ns, is_up, NOW_NS) == [words[:-19]] * is_said
    one.ended(End(NOW_NS, 0, 0))
    assert one.describe(since_ns, is_up, NOW_NS) == ["end 1: exit 0 after 0 seconds, 0 seconds ago"]


@pytest.mark.parametrize(
    ("young", "gave_up_ns", "next_ns", "words"),
    [
        pytest.param(0, 0, 0, [], id="well"),
        pytest.param(
            3, 0, NOW_NS + 4 * SECOND, ["3 times in a row, next in 4 seconds"], id="waits"
        ),
        pytest.param(3, 0, NOW_NS, ["3 times in a row"], id="about to start"),
    ],
)
def test_describe_says_why_it_waits(
    young: int, gave_up_ns: int, next_ns: int, words: list[str]
) -> None:
    """How often it died young, and when it is tried again; nothing while it is up."""
    one = History()
    one.backoff, one.next_ns = Backoff(young, gave_up_ns), next_ns
    assert one.describe(0, False, NOW_NS) == [f"restart: ended young {it}" for it in words]
    assert one.describe(0, True, NOW_NS) == []


def test_describe_says_that_it_is_given_up() -> None:
    """Given up, and why it could not be started."""
    one = History()
    one.failed(NOW_NS - SECOND, b"no run")
    one.backoff = Backoff(5, NOW_NS - SECOND)
    assert one.describe(0, False, NOW_NS) == [
        "start: no run, 1 seconds ago, 1 in a row",
        "restart: given up after 5 in a row that ended young, 1 seconds ago",
    ]
    one.backoff = Backoff(5)
    assert one.describe(0, False, NOW_NS)[1:] == []
