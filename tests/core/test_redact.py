"""Credentials in conversations, beside a generator that knows where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import mentions, redact
from pysvscan.core.redact import DOUBT_NS, Redactor
from tests.conversations import Line, Maker, said, shown

BOTH = (b"smtp-auth", b"pop3-auth")


def run(parts: list[bytes], now_ns: int = 0, names: tuple[bytes, ...] = BOTH) -> bytes:
    """Redact what comes in parts."""
    redactor = Redactor(names, 0)
    return b"".join([redactor.feed(part, now_ns) for part in parts]) + redactor.finish(now_ns)


def run_as_of_many(parts: list[bytes], now_ns: int = 0) -> bytes:
    """Do the same as where a read has lines of very many conversations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "MANY", 0)
        patch.setattr(mentions, "MANY", -1)
        return run(parts, now_ns)


def leaks(lines: list[Line], text: bytes) -> list[bytes]:
    """Find what should not be seen."""
    return [it for line in lines for it in line.secrets if it in text]


@pytest.mark.parametrize("now_ns", [0, DOUBT_NS], ids=["in doubt", "known"])
@pytest.mark.parametrize("at_once", [1, 5, 40])
def test_conversations(now_ns: int, at_once: int) -> None:
    """Of many conversations at once, in any reads, all secrets are hidden, and nothing else."""
    maker = Maker(at_once)
    lines = maker.log(400, at_once)
    assert len(leaks(lines, said(lines))) > 300
    parts = list(maker.cut(said(lines)))
    got = run(parts, now_ns)
    assert leaks(lines, got) == []
    assert run_as_of_many(parts, now_ns) == got
    assert got.split(b"\n") == shown(lines).split(b"\n")


@pytest.mark.parametrize("now_ns", [0, DOUBT_NS], ids=["in doubt", "known"])
def test_conversations_torn(now_ns: int) -> None:
    """Where the lines are torn at any byte, more may be hidden, but no secret is seen."""
    maker = Maker(7, tears=True)
    lines = maker.log(400, 10)
    assert leaks(lines, run(maker.cut(said(lines)), now_ns)) == []


@pytest.mark.parametrize("seed", range(5))
def test_begun_before(seed: int) -> None:
    """A logger that begins anywhere in conversations shows no secret either."""
    maker = Maker(seed)
    lines = maker.log(60, 20)
    for start in range(0, len(lines), 97):
        rest = lines[start:]
        assert leaks(rest, run([said(rest)])) == []


@given(data=st.lists(st.sampled_from([*b"12 <>+AUTHauth \r\n3450EOF[]", 0, 255])).map(bytes))
def test_any_bytes(data: bytes) -> None:
    """Nothing raises; byte by byte it is the same; no line is lost."""
    got = run([data])
    assert got == run([data[at : at + 1] for at in range(len(data))])
    assert got == run_as_of_many([data])
    assert got.count(b"\n") == data.count(b"\n")


