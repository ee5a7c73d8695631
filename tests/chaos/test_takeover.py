"""svscan killed at each system call of its beginning: as it takes over, and starts anew.

By default at each STEP-th call, 5 times as many; in contrib/soak/kills at all.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.services import end, is_well, make
from tests.chaos.test_starts import MARK, is_settled, start, unrecorded
from tests.chaos.test_syscalls import STEP
from tests.scan import OURS, is_supervised, starts
from tests.wait import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("strace"), reason="no strace"),
]
EVERY = STEP * 5 if STEP > 1 else 1


def traced(where: Path, mark: str, *words: str) -> "subprocess.Popen[bytes]":
    """Start svscan under strace from its first call on."""
    with (where / ".stderr").open("ab") as stderr:
        return subprocess.Popen(
            ["strace", "-qq", *words, *OURS, "svscan"],
            cwd=where,
            env={"PATH": "/usr/bin:/bin", MARK: mark},
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )


def kill_traced(tracer: "subprocess.Popen[bytes]") -> None:
    """Kill the svscan of a strace, which ends with it."""
    children = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), 9)
    tracer.wait()


def begun(where: Path, mark: str, stack: ExitStack) -> tuple[Path, Path]:
    """Make two services: one that runs and whose svscan is dead, one that never was started."""
    runs, waits = make(where / "runs", "plain"), where / "waits"
    stack.callback(end, runs)
    svscan = start(where, mark)
    wait_until(lambda: is_supervised(runs) and is_well(runs))
    svscan.kill()
    svscan.wait()
    make(waits, "plain")
    stack.callback(end, waits)
    return runs, waits


def count(where: Path) -> tuple[int, int]:
    """Count the calls of a beginning: up to the scan directory, and until all is up."""
    log = where / ".trace"
    with ExitStack() as stack:
        paths = begun(where, f"{os.getpid()}-count", stack)
        tracer = traced(where, f"{os.getpid()}-count", "-o", str(log))
        wait_until(lambda: tracer.poll() is not None or all(map(is_up, paths)))
        if tracer.poll() is not None:
            pytest.skip("strace cannot trace a process here")
        kill_traced(tracer)
    calls = log.read_text().splitlines()
    first = next(number for number, call in enumerate(calls) if call.startswith("chdir("))
    return first + 1, len(calls)


def is_up(path: Path) -> bool:
    """Say whether a service is supervised and runs, as its status says."""
    return is_supervised(path) and is_well(path)


def kill_at(where: Path, number: int) -> str:
    """Kill a svscan at its call of this number, then start another; say what is wrong, if so."""
    mark = f"{os.getpid()}-{number}"
    with ExitStack() as stack:
        paths = begun(where, mark, stack)
        before = starts(paths[0])
        inject = f"inject=all:signal=KILL:when={number}"
        tracer = traced(where, mark, "-o", "/dev/null", "-e", inject)
        wait_until(lambda: tracer.poll() is not None or all(map(is_up, paths)))
        if tracer.poll() is None:  # fewer calls than when they were counted
            kill_traced(tracer)
        wait_until(lambda: is_settled(mark))
        wrong = [unrecorded(path) for path in paths if (path / "supervise/child").exists()]
        second = start(where, mark)
        stack.callback(second.wait)
        stack.callback(second.kill)
        wait_until(lambda: all(map(is_up, paths)))
        wrong += [unrecorded(path) for path in paths]
        if starts(paths[0]) != before:
            wrong.append("what ran was started anew")
        return "; ".join(filter(None, wrong))


def test_svscan_killed_at_each_call_of_its_beginning_doubles_nothing(tmp_path: Path) -> None:
    """Wherever KILL hits, what ran goes on as the same process, and nothing runs twice."""
    (tmp_path / "count").mkdir()
    first, last = count(tmp_path / "count")

    def one(number: int) -> str:
        where = tmp_path / str(number)
        where.mkdir()
        return kill_at(where, number)

    numbers = range(first, last + 1, EVERY)
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(numbers, pool.map(one, numbers), strict=True))
    assert {number: wrong for number, wrong in found.items() if wrong} == {}
    assert len(found) > 5
