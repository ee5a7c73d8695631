"""core.conversation: lines of a pid come together, whatever stands between them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import conversation, tai
from pysvscan.core.conversation import Conversation, Conversations

SECOND_NS = 10**9


def gathered(texts: list[str], pid: bytes | None = None) -> list[Conversation]:
    """Put lines together, a second apart; those that have not ended come last."""
    found = Conversations(pid)
    ended = [
        it
        for at, text in enumerate(texts)
        for it in found.feed((b"", 0, tai.label(at * SECOND_NS), text.encode()))
    ]
    return ended + found.rest()


def said(it: Conversation) -> list[str]:
    """List what was said."""
    return [f"{direction.decode()} {text.decode()}" for _, direction, text in it.lines]


SMTP = [
    "tcpserver: status: 1/40",
    "tcpserver: pid 7 from 192.0.2.1",
    "tcpserver: ok 7 alfa.example:127.0.0.2:25 host.example:192.0.2.1::48258",
    "7 > 220 rig.example ESMTP\r ",
    "7 < ehlo client\r ",
    "7 > 250 ok ",
    "7 < MAIL FROM:<a@b> ",
    "7 < RCPT TO:<c@d> ",
    "7 < RCPT TO:<e@f> ",
    "7 > 550 no+",
    "7 >  such user ",
    "7 < DATA ",
    "7 > 354 go ",
    "7 < QUIT is in the mail+",
    "7 < , not a command ",
    "7 < . ",
    "7 < QUIT ",
    "tcpserver: end 7 status 256",
    "7 > [EOF]",
    "tcpserver: status: 0/40",
    "7 notes",
]


def test_conversation_says_what_happened() -> None:
    """Who, how long, which commands, what was refused, how it ended; broken lines are whole."""
    (it,) = gathered(SMTP)
    assert (it.pid, it.client, it.host, it.local) == (
        b"7",
        b"192.0.2.1",
        b"host.example",
        b"alfa.example:127.0.0.2:25",
    )
    assert it.took_ns() == 16 * SECOND_NS
    assert it.asked() == ["EHLO", "MAIL", "RCPT 2", "DATA", "QUIT"]
    assert (it.error, it.result()) == (b"550 no such user", "exit 1")
    assert said(it)[4:8] == ["< RCPT TO:<c@d>", "< RCPT TO:<e@f>", "> 550 no such user", "< DATA"]
    assert said(it)[9] == "< QUIT is in the mail, not a command"
    assert it.lines[9][0] == tai.label(13 * SECOND_NS)


@pytest.mark.parametrize(
    ("lines", "results"),
    [
        ("7 < QUIT", ["unfinished"]),
        ("tcpserver: deny 7 a:1:2 b:192.0.2.9::3", ["denied"]),
        ("tcpserver: end 7 status 15", ["signal TERM"]),
        ("tcpserver: end 7 status x", ["unfinished"]),
        ("tcpserver: end 7", ["unfinished"]),
        ("tcpserver: pid 7 from a|tcpserver: pid 7 from b", ["unfinished", "unfinished"]),
        ("7 < A|tcpserver: end 7 status 0|7 < B", ["exit 0", "unfinished"]),
        ("7 = A|x < B|tcpserver: fatal: x|7|tcpserver: pid x from y||7 > [EOF]", []),
    ],
)
def test_conversation_begins_and_ends(lines: str, results: list[str]) -> None:
    """With tcpserver's lines, or without: pids come again."""
    assert [it.result() for it in gathered(lines.split("|"))] == results


def test_denied_client_is_known() -> None:
    """By what follows the name."""
    (it,) = gathered(["tcpserver: deny 7 a:1:2 b:192.0.2.9::3"])
    assert (it.client, it.host, it.asked(), it.error) == (b"192.0.2.9", b"b", [], b"")


def test_pop3_refusal_is_an_error() -> None:
    """And a body ends with an answer, where a filter dropped its dot."""
    (it,) = gathered(["7 < DATA", "7 < RSET", "7 > 250 ok", "7 < QUIT", "7 > .", "7 > -ERR no"])
    assert (it.error, it.asked()) == (b"-ERR no", ["DATA", "QUIT"])


def test_times_may_be_missing() -> None:
    """Where lines have no stamps."""
    found = Conversations()
    assert list(found.feed((b"", 0, b"", b"7 < A"))) == []
    assert found.rest()[0].took_ns() is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines beyond a number are counted; of conversations without end the oldest goes."""
    monkeypatch.setattr(conversation, "MAX_LINES", 3)
    monkeypatch.setattr(conversation, "MAX_OPEN", 2)
    one, two, three = gathered(["7 < A", "8 < A", "9 < A", *["9 < B"] * 5])
    assert [it.pid for it in (one, two, three)] == [b"7", b"8", b"9"]
    assert (len(three.lines), three.left_out) == (3, 3)


def test_one_pid_only() -> None:
    """All conversations that it had."""
    lines = ["tcpserver: end 7 status 0", "8 < A", "7 < A"]
    assert [it.pid for it in gathered(lines, b"7")] == [b"7", b"7"]


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_interleaved_conversations_come_apart(draw: random.Random, count: int) -> None:
    """Each line in its own conversation, in order, though five pids come again and again."""
    waiting = [(str(number % 5 + 1), number) for number in range(count)]
    scripts: dict[str, list[list[str]]] = {}
    expected: dict[tuple[str, int], list[str]] = {}
    for pid, number in waiting:
        lines = [f"< line {number} {at}" for at in range(draw.randrange(6))]
        expected[pid, number] = lines
        whole = [f"tcpserver: pid {pid} from c{number}", *(f"{pid} {it} " for it in lines)]
        scripts.setdefault(pid, []).append([*whole, f"tcpserver: end {pid} status 0"])
    queues = [[line for one in several for line in one] for several in scripts.values()]
    mixed = []
    while queues:
        queue = draw.choice(queues)
        mixed.append(queue.pop(0))
        queues = [it for it in queues if it]
    got = {(it.pid.decode(), int(it.client[1:])): said(it) for it in gathered(mixed)}
    assert got == expected


@given(st.lists(st.text("7<> [EOF]tcpservr:ndatus+", max_size=20)))
def test_any_lines_are_taken(texts: list[str]) -> None:
    """Nothing raises."""
    assert all(it.result() for it in gathered(texts))


@pytest.mark.parametrize(
    ("span_ns", "text"), [(0, "0.000"), (1_999_999_999, "1.999"), (-5_000_000, "-0.005")]
)
def test_seconds_are_cut(span_ns: int, text: str) -> None:
    """To milliseconds."""
    assert conversation.seconds(span_ns) == text