CASES = {  # what is read after doubt, and what is seen
    "no command": (b"1 < AUTHOR x\r \n1 < y ", None),
    "AUTH of no mechanism": (b"1 < AUTH c2VjcmV0\r ", b"1 < AUTH [redacted]\r "),
    "AUTH=": (b"1 < AUTH=PLAIN c2Vj\r ", b"1 < AUTH=PLAIN [redacted]\r "),
    "PLAIN=": (b"1 < AUTH PLAIN=c2Vj\r ", b"1 < AUTH PLAIN[redacted]\r "),
    "PASS alone": (b"1 < PASS\r ", None),
    "APOP alone": (b"1 < apop me\r ", b"1 < apop [redacted]\r "),
    "APOP": (b"1 < APOP  me  c4c9\r ", b"1 < APOP  me [redacted]\r "),
    "torn in blanks": (
        b"1 <  +\n1 < AU+\n1 < TH+\n1 <  PLAIN x\r ",
        b"1 <  +\n1 < AU+\n1 < TH+\n1 <  PLAIN [redacted]\r ",
    ),
    "torn, another command": (b"1 < P+\n1 < OST x\r \n", None),
    "sent ahead": (
        b"1 < EHLO x\r \n1 < AUTH LOGIN\r \n1 > 250-x\r \n1 > 250 AUTH\r \n1 > 334 VXN\r \n"
        b"1 < bWU=\r \n1 > 334 UGF\r \n1 < c2Vj\r \n1 > 235 ok\r \n1 < QUIT\r ",
        b"1 < EHLO x\r \n1 < AUTH LOGIN\r \n1 > 250-x\r \n1 > 250 AUTH\r \n1 > 334 VXN\r \n"
        b"1 < [redacted]\r \n1 > 334 UGF\r \n1 < [redacted]\r \n1 > 235 ok\r \n1 < QUIT\r ",
    ),
    "334 unasked": (
        b"1 > 250 ok\r \n1 > 334 x\r \n1 < QUIT\r ",
        b"1 > 250 ok\r \n1 > 334 x\r \n1 < [redacted]\r ",
    ),
    "a verdict of two lines": (
        b"1 < AUTH LOGIN\r \n1 > 235-ok\r \n1 < QUIT\r \n1 > 235 ok\r \n1 < QUIT\r ",
        b"1 < AUTH LOGIN\r \n1 > 235-ok\r \n1 < [redacted]\r \n1 > 235 ok\r \n1 < QUIT\r ",
    ),
    "blindly ahead": (
        b"1 < NOOP\r \n1 < AUTH LOGIN\r \n1 > 250 ok\r \n1 < bWU=\r \n1 < c2Vj\r \n1 > 235 ok\r ",
        b"1 < NOOP\r \n1 < AUTH LOGIN\r \n1 > 250 ok\r \n1 < [redacted]\r \n1 < [redacted]\r \n"
        b"1 > 235 ok\r ",
    ),
    "a mail right behind": (
        b"1 < AUTH PLAIN x\r \n1 < DATA\r \n1 > 235 ok\r \n1 > 354 go\r \n1 < hello\r ",
        b"1 < AUTH PLAIN [redacted]\r \n1 < [redacted]\r \n1 > 235 ok\r \n1 > 354 go\r \n"
        b"1 < hello\r ",
    ),
    "AUTH in a mail": (
        b"1 < DATA\r \n1 > 354 go\r \n1 < auth by a\r \n1 < c\r \n1 > 250 ok\r \n"
        b"1 < RSET\r \n1 < b ",
        b"1 < DATA\r \n1 > 354 go\r \n1 < auth [redacted]\r \n1 < [redacted]\r \n1 > 250 ok\r \n"
        b"1 < RSET\r \n1 < b ",
    ),
    "AUTH quoted": (
        b'1 < AUTH c2Vj\r \n1 > 501-5.5.4 bad "c2Vj" given\r \n1 > 501 bad argument: sec +\n'
        b"1 > ret bad+\n1 >  bad\r \n1 > 250 c2Vj\r \n1 < NOOP\r \n1 > 550 no x\r ",
        b"1 < AUTH [redacted]\r \n1 > 501-5.5.4 bad [redacted]\r \n"
        b"1 > 501 bad argument: [redacted]+\n1 > [redacted]+\n1 > [redacted]\r \n"
        b"1 > 250 c2Vj\r \n1 < NOOP\r \n1 > 550 no x\r ",
    ),
    "PASS quoted, sent ahead": (
        b"1 < USER a\r \n1 < PASS secret\r \n1 < STAT\r \n1 > +OK\r \n1 > -E+\n1 > RR no +\n"
        b"1 > user secret\r \n1 > -ERR x\r \n1 < QUIT\r \n1 > -ERR x\r ",
        b"1 < USER a\r \n1 < PASS [redacted]\r \n1 < STAT\r \n1 > +OK\r \n1 > -E+\n"
        b"1 > RR no +\n1 > user [redacted]\r \n1 > -ERR [redacted]\r \n1 < QUIT\r \n"
        b"1 > -ERR x\r ",
    ),
    "a verdict of words": (
        b"1 < AUTH PLAIN x\r \n1 > 535 5.7.8 Error: authentication failed - (#5.7.1)\r ",
        b"1 < AUTH PLAIN [redacted]\r \n1 > 535 5.7.8 Error: authentication failed - (#5.7.1)\r ",
    ),
    "no more after the end": (b"1 < PASS\r \n1 > [EOF]\n1 > -ERR x\r ", None),
    "a mail's last chunk without a newline": (
        b"1 < AUTH PLAIN x\r \n1 > 535 no\r \n1 < Help us+\n1 > 250 ok\r \n1 < AUTH PLAIN c2Vj\r \n"
        b"1 > 535 c2Vj\r ",
        b"1 < AUTH PLAIN [redacted]\r \n1 > 535 no\r \n1 < Help us+\n1 > 250 ok\r \n"
        b"1 < AUTH PLAIN [redacted]\r \n1 > 535 [redacted]\r ",
    ),
    "sent ahead in pieces": (
        b"1 < PASS c2Vj\r \n1 < QU+\n1 > +OK\r \n1 < IT\r \n1 > -ERR c2Vj\r ",
        b"1 < PASS [redacted]\r \n1 < QU+\n1 > +OK\r \n1 < IT\r \n1 > -ERR [redacted]\r ",
    ),
    "TLS behind STARTTLS": (
        b"1 < AUTH LOGIN\r \n1 > 530 must starttls first\r \n1 < STARTTLS\r \n1 > 220 go\r \n"
        b"1 < \x16\x03\x01\0c AUTH+\n1 < PBSS\xff\0+\n1 > \x16\x03 334 \n1 < \x17\0\xc3\r \n",
        None,
    ),
    "STARTTLS that is refused": (
        b"1 < STARTTLS\r \n1 > 454 not available\r \n1 < AUTH PLAIN c2Vj\r ",
        b"1 < STARTTLS\r \n1 > 454 not available\r \n1 < AUTH PLAIN [redacted]\r ",
    ),
    "words of a verdict as a password": (  # quoted, they are seen, and tell nobody what they are
        b"1 < PASS login failed\r \n1 > -ERR no password: login failed\r ",
        b"1 < PASS [redacted]\r \n1 > -ERR no password: login failed\r ",
    ),
    "the same pid again": (
        b"1 < AUTH LOGIN\r \ntcpserver: pid 1 from x\n1 > 220 x\r \n1 < HELO x\r \n1 < y\r ",
        None,
    ),
    "the same pid again, unwatched": (
        b"1 < AUTH LOGIN\r \n2 < x\r \ntcpserver: pid 1 from x\n1 < y\r \n2 < y\r \n1 < z\r ",
        None,
    ),
}


