"""Descriptor 0 of a multilog, read without waiting: small reads together."""

import fcntl
import os
from collections.abc import Iterator

import pytest

from pysvscan.reading import FEW_BYTES, NEVER, PATIENCE, Reader

LINE = b"x" * 99 + b"\n"


class Hearing:
    """What it hears: a signal, or not."""

    called = False

    def is_called(self) -> bool:
        """Say it."""
        return self.called


class Feeder:
    """A pipe that keeps packets, at descriptor 0, and what reads it."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe2(os.O_DIRECT | os.O_NONBLOCK)
        self.before = os.dup(0)
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, 1 << 19)
        os.dup2(reading, 0)
        os.close(reading)
        self.hearing = Hearing()
        self.reader = Reader(self.hearing)  # type: ignore[arg-type]
        self.reader.asking = 0

    def write(self, *packets: bytes) -> None:
        """Write packets."""
        for packet in packets:
            os.write(self.writing, packet)

    def end(self) -> None:
        """Let no more come."""
        os.close(self.writing)
        self.writing = -1

    def close(self) -> None:
        """Put back what was at descriptor 0."""
        os.dup2(self.before, 0)
        os.close(self.before)
        if self.writing >= 0:
            self.end()


@pytest.fixture
def feeder() -> Iterator[Feeder]:
    """Give a pipe; skip where the kernel cannot read it without waiting."""
    try:
        made = Feeder()
    except OSError as exc:
        pytest.skip(f"this kernel has no packets in pipes: {exc}")
    try:
        assert made.reader.read_at_once() is None
        if made.reader.asking == NEVER:
            pytest.skip("this kernel has no RWF_NOWAIT for pipes")
        made.reader.asking = 0
        yield made
    finally:
        made.close()


def test_reader_takes_small_reads_as_one(feeder: Feeder) -> None:
    """Until there is nothing: then poll is asked for a while."""
    feeder.write(b"a\n", b"b\n", b"c")
    assert feeder.reader.read_at_once() == b"a\nb\nc"
    assert feeder.reader.asking == PATIENCE
    for _ in range(PATIENCE):
        assert feeder.reader.read_at_once() is None
    feeder.write(b"d\n", b"e\n")
    assert feeder.reader.fill_at_once() == 4


def test_reader_holds_little(feeder: Feeder) -> None:
    """When it is enough, it is written before more is read; a large read is worth a poll."""
    feeder.write(*[LINE] * 60, b"y" * 2 * FEW_BYTES)
    assert feeder.reader.read_at_once() == LINE * 41
    assert feeder.reader.asking == 0
    assert feeder.reader.read_at_once() == LINE * 19 + b"y" * 4096  # a page, as packets are
    assert feeder.reader.asking == 0
    feeder.write(b"z")
    assert feeder.reader.read_at_once() == b"y" * 4096 + b"z"


def test_reader_heeds_a_signal(feeder: Feeder) -> None:
    """What a signal asks for goes before what has not been read when it came."""
    feeder.hearing.called = True
    feeder.write(b"a\n", b"b\n")
    assert feeder.reader.read_at_once() == b"a\n"


def test_reader_remembers_the_end(feeder: Feeder) -> None:
    """An end that was seen after a line is not asked for again: somebody else may write by then."""
    feeder.write(b"a\n")
    feeder.end()
    assert feeder.reader.read_at_once() == b"a\n"
    reading, feeder.writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    feeder.write(b"later\n")
    assert feeder.reader.read_at_once() == b""
