"""Services that write numbered lines, and what came of the lines; any of them may be killed.

Each process begins with 0. Line N of it holds its pid and N, and is as long as N says, so that a
torn or mixed line cannot look like a whole one. It hands over whole lines, no more at once than a
pipe takes as one piece, and then notes, in a mapped file of its own, how many those were.
"""

import os
import sys
from pathlib import Path

from tests import logs
from tests.chaos.services import ONCE
from tests.scan import executable, starts

LONGEST = 130  # bytes of a line
READ_BYTES = 65536  # what a KILL of a logger may cost
WRITER = """
import mmap, os, signal, struct, sys, time
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
pid = os.getpid()
fd = os.open(f"notes/{pid}", os.O_RDWR | os.O_CREAT)
os.pwrite(fd, bytes(8), 0)
done = mmap.mmap(fd, 8)
number = 0
pause = float(sys.argv[1])
while True:
    lines = b"".join(b"%d %d %s\\n" % (pid, n, b"x" * (n % 97)) for n in range(number, number + 30))
    assert os.write(1, lines) == len(lines) < 4096
    number += 30
    done[:] = struct.pack("q", number)
    time.sleep(pause)
"""


def make(path: Path, script: str, pause_s: float, log: str = "") -> Path:
    """Make a service with a built-in log; with a classic one where a log/run is given."""
    (path / "notes").mkdir(parents=True, exist_ok=True)
    (path / "log").mkdir()
    (path / "writer").write_text(WRITER)
    if log:
        executable(path / "log/run", ONCE + log)
    else:
        (path / "service.toml").write_text(logs.settings(script))
    executable(path / "run", f"{ONCE}exec {sys.executable} -ISs writer {pause_s}")
    return path


def noted(path: Path) -> dict[int, int]:
    """Say how many lines each process has handed to its pipe, at least."""
    return {
        int(note.name): int.from_bytes(note.read_bytes(), sys.byteorder)
        for note in (path / "notes").iterdir()
    }


class Account:
    """What is in a log of what was written.

    Attributes:
        lines: whole ones.
        torn: pieces of lines that end within a file; what a KILL cut at the end of one is not.
        twice: lines that were there before, or come after a later one.
        gaps: of missing lines, in bytes each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = self.torn = self.twice = 0
        self.gaps: list[int] = []
        self.next: dict[int, int] = {}
        for name in sorted(it for it in os.listdir(path / "log/main") if it[0] in "@c"):
            self.read((path / "log/main" / name).read_bytes(), is_cut=name.endswith(".u"))
        for pid, count in noted(path).items():
            self.miss(pid, count)

    def read(self, data: bytes, is_cut: bool) -> None:
        """Count the lines of a file."""
        *lines, rest = data.split(b"\n")
        self.torn += bool(rest) and not is_cut
        for line in lines:
            words = parse(line)
            if words is None:
                self.torn += 1
            else:
                self.take(*words)

    def take(self, pid: int, number: int) -> None:
        """Count a whole line; of one process after another, each in order."""
        self.lines += 1
        if number < self.next.get(pid, 0) or (
            pid in self.next and pid != next(reversed(self.next))
        ):
            self.twice += 1
            return
        self.miss(pid, number)
        self.next[pid] = number + 1

    def miss(self, pid: int, end: int) -> None:
        """Note that lines of a process are missing, up to a number."""
        begin = self.next.get(pid, 0)
        if begin < end:
            self.gaps.append(sum(len(b"%d %d \n" % (pid, n)) + n % 97 for n in range(begin, end)))

    def __str__(self) -> str:
        order = [pid for pid in starts(self.path) if pid in self.next]
        return (
            f"{self.path.name}: {self.lines} lines of {len(order)} processes, {self.torn} torn, "
            f"{self.twice} twice, gaps {self.gaps}"
        )


def parse(line: bytes) -> tuple[int, int] | None:
    """Give pid and number of a whole line."""
    words = line.split(b" ")
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    number = int(words[1])
    return (int(words[0]), number) if words[2] == b"x" * (number % 97) else None