@pytest.mark.parametrize(("data", "want"), CASES.values(), ids=CASES)
def test_cases(data: bytes, want: bytes | None) -> None:
    """What is no credential is seen."""
    assert run([data + b"\n"], DOUBT_NS) == (want or data) + b"\n"


def test_verdict_not_seen_from_its_begin() -> None:
    """What another logger may have read the begin of is no verdict's rest, or not seen."""
    data = b"1 > secret\r \n2 > 535 secret\r \n3 < STAT\r \n3 > -ERR secret\r \n"
    want = data.replace(b"secret", b"[redacted]")
    assert run([data]) == want


def test_smtp_alone() -> None:
    """Only what was asked for is hidden."""
    data = b"1 < PASS the salt\r \n1 < APOP a b\r \n"
    assert run([data], DOUBT_NS, (b"smtp-auth",)) == data
    assert (
        run([b"1 > 334 a\r \n1 < b\r \n"], DOUBT_NS, (b"pop3-auth",)) == b"1 > 334 a\r \n1 < b\r \n"
    )


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more conversations than can be remembered, those forgotten are in doubt."""
    monkeypatch.setattr(redact, "TALKS", 20)
    begun = b"".join(b"%d < AUTH LOGIN\r \n" % pid for pid in range(100))
    secrets = b"".join(b"%d < secret\r \n" % pid for pid in range(100))
    redactor = Redactor(BOTH, 0)
    assert redactor.feed(begun, DOUBT_NS) == begun
    got = redactor.feed(secrets, DOUBT_NS)
    assert (got.count(b"[redacted]"), len(redactor.talks)) == (100, 20)


def test_too_many_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than can be known, those known for longest are in doubt again."""
    monkeypatch.setattr(redact, "TALKS", 20)
    begun = b"".join(b"tcpserver: pid %d from x\n" % pid for pid in range(30))
    redactor = Redactor(BOTH, 0)
    assert redactor.feed(begun, 0) == begun
    other = b"9 < x\r \n10 < x\r \n"
    assert redactor.feed(other, 0) == b"9 < [redacted]\r \n10 < x\r \n"


