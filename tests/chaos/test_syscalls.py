"""svscan killed at each system call of a start, in turn: no luck needed.

strace counts the calls of a start, then KILLs an svscan before each of them; by default around the
record and at each STEP-th, in contrib/soak/kills at all.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.services import ONCE, end, is_well, kill, make
from tests.chaos.test_starts import is_old, is_settled, start, unrecorded
from tests.scan import executable, is_supervised, starts
from tests.wait import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="no strace"),
]
STEP = int(os.environ.get("STEP", "12"))
NEAR = 6
PURE = {"direct": "0", "shell": "1", "fork": "1"}  # which roads there are


def trace(svscan: subprocess.Popen[bytes], *words: str) -> subprocess.Popen[bytes]:
    """Attach strace to a process, and wait until it is, or has killed it already, or cannot."""
    argv = ["strace", "-qq", "-p", str(svscan.pid), *words]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    status = Path(f"/proc/{svscan.pid}/status")  # there until we wait for it
    wait_until(
        lambda: f"TracerPid:\t{process.pid}\n" in status.read_text() or process.poll() is not None
    )
    return process


def calls(where: Path, path: Path, pure: str) -> list[tuple[str, int]]:
    """List the system calls of a start: each by name, and as which of that name."""
    log = where / ".trace"
    svscan = start(where, "calls", pure)
    wait_until(lambda: is_supervised(path) and is_well(path) and is_old(path))
    tracer = trace(svscan, "-o", str(log))
    if tracer.poll() is not None:
        svscan.kill()
        svscan.wait()
        pytest.skip("strace cannot attach to a process here")
    before = starts(path)
    kill(path)
    wait_until(lambda: is_well(path) and starts(path) != before)
    tracer.terminate()
    tracer.wait()
    svscan.kill()
    svscan.wait()
    names = re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE)
    counted: Counter[str] = Counter()
    found = []
    for name in names:
        counted[name] += 1
        found.append((name, counted[name]))
    return found


def make_service(where: Path, road: str) -> Path:
    """Make a scan directory with a service that takes this road."""
    path = make(where / "a", "plain")
    if road == "fork":
        executable(where / ".interpreter", 'exec /bin/sh "$@"')
        (path / "run").write_text(f"#!{where}/.interpreter\n{ONCE}exec sleep 1000\n")
    return path


def kill_at(where: Path, road: str, name: str, number: int) -> str:
    """Kill an svscan before this call of a start, then start another; say what is wrong, if so."""
    path = make_service(where, road)
    mark = f"{os.getpid()}-{road}-{name}-{number}"
    with ExitStack() as stack:
        stack.callback(end, path)
        svscan = start(where, mark, PURE[road])
        stack.callback(svscan.wait)
        stack.callback(svscan.kill)
        wait_until(lambda: is_supervised(path) and is_well(path) and is_old(path))
        tracer = trace(svscan, "-e", f"trace={name}", "-e", inject(name, number))
        stack.callback(tracer.wait)
        before = starts(path)
        kill(path)
        wait_until(lambda: svscan.poll() is not None or starts(path) != before)
        svscan.kill()  # where this start had one such call less
        svscan.wait()
        tracer.wait()
        wait_until(lambda: is_settled(mark))
        wrong = unrecorded(path)
        second = start(where, mark, PURE[road])
        stack.callback(second.wait)
        stack.callback(second.kill)
        wait_until(lambda: is_supervised(path) and is_well(path))
        return wrong or unrecorded(path)


def inject(name: str, number: int) -> str:
    """Say it in strace's words."""
    return f"inject={name}:signal=KILL:when={number}"


def near(points: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Pick the calls around the record and the release, and each STEP-th of the others."""
    record = points.index(("pwrite64", 1))
    return [
        point
        for index, point in enumerate(points)
        if abs(index - record) <= NEAR or index % STEP == 0
    ]


@pytest.mark.parametrize("road", PURE)
def test_svscan_killed_at_each_call_of_a_start_leaves_nothing_unrecorded(
    tmp_path: Path, road: str
) -> None:
    """Wherever in a start KILL hits: each live process is recorded, and the next svscan goes on."""
    (tmp_path / "calls").mkdir()
    path = make_service(tmp_path / "calls", road)
    with ExitStack() as stack:
        stack.callback(end, path)
        points = near(calls(tmp_path / "calls", path, PURE[road]))

    def one(point: tuple[str, int]) -> str:
        where = tmp_path / f"{point[0]}-{point[1]}"
        where.mkdir()
        return kill_at(where, road, *point)

    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(points, pool.map(one, points), strict=True))
    assert {point: wrong for point, wrong in found.items() if wrong} == {}
