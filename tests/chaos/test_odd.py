"""What seldom happens: a pid that comes again, and a clock that is ten years ahead for a while."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pysvscan import archives
from pysvscan.core import tai
from tests import scan
from tests.conftest import ROOT
from tests.cyclogs import LINES, names, opened, work

TEN_YEARS_NS = 3653 * 86400 * 10**9
ONE = 3500  # bytes: they fill a file, and no second one
# In a pid namespace of its own: a service and its supervise die, a stranger gets the service's pid.
RECYCLED = """
import os, signal, subprocess, sys
from pathlib import Path
from tests import scan
from tests.wait import wait_until

def supervise():
    return subprocess.Popen([*scan.OURS, "supervise", "a"])

def become(pid):
    for _ in range(100):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        stranger = subprocess.Popen(["sleep", "1000"])
        if stranger.pid == pid:
            return stranger
        stranger.kill()
        stranger.wait()
    sys.exit("unable to have the pid again")

os.chdir(sys.argv[1])
path = Path("a")
first = supervise()
pid = scan.wait_up(path)
first.kill()
first.wait()
os.kill(pid, signal.SIGKILL)
wait_until(lambda: not scan.is_alive(pid))
os.waitpid(pid, 0)
stranger = become(pid)
second = supervise()
anew = scan.wait_up(path, but=pid)
scan.command(path, b"dx")
second.wait()
print(anew != pid, stranger.poll() is None)
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
def test_recycled_pid_is_a_stranger(tmp_path: Path) -> None:
    """Another process that has the pid of the recorded one is neither adopted nor signalled."""
    inside = ["unshare", "-pf", "--mount-proc", "--kill-child"]
    forbidden = subprocess.run([*inside, "sh", "-c", ": >>/proc/sys/kernel/ns_last_pid"])
    if forbidden.returncode:
        pytest.skip("no pid namespace, or no choice of pids, is allowed here")
    scan.service(tmp_path / "a")
    words = [*inside, sys.executable, "-c", RECYCLED, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("True True\n", "")


class Clock:
    """The module time, telling what a test wants."""

    def __init__(self) -> None:
        self.now_ns = time.time_ns()

    def time_ns(self) -> int:
        """Tell the time, which goes on."""
        self.now_ns += 1000
        return self.now_ns


def test_clock_ten_years_ahead_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead for three rotations, and back: archives go on in order, and the oldest goes first."""
    clock = Clock()
    monkeypatch.setattr(archives, "time", clock)
    log = opened(tmp_path / "d", count=5)
    written = [LINES[:ONE].replace(b"00", b"%02d" % turn, 1) for turn in range(9)]
    for turn, text in enumerate(written):
        if turn in (3, 6):
            clock.now_ns += TEN_YEARS_NS if turn == 3 else -TEN_YEARS_NS
        if turn == 7:  # a logger that comes anew finds the names, and goes on after them
            log.close()
            log = opened(tmp_path / "d", count=5)
        log.put(text)
        work(log)
    kept = sorted(file for file in names(tmp_path / "d") if file.name.startswith("@"))
    assert b"".join(file.read_bytes() for file in kept) == b"".join(written[-len(kept) :])
    assert kept[-1].name > tai.label(clock.now_ns + TEN_YEARS_NS - 10**9).decode()
