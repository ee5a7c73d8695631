"""tai64nlocal beside C's, which dies of what is no label."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.commands.tai64nlocal import Converter
from pysvscan.core import tai
from tests.oracle.runner import Pair, count, environment, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

CALENDAR = 67_767_976_233_446_399  # a day before the year 2^31, where C's int is full

moments = st.integers(-CALENDAR, CALENDAR) | st.integers(0, 2**33)
labels = st.builds(
    lambda before, seconds, nano: b"@%b%016x%08x" % (before, seconds + tai.EPOCH, nano),
    st.text("0123456789abcdef", max_size=3).map(str.encode) | st.just(b""),
    moments,
    st.integers(0, 2**32 - 1),
)
texts = st.binary(max_size=30).filter(lambda text: b"\n@" not in text and text[:1] != b"@")
after_label = texts.filter(lambda text: text[:1] not in tuple(b"%x" % digit for digit in range(16)))
lines = st.builds(lambda label, text: label + text + b"\n", labels, after_label) | st.builds(
    lambda text: text + b"\n", texts
)


@given(data=st.lists(lines, max_size=8).map(b"".join), end=st.just(b"") | labels | texts)
@example(data=b"", end=b"")
@example(data=b"\n\n", end=b"@")
@example(data=b"x@400000006b04fbdc2b5f726c\n", end=b"")
@example(data=b"@400000006b04fbdc2b5f726c\n", end=b"@400000006b04fbdc2b5f726c")
@example(data=b"@400000006b04fbdc2b5f726c a\n" * 3000, end=b"")
def test_tai64nlocal_converts_as_c(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, data: bytes, end: bytes
) -> None:
    """Any text whose labels have a date; a label at the very end is dropped."""
    oracle("tai64nlocal").forked.compare(stdin=data + end, cwd=tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", ""])
def test_tai64nlocal_knows_the_zone_as_c(oracle: Oracle, tmp_path: Path, zone: str) -> None:
    """Every half hour around the changes to and from summer time, the gap and the double hour."""
    spring, autumn = 1_774_742_400, 1_792_886_400
    halves = [start + 1800 * step for start in (spring, autumn) for step in range(48)]
    data = b"".join(tai.label(second * tai.SECOND_NS) + b" x\n" for second in halves)
    oracle("tai64nlocal").compare(stdin=data, cwd=tmp_path, env=environment(TZ=zone))


@given(data=st.binary(max_size=200) | st.text("@\n\n 4a0F", max_size=60).map(str.encode))
def test_tai64nlocal_takes_any_bytes(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """The same as C where C survives; always exit 0, and no line is lost."""
    pair, where = oracle("tai64nlocal").forked, tmp_path_factory.getbasetemp()
    by_c = run([pair.c], cwd=where, stdin=data)
    ours = pair.run(stdin=data)
    assert (ours.code, ours.err) == (0, b"")
    assert ours.out.count(b"\n") == data.count(b"\n")
    if by_c.code == 0:
        assert ours == by_c
    count("tai64nlocal")


@given(data=st.lists(lines | st.just(b"@40 x\n"), max_size=6).map(b"".join), end=labels | texts)
@example(data=b"\n@40\n", end=b"@")
def test_convert_byte_by_byte_is_one_feed(data: bytes, end: bytes) -> None:
    """However the reads cut the input, the output is the same."""
    data += end
    whole, piecewise = Converter(), Converter()
    pieces = [piecewise.convert(data[at : at + 1]) for at in range(len(data))]
    assert b"".join(pieces) == whole.convert(data)


@pytest.mark.deviation("tai64nlocal-bad-label")
@pytest.mark.parametrize(
    "line",
    [
        b"@ x\n",
        b"@\n",
        b"@4000 x\n",
        b"@400000006B04fbdc2b5f726c x\n",
        b"@400000006b04fbdc2b5f7 x\n",
        b"@ffffffffffffffffffffffff x\n",
        b"@" + b"7" * 5000 + b" x\n",
    ],
    ids=lambda line: line[:30],
)
def test_tai64nlocal_copies_a_bad_label(oracle: Oracle, tmp_path: Path, line: bytes) -> None:
    """A label that is none stays, and the lines around it; C dies of it and loses them."""
    pair = oracle("tai64nlocal")
    data = b"a\n" + line + b"b\n"
    assert run([pair.ours], cwd=tmp_path, stdin=data).out == data
    by_c = run([pair.c], cwd=tmp_path, stdin=data)
    assert (by_c.code, by_c.out) == (-signal.SIGSEGV, b"")


def test_tai64nlocal_shows_each_read_at_once(oracle: Oracle) -> None:
    """What was read is written before the next read, but for a label that may go on."""
    pair = oracle("tai64nlocal")
    for program in (pair.c, pair.ours):
        process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), bufsize=0
        )
        assert process.stdin
        assert process.stdout
        out = []
        for part in (b"a\n", b"b", b"\n@4000", b"00006b04fbdc2b5f726c", b" c"):
            process.stdin.write(part)
            out += [process.stdout.read(100)] if part != b"00006b04fbdc2b5f726c" else []
        process.stdin.close()
        assert out == [b"a\n", b"b", b"\n", b"2026-11-24 03:52:02.727675500 c"]
        process.stdout.close()
        assert process.wait() == 0
        count("tai64nlocal")