@pytest.mark.parametrize("many", [0, redact.MANY])
def test_many_at_once(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """While many are in AUTH, other conversations are seen, and a pid may come again."""
    monkeypatch.setattr(redact, "MANY", many)
    begun = b"".join(b"%d < AUTH LOGIN\r \n" % pid for pid in range(10, 30))
    redactor = Redactor(BOTH, 0)
    redactor.feed(begun, DOUBT_NS)
    other = b"7 < hello\r \n7 > hello\r \ntcpserver: pid 12 from x\n12 < hello\r \n"
    assert redactor.feed(other, DOUBT_NS) == other
    again = b"13 < x\r \ntcpserver: pid 13 from x\n13 < hello\r \n"
    assert redactor.feed(again, DOUBT_NS) == again.replace(b"< x", b"< [redacted]")
    later = b"12 < hello\r \n13 < hello\r \n"
    assert redactor.feed(later, DOUBT_NS) == later
    begun = b"7 < AUTH LOGIN\r \ntcpserver: pid 7 from x\n"
    assert redactor.feed(begun, DOUBT_NS) == begun
    assert redactor.feed(other[:12], DOUBT_NS) == other[:12]


LONG = b"x" * 90_000


@pytest.mark.parametrize(
    ("line", "seen"),
    [(LONG, LONG), (b"1 < AUTH PLAIN " + LONG, b"1 < AUTH PLAIN [redacted]")],
    ids=["plain", "secret"],
)
def test_long_line(line: bytes, seen: bytes) -> None:
    """A line too long to hold is decided by its begin, and not held."""
    redactor = Redactor(BOTH, 0)
    parts = [line[at : at + 9000] for at in range(0, len(line), 9000)]
    got = b"".join(redactor.feed(part, DOUBT_NS) for part in parts)
    assert (redactor.is_unfinished(), len(redactor.held)) == (True, 0)
    assert got + redactor.feed(b"y\n1 < z\n", DOUBT_NS)[-8:] == seen + (
        b"y\n1 < z\n" if seen is LONG else b"\n1 < [redacted]\n"[-8:]
    )


def test_finish() -> None:
    """A line without its end is given at the end; what comes of it after all is hidden."""
    redactor = Redactor(BOTH, 0)
    redactor.feed(b"1 < AU", DOUBT_NS)
    assert redactor.finish(DOUBT_NS) == b"1 < AU"
    assert redactor.feed(b"TH PLAIN x\r \nb", DOUBT_NS) == b"\n"
    assert redactor.finish(DOUBT_NS) == b"b"
    assert redactor.finish(DOUBT_NS) == b""
