"""Services that tell on whoever starts them twice.

Each run holds a lock on `once` in its directory, through everything it becomes, and writes down its
pid; a copy that finds the lock taken says so in `twice`.
"""

import os
import random
import select
import signal
import sys
from pathlib import Path

from tests.scan import executable, is_alive, pid, starts

ONCE = "exec 9>>once; flock -n 9 || echo $$ >>twice; echo $$ >>starts\n"
WRITER = """
import itertools, os, time
written = os.open("written", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in itertools.count():
    line = b"%d %d\\n" % (os.getpid(), number)
    os.write(1, line)
    os.write(written, line)
    time.sleep(0.03)
"""
RUNS = {
    "plain": ONCE + "exec sleep 1000",
    "daemon": ONCE + "cd /; exec env -i sleep 1000 </dev/null >/dev/null 2>&1",
    "session": ONCE + "exec setsid sleep 1000",
    "quick": ONCE + "exec sleep 0.4",
    "at-once": ONCE + "exit 1",
    "logged": ONCE + f"exec {sys.executable} -ISc '{WRITER}'",
}
RESTARTS = ("quick", "at-once")  # these end by themselves


def make(path: Path, kind: str) -> Path:
    """Make a service directory of a kind; the logged one has a C multilog."""
    path.mkdir(parents=True)
    executable(path / "run", RUNS[kind])
    if kind == "logged":
        (path / "log").mkdir()
        executable(path / "log/run", ONCE + "exec multilog s16777215 ./main")
    return path


def holders(path: Path) -> set[int]:
    """Find the processes that hold `once` open: all copies of the service, by whatever name."""
    once = (path / "once").resolve()
    return {number for number in processes() if holds(number, once)}


def processes() -> list[int]:
    """List all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def holds(number: int, path: Path) -> bool:
    """Say whether a process has a file open as descriptor 9."""
    try:
        return os.readlink(f"/proc/{number}/fd/9") == str(path)
    except OSError:
        return False


def is_well(path: Path) -> bool:
    """Say whether exactly the process that the status names runs, and is the last that started."""
    number = pid(path)
    return bool(number) and starts(path)[-1:] == [number] and holders(path) == {number}


def kill(path: Path) -> int:
    """Kill the process that started last, if it lives, and wait for its end; its pid, else 0."""
    for number in starts(path)[-1:]:
        try:
            held = os.pidfd_open(number)
        except ProcessLookupError:
            return 0
        try:
            if holds(number, (path / "once").resolve()) and is_alive(number):
                signal.pidfd_send_signal(held, signal.SIGKILL)
                return number
        finally:
            os.close(held)
    return 0


def pause(draw: random.Random, longest_s: float) -> None:
    """Let a random time pass."""
    select.select([], [], [], draw.uniform(0, longest_s))


def end(path: Path) -> None:
    """Kill all copies of a service; to be called when nobody supervises any more."""
    while found := holders(path):
        for number in found:
            if is_alive(number):
                os.kill(number, signal.SIGKILL)
