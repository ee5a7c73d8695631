"""`[log] stdout = true`: a copy of what is logged to svscan's stdout, for who collects it there.

A thread of the logger writes, from a queue that takes 1 MB; the logs never wait for it. What does
not fit is lost to the copy, and said in its place: `NAME: pysvscan: N lines, M bytes lost`.
Each line begins with `NAME: `. A write is whole lines, at most PIPE_BUF bytes, so that nobody's
lines are mixed with others'; a longer line is cut, and what follows begins with `NAME:+ `.

The descriptor is shared with whoever started svscan: its flags are left alone. Where it blocks the
thread blocks, and nobody else.
"""

import os
import select
import signal
import threading
from collections import deque

QUEUE_BYTES = 1_000_000
ENTRY_BYTES = 200  # what an entry takes beside its text
DRAIN_S = 2.0
NAME_BYTES = 255

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Entry = tuple["Source", bytes | tuple[int, int]]


class Source:
    """One log's part of the copy; see Copyout.source.

    Attributes:
        first, next: what a line, and what the rest of a cut one, begins with.
        lost_lines, lost_bytes: not yet said.
        skips: the line that goes on was lost in part; its rest is, too.
        cut: the last piece that was taken from the queue did not end its line.
    """

    def __init__(self, out: "Copyout", name: bytes) -> None:
        shown = name[-NAME_BYTES:].replace(b"\n", b"?")
        self.out = out
        self.first = shown + b": "
        self.next = shown + b":+ "
        self.lost_lines = self.lost_bytes = 0
        self.skips = self.cut = False

    def put(self, text: bytes) -> None:
        """Copy what was selected: lines, of which the first and the last may be a part.

        Never waits.
        """
        if text:
            self.out.offer(self, text)

    def forget(self) -> tuple[int, int]:
        """Hand over how many lines and bytes were lost, to be said."""
        lost = self.lost_lines, self.lost_bytes
        self.lost_lines = self.lost_bytes = 0
        return lost

    def pieces(self, text: bytes) -> "Iterator[bytes]":
        """Cut text into what is written at once."""
        begin = self.next if self.cut else self.first
        framed = begin + text[:-1].replace(b"\n", b"\n" + self.first) + text[-1:]
        self.cut = not text.endswith(b"\n")
        return cut_up(framed + b"\n" if self.cut else framed, self.next)


def cut_up(lines: bytes, begin: bytes) -> "Iterator[bytes]":
    """Cut lines into pieces of whole lines, at most PIPE_BUF bytes.

    Args:
        lines: all of them end.
        begin: what the rest of a line that is too long begins with.
    """
    at = 0
    while at < len(lines):
        end = lines.rfind(b"\n", at, at + select.PIPE_BUF) + 1
        if end:
            yield lines[at:end]
            at = end
        else:
            end = at + select.PIPE_BUF - 1
            yield lines[at:end] + b"\n"
            lines, at = begin + lines[end:], 0


