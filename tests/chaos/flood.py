"""Services that write numbered lines as fast as they are read, and what came of the lines.

Line N holds N and is as long as N says, so that a torn or mixed line cannot look like a whole one.
The writer notes in `written`, a mapped file, how many it has handed to its pipe. It outlives
svscan, but not the test: where that is gone, it stops the svscan that there is, and ends.
"""

import os
import sys
from pathlib import Path

from tests.scan import executable

FILL = "x" * 97
WRITER = """
import mmap, os, select, signal, struct, sys, time
asked = []  # to end: after a whole line
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
fd = os.open("written", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 8)
done = mmap.mmap(fd, 8)
(number,) = struct.unpack("q", done[:])
pause, test, most = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
watched = select.poll()
try:
    watched.register(os.pidfd_open(test), select.POLLIN)
    gone = lambda: watched.poll(0)
except ProcessLookupError:
    gone = lambda: True
while not asked:
    if gone():
        os.write(os.open("../.svscan/control", os.O_WRONLY | os.O_NONBLOCK), b"t")
        break
    lines = b"".join(b"%d %s\\n" % (n, b"x" * (n % 97)) for n in range(number, number + 100))
    while lines:
        lines = lines[os.write(1, lines):]
    number += 100
    done[:] = struct.pack("q", number)
    time.sleep(pause if number < most else 0.2)
"""
UNBOUNDED = 1 << 62


def make(path: Path, settings: str, pause_s: float = 0, most: int = UNBOUNDED) -> Path:
    """Make a flooding service.

    Args:
        path: where.
        settings: its service.toml.
        pause_s: between 100 lines and the next.
        most: so many lines go at this speed, the rest at 500 a second: memory has an end.
    """
    path.mkdir(parents=True)
    (path / "service.toml").write_text(settings)
    (path / "writer").write_text(WRITER)
    executable(path / "run", f"exec {sys.executable} -ISs writer {pause_s} {os.getpid()} {most}")
    return path


def written(path: Path) -> int:
    """Say how many lines a service has handed to its pipe, at least."""
    try:
        return int.from_bytes((path / "written").read_bytes(), sys.byteorder)
    except OSError:
        return 0


def logged(directory: Path) -> tuple[list[bytes], int]:
    """Read the lines of a log directory, archives first.

    Returns:
        The lines, and how many files of a logger that was killed (.u) end within a line: KILL may
        come in the middle of a write.
    """
    names = sorted(name for name in os.listdir(directory) if name.startswith("@"))
    lines, cut = [], 0
    for name in (*names, "current"):
        pieces = (directory / name).read_bytes().split(b"\n")
        if pieces[-1] and name.endswith(".u"):
            cut += 1
            pieces[-1] = b""
        lines += pieces if pieces[-1] else pieces[:-1]
    return lines, cut


class Found:
    """What is in a log, compared with what was written.

    Attributes:
        lines: whole ones.
        torn: pieces of lines, where none may be.
        cut: files of killed loggers that end within a line.
        twice: lines that were there before.
        back: lines after a later one.
        gaps: of missing lines, each as (lines, bytes).
    """

    def __init__(self, directory: Path) -> None:
        lines, self.cut = logged(directory)
        self.lines = self.torn = self.twice = self.back = 0
        self.gaps: list[tuple[int, int]] = []
        last = -1
        for line in lines:
            number = parse(line)
            if number is None:
                self.torn += 1
                continue
            self.lines += 1
            self.twice += number == last
            self.back += number < last
            if number > last + 1:
                self.gaps.append((number - last - 1, sum(map(size, range(last + 1, number)))))
            last = max(last, number)
        self.last = last


def parse(line: bytes) -> int | None:
    """Give the number of a whole line."""
    digits, blank, rest = line.partition(b" ")
    if not (blank and digits.isdigit()) or rest != b"x" * (int(digits) % 97):
        return None
    return int(digits)


def size(number: int) -> int:
    """Give the bytes of a line."""
    return len(b"%d" % number) + 2 + number % 97
