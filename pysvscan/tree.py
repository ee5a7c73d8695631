"""Which processes there are, by /proc: those below others, those that hold a FIFO, all but some.

Only what may be ended is listed: no zombies, and not ourselves.
"""

import contextlib
import os
import signal
from collections.abc import Iterable
from typing import NamedTuple


class Process(NamedTuple):
    """A process, as /proc/PID/stat has it."""

    pid: int
    parent: int
    group: int
    session: int


def processes() -> dict[int, Process]:
    """List all processes that live; none where /proc is another pid namespace's."""
    found: dict[int, Process] = {}
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") != str(os.getpid()):
            return {}
        for name in os.listdir("/proc"):
            if name.isdigit() and (process := look(int(name))):
                found[process.pid] = process
    return found


def look(pid: int) -> Process | None:
    """Look at one process; None for a dead one."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            data = file.read(4096)
    except OSError:
        return None
    state, parent, group, session = data[data.rindex(b")") + 2 :].split()[:4]
    if state in (b"Z", b"X"):
        return None
    return Process(pid, int(parent), int(group), int(session))


def below(roots: Iterable[int], known: dict[int, Process]) -> set[int]:
    """Give these processes and all that they have started, as far as it is still below them."""
    children: dict[int, list[int]] = {}
    for process in known.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, todo = set(), [pid for pid in roots if pid in known]
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, [])
    return found


def others(spared: Iterable[int]) -> set[int]:
    """Give all processes below PID 1, which we are, but for these with what is below them.

    Who has no parent here came from outside, or is the kernel's.
    """
    known = processes()
    us = known.pop(os.getpid(), None)
    strangers = (process.pid for process in known.values() if process.parent == 0)
    return set(known) - below((*spared, *strangers), known) if us else set()


def signal_all(pids: Iterable[int], *numbers: signal.Signals) -> None:
    """Signal processes; who is gone, or somebody else's, does not mind."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            for number in numbers:
                os.kill(pid, number)
