"""_mentions.c beside its spec.

Not tested here: what is redacted, which is the same code for both; see core/test_redact.py.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan import redaction
from pysvscan.core import mentions
from tests.conversations import Maker, said

NEEDED = pytest.mark.skipif(not redaction._mentions, reason="_mentions.c is not built")
PARTS = (
    b"1",
    b"12",
    b" < ",
    b" > ",
    b"AUTH",
    b"au",
    b"Pass",
    b"x",
    b" ",
    b"\t",
    b"+",
    b"\n",
    b"334",
)
PARTS += (b"tcpserver: pid ", b"\n1 < ", b"12345678901", b"\0", b"\xc1")
COMMANDS = (b"AUTH", b"APOPAUTHPASS")
PIDS = st.sets(st.sampled_from([b"1", b"12", b"11"])).map(dict.fromkeys)


@NEEDED
@given(
    data=st.lists(st.sampled_from(PARTS), max_size=30).map(b"".join),
    commands=st.sampled_from(COMMANDS),
    asks=st.sampled_from([b"", b"334"]),
    watched=PIDS,
    known=st.none() | PIDS,
)
@example(b"1 < x\ntcpserver: pid 1 y\n1 < x\n12 < ", b"AUTH", b"", {}, {})
@example(b"1 < x\ntcpserver: pid 1 y\n1 > 334\n12 < \tauth+", b"AUTH", b"334", {b"1": None}, None)
def test_any_lines(
    data: bytes,
    commands: bytes,
    asks: bytes,
    watched: dict[bytes, None],
    known: dict[bytes, None] | None,
) -> None:
    """Any bytes concern both alike."""
    given_words = data + b"\n", commands, asks, watched, known
    assert redaction._mentions.find(*given_words) == mentions.find(*given_words)


@NEEDED
def test_conversations() -> None:
    """So do the reads of a log, whatever is remembered."""
    maker, found = Maker(1, tears=True), 0
    pids = dict.fromkeys([b"%d" % pid for pid in range(30_000, 30_010)])
    for data in maker.cut(said(maker.log(60, 8))):
        for watched, known in (({}, None), (pids, None), ({}, pids), ({}, {})):
            given_words = data, b"APOPAUTHPASS", b"334", watched, known
            got = redaction._mentions.find(*given_words)
            found += len(got)
            assert got == mentions.find(*given_words)
    assert found > 300


@NEEDED
@pytest.mark.parametrize(
    "given_words",
    [("", b"", b"", {}, None), (b"", b"AUT", b"", {}, None), (b"", b"", b"", (), None)],
    ids=["no bytes", "commands of 3", "no dict"],
)
def test_nonsense(given_words: tuple[object, ...]) -> None:
    """What is no such thing is refused."""
    with pytest.raises((TypeError, ValueError)):
        redaction._mentions.find(*given_words)
