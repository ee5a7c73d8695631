"""A stderr that never blocks, for what svscan and the loggers have to say.

It may be a pipe that nobody reads: a line that would block or fails is dropped and counted, and the
next one that passes says how many.
"""

import os
import select

PIPE_BUF = select.PIPE_BUF  # poll says "writable" for a pipe only when so much fits
PIECE_BYTES = PIPE_BUF - 100  # leaves room to say how many were dropped


class Stderr:
    """Descriptor 2; its O_NONBLOCK flag is not touched: that belongs to all who hold the file.

    Attributes:
        prog: whose lines are dropped.
        dropped: how many, since the last that passed.
    """

    def __init__(self, prog: bytes = b"svscan") -> None:
        self.prog = prog
        self.dropped = 0
        self.poll = select.poll()
        self.poll.register(2, select.POLLOUT)

    def write_lines(self, data: bytes) -> None:
        """Write lines, each shorter than a pipe takes at once: so many as it does, then the next.

        A read may have thousands of alerts: one write would be cut, and one each would be slow.
        """
        start = 0
        while start < len(data):
            end = data.rfind(b"\n", start, start + PIECE_BYTES) + 1 or len(data)
            self.write(data[start:end])
            start = end

    def write(self, data: bytes) -> None:
        """Write a line, or some, if that can be done at once."""
        lines = data.count(b"\n")
        if self.dropped:
            words = b"%s: warning: %d lines could not be written here\n"
            data = words % (self.prog, self.dropped) + data
        try:
            ready = self.poll.poll(0)
            if not ready or ready[0][1] != select.POLLOUT:
                raise BlockingIOError
            os.write(2, data[: PIPE_BUF - 1].rstrip(b"\n") + b"\n")
            self.dropped = 0
        except OSError:
            self.dropped += lines


def last_frame(exc: Exception) -> str:
    """Say an exception and where it came from, in a few words."""
    frame = exc.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    if not frame:
        return repr(exc)
    file = os.path.basename(frame.tb_frame.f_code.co_filename)
    return f"{exc!r} in {file} line {frame.tb_lineno}"