class Copyout:
    """The queue and the thread; one per logger.

    Attributes:
        fd: svscan's stdout; the caller's.
        queue: what is to be written: text of a source, or how many lines and bytes it lost there.
        size_bytes: of the queue, with what is being written.
        losers: sources that lost something that is not in the queue.
        broken: the last write failed: nothing is said until something new comes.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.queue: deque[Entry] = deque()
        self.size_bytes = 0
        self.losers: set[Source] = set()
        self.broken = self.ending = False
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def source(self, name: bytes) -> Source:
        """Give a log its part; name: what its lines begin with."""
        return Source(self, name)

    def offer(self, source: Source, text: bytes) -> None:
        """Queue text, or count it as lost."""
        with self.changed:
            rest = self.skip(source, text)
            if not rest:
                return
            # Who lost something waits for half a queue: else each line that fits has its notice.
            room = QUEUE_BYTES // 2 if source in self.losers else QUEUE_BYTES
            if self.size_bytes + len(rest) + ENTRY_BYTES > room:
                self.lose(source, rest.count(b"\n"), len(rest))
                source.skips = not rest.endswith(b"\n")
                return
            if source in self.losers:
                self.losers.remove(source)
                self.append(source, source.forget())
            self.append(source, rest)
            self.changed.notify()
        if not self.thread:
            self.start()

    def skip(self, source: Source, text: bytes) -> bytes:
        """Lose the rest of a line that was lost in part; what follows it."""
        if not source.skips:
            return text
        end = text.find(b"\n") + 1
        source.skips = not end
        end = end or len(text)
        self.lose(source, 0 if source.skips else 1, end)
        return text[end:]

    def append(self, source: Source, content: bytes | tuple[int, int]) -> None:
        """Add an entry."""
        self.queue.append((source, content))
        self.size_bytes += len(content) + ENTRY_BYTES

    def start(self) -> None:
        """Start the thread, with the first line: who copies nothing has none."""
        self.thread = threading.Thread(target=self.run, name="copyout", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Write what is queued, until there is nothing and nothing will come."""
        # PIPE must not end the logger, and no signal interrupt a write here.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while entry := self.take():
            source, content = entry
            if isinstance(content, bytes):
                self.copy(source, content)
            else:
                self.confess(source, *content)
            with self.changed:
                self.drop_first()

    def take(self) -> "Entry | None":
        """Wait for an entry, which stays in the queue until it is written; None: the end."""
        with self.changed:
            while not self.queue:
                if self.losers and not self.broken:
                    loser = self.losers.pop()
                    self.append(loser, loser.forget())
                elif self.ending:
                    return None
                else:
                    self.changed.wait()
            return self.queue[0]

    def drop_first(self) -> None:
        """Drop the entry that was written, unless `close` did."""
        if self.queue:
            self.size_bytes -= len(self.queue.popleft()[1]) + ENTRY_BYTES

    def copy(self, source: Source, text: bytes) -> None:
        """Write text; what is left of it after a failure is lost."""
        rest = self.write(source.pieces(text))
        if rest:
            self.lose(source, rest.count(b"\n"), len(rest))

    def confess(self, source: Source, lines: int, size: int) -> None:
        """Say what was lost, later if it cannot be said now. What follows begins a line."""
        source.cut = False
        text = b"pysvscan: %d lines, %d bytes lost\n" % (lines, size)
        if self.write(iter([source.first + text])):
            self.lose(source, lines, size)

    def lose(self, source: Source, lines: int, size: int) -> None:
        """Count what is not copied, and remember who has to say so."""
        with self.changed:
            source.lost_lines += lines
            source.lost_bytes += size
            self.losers.add(source)

    def write(self, pieces: "Iterator[bytes]") -> bytes:
        """Write pieces until one fails; returns what was not written."""
        for piece in pieces:
            try:
                self.write_piece(piece)
            except OSError:
                self.broken = True
                return piece + b"".join(pieces)
        self.broken = False
        return b""

    def write_piece(self, piece: bytes) -> None:
        """Write one piece; wait where the descriptor does not block by itself.

        Raises:
            OSError: nobody takes it.
        """
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[os.write(self.fd, rest) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self.fd, select.POLLOUT)
                poll.poll()

    def close(self, drain_s: float = DRAIN_S) -> tuple[int, int]:
        """Write what is queued, for 2 s at most; the thread may be left behind in its last write.

        Returns:
            How many lines and bytes were not copied and not said so.
        """
        with self.changed:
            self.ending = True
            self.changed.notify()
        if self.thread:
            self.thread.join(drain_s)
        with self.changed:
            while self.queue:
                source, content = self.queue[0]
                if isinstance(content, bytes):
                    content = content.count(b"\n"), len(content)
                self.lose(source, *content)
                self.drop_first()
            lines = sum(source.lost_lines for source in self.losers)
            return lines, sum(source.lost_bytes for source in self.losers)
