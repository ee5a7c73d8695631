"""copyout: lines come to svscan's stdout whole, or are counted; nobody waits for them.

Not tested: a terminal, or a socket, as stdout.
"""

import fcntl
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan import copyout
from pysvscan.copyout import Copyout
from tests.wait import wait_until

chunks = st.lists(
    st.sampled_from([b"a", b"\n", b"b\nc", b"\0\r\xff", b"+ ", b"x" * 4090, b"y" * 9000, b"x: "])
)


class Reader:
    """Reads a pipe that keeps writes apart, to its end.

    Attributes:
        fd: where to write.
        writes: what was written, each at once.
    """

    def __init__(self) -> None:
        self.reader, self.fd = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)
        self.writes: list[bytes] = []
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        """Read write by write."""
        while data := os.read(self.reader, 65536):
            self.writes.append(data)

    def finish(self) -> list[bytes]:
        """Read to the end of what nobody writes to any more; each write is whole lines."""
        os.close(self.fd)
        self.fd = -1
        if not self.thread.ident:
            self.thread.start()
        self.thread.join()
        assert all(len(it) <= select.PIPE_BUF and it.endswith(b"\n") for it in self.writes)
        return self.writes


class Later(Copyout):
    """A Copyout whose thread begins when the test says so."""

    def start(self) -> None:
        """Do nothing yet."""

    def begin(self) -> None:
        """Begin."""
        super().start()


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Give a pipe and its reader, which reads from `thread.start()` on."""
    it = Reader()
    yield it
    for fd in (it.fd, it.reader):
        if fd >= 0:
            os.close(fd)


def lines_of(writes: list[bytes], name: bytes) -> list[bytes]:
    """Put one source's lines together again."""
    found: list[bytes] = []
    for line in b"".join(writes).split(b"\n")[:-1]:
        if line.startswith(name + b": "):
            found.append(line[len(name) + 2 :])
        elif line.startswith(name + b":+ "):
            found[-1] += line[len(name) + 3 :]
    return found


@given(chunks)
def test_pieces_are_whole_lines_and_lose_nothing(texts: list[bytes]) -> None:
    """Cut anywhere, put together again: the same lines; no piece is longer than PIPE_BUF."""
    source = Copyout(-1).source(b"x")
    pieces = [piece for text in texts for piece in source.pieces(text)]
    assert all(len(piece) <= select.PIPE_BUF and piece.endswith(b"\n") for piece in pieces)
    text = b"".join(texts)
    assert lines_of(pieces, b"x") == (text + b"\n" * source.cut).split(b"\n")[:-1]


@pytest.mark.parametrize("flags", [0, os.O_NONBLOCK], ids=["blocking", "O_NONBLOCK"])
def test_copy_is_prefixed_and_in_order(reader: Reader, flags: int) -> None:
    """Lines of several logs, long ones too, more than a pipe takes; its flags stay as they were."""
    before = fcntl.fcntl(reader.fd, fcntl.F_GETFL) | flags
    fcntl.fcntl(reader.fd, fcntl.F_SETFL, before)
    out = Copyout(reader.fd)
    sources = {name: out.source(name) for name in (b"smtp", b"a\nb")}
    sent = dict.fromkeys(sources, b"")
    for n in range(100):
        for name, source in sources.items():
            text = b"%d\n" % n + b"%d " % n * (n * 9) + b"\n" * (n % 2)
            source.put(text)
            source.put(b"")
            sent[name] += text
    reader.thread.start()
    assert out.close(60) == (0, 0)
    assert fcntl.fcntl(reader.fd, fcntl.F_GETFL) == before
    writes = reader.finish()
    for name, text in sent.items():
        assert lines_of(writes, name.replace(b"\n", b"?")) == text.split(b"\n")[:-1]


