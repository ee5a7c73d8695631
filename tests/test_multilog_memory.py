"""What multilog holds of a line, however long it is."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Installed
from tests.wait import wait_until

LINE_BYTES = 100_000_000
MOST_KB = 12_000  # the chunk, its copies, and what the C library keeps; the line is 100 MB


def peak_kb(pid: int) -> int:
    """Return how much memory a process has had at most."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


@pytest.mark.slow
@pytest.mark.parametrize("pure", ["", "1"], ids=["c", "pure"])
def test_multilog_holds_no_long_line(installed: Installed, tmp_path: Path, pure: str) -> None:
    """A line of 100 MB is written as it comes, and does not take 100 MB."""
    argv = [installed.program("multilog"), "t", "s16777215", "n2", "-b", "./d"]
    env = {**os.environ, "PYSVSCAN_PURE": pure}
    process = subprocess.Popen(argv, cwd=tmp_path, stdin=subprocess.PIPE, env=env, bufsize=0)
    assert process.stdin
    os.write(process.stdin.fileno(), b"a\n")
    current = tmp_path / "d/current"
    wait_until(lambda: current.exists() and current.stat().st_size)
    before = peak_kb(process.pid)
    chunk = b"a" * 1_000_000
    for _ in range(LINE_BYTES // len(chunk)):
        process.stdin.write(chunk)
    after = peak_kb(process.pid)
    process.stdin.close()
    assert process.wait(60) == 0
    assert after - before < MOST_KB