def test_log_never_waits_and_losses_are_said(reader: Reader) -> None:
    """Nobody reads: put returns. Then what fitted comes, the rest is said once, and it goes on."""
    out = Copyout(reader.fd)
    source = out.source(b"x")
    sent = [b"%07d" % n * 100 for n in range(3000)]
    for line in sent:
        source.put(line + b"\n")
    assert out.size_bytes <= copyout.QUEUE_BYTES
    reader.thread.start()
    wait_until(lambda: not (out.queue or out.losers))
    source.put(b"last\n")
    assert out.close(60) == (0, 0)
    lines = lines_of(reader.finish(), b"x")
    kept, lost = len(lines) - 2, 3000 - (len(lines) - 2)
    assert 1000 < kept < 1600
    assert lines[:kept] == sent[:kept]
    assert lines[kept:] == [b"pysvscan: %d lines, %d bytes lost" % (lost, 701 * lost), b"last"]


def test_lost_lines_are_whole(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line lost in part the rest is lost, too; each notice stands where the loss was."""
    monkeypatch.setattr(copyout, "QUEUE_BYTES", 2100)
    out = Later(reader.fd)
    source, other = out.source(b"x"), out.source(b"y")
    source.put(b"a\n")
    source.put(b"long " * 400)  # does not fit
    source.put(b"and long")
    source.put(b" to its end\nb\nshown ")
    source.put(b"lost" * 400)
    source.put(b"lost\nc\n")
    other.put(b"d\n" * 1000)
    out.begin()
    assert out.close(60) == (0, 0)
    assert lines_of(reader.finish(), b"x") == [
        b"a",
        b"pysvscan: 1 lines, 2020 bytes lost",
        b"b",
        b"shown ",
        b"pysvscan: 1 lines, 1605 bytes lost",
        b"c",
    ]
    assert lines_of(reader.writes, b"y") == [b"pysvscan: 1000 lines, 2000 bytes lost"]


def test_losses_are_not_said_line_by_line(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost something is taken in again when half the queue is free."""
    monkeypatch.setattr(copyout, "QUEUE_BYTES", 1000)
    out = Later(reader.fd)
    source = out.source(b"x")
    for text in (b"a" * 499, b"b" * 400, b"c"):  # the last would fit
        source.put(text + b"\n")
    out.begin()
    assert out.close(60) == (0, 0)
    lines = lines_of(reader.finish(), b"x")
    assert lines == [b"a" * 499, b"pysvscan: 2 lines, 403 bytes lost"]


def test_failed_writes_are_counted_and_not_repeated(reader: Reader) -> None:
    """A stdout that fails is tried once for each new text; when it works the loss is said."""
    out = Copyout(-1)
    source = out.source(b"x")
    tries: list[bytes] = []
    write_piece = out.write_piece
    out.write_piece = lambda piece: (tries.append(piece), write_piece(piece))[1]  # type: ignore[method-assign]
    for text in (b"a\n", b"b\n"):
        source.put(text)
        wait_until(lambda: out.broken and not out.queue)
    out.fd = reader.fd
    source.put(b"c\n")
    assert out.close(60) == (0, 0)
    notice = b"pysvscan: 2 lines, 10 bytes lost"  # with what it would have begun with
    assert lines_of(reader.finish(), b"x") == [notice, b"c"]
    assert [it.partition(b"\n")[0] for it in tries] == [
        b"x: a",
        b"x: pysvscan: 1 lines, 5 bytes lost",
        b"x: b",
        b"x: " + notice,
        b"x: c",
    ]


def test_close_does_not_wait_for_a_reader(reader: Reader) -> None:
    """Who does not read holds up nobody for longer than said; what is left over is counted."""
    out = Copyout(reader.fd)
    source = out.source(b"x")
    for _ in range(500):
        source.put(b"y" * 999 + b"\n")
    lines, size = out.close(0.05)
    assert 500 - 64 <= lines <= 500
    assert size == 1000 * lines
    os.close(reader.reader)  # and so the thread ends
    reader.reader = -1
    assert out.thread
    out.thread.join()


def test_close_without_a_line_has_no_thread() -> None:
    """Who copied nothing has nothing to end."""
    out = Copyout(-1)
    assert out.close() == (0, 0)
    assert out.thread is None


PROGRAM = """
import os, signal
from pysvscan.copyout import Copyout
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reader, writer = os.pipe()
os.close(reader)
out = Copyout(writer)
out.source(b"x").put(b"a")
print(out.close(60))
"""


def test_broken_pipe_ends_no_logger() -> None:
    """A reader of stdout that has gone costs the copy, not the process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 5)\n", "")
