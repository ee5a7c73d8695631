"""Which processes there are, by /proc: those below others, those that hold a FIFO, all but some.

Only what may be ended is listed: no zombies, and not ourselves.
"""

import contextlib
import os
import signal
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pysvscan.pidfd import start_ticks

ROUNDS = 5


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


# what a service with `[stop] tree` has started, where it has no cgroup


def family(pid: int) -> set[tuple[int, int]]:
    """Give what is below a process, and what is in the group or session that it leads."""
    known = processes()
    led = {
        it.pid for it in known.values() if pid in (it.group, it.session) and it.pid != os.getpid()
    }
    return {(it, start_ticks(it)) for it in below({pid, *led}, known)} - {(os.getpid(), 0)}


def accounts(members: Iterable[tuple[int, int]]) -> set[int]:
    """Give the accounts that members of a family belong to, whatever they may do as others."""
    return {account(pid) for pid, _ in members} - {-1}


def account(pid: int) -> int:
    """Give the real uid of a process, -1 if it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return int(file.read(4096).partition(b"\nUid:")[2].split()[0])
    except OSError:
        return -1


class Suspects(NamedTuple):
    """Who of those that can write to a service's pipe is its; a stranger may have been handed it.

    Attributes:
        accounts: that it was seen to have. Who had root may have started anything.
        since_ticks: its start; where no account was seen, who is older is a stranger.
    """

    accounts: AbstractSet[int]
    since_ticks: int

    def has(self, pid: int) -> bool:
        """Say whether a process is one of them."""
        if self.accounts:
            return 0 in self.accounts or account(pid) in self.accounts
        return start_ticks(pid) >= self.since_ticks


def kill(remembered: Iterable[tuple[int, int]], directory: int, suspects: Suspects) -> None:
    """Kill what is left of a family, what that has started, and what can write to a service's pipe.

    In rounds, since what is not killed yet may start more.
    """
    for _ in range(ROUNDS):
        known = processes()
        left = {pid for pid, ticks in remembered if pid in known and start_ticks(pid) == ticks}
        left |= {pid for pid in writers(directory, known) if suspects.has(pid)}
        found = below(left, known) - {os.getpid()}
        if not found:
            return
        signal_all(found, signal.SIGKILL)


def writers(directory: int, known: Iterable[int]) -> set[int]:
    """Give the processes that could write to the pipe of a service directory."""
    try:
        pipe = os.stat(b"supervise/pipe", dir_fd=directory)
    except OSError:
        return set()
    ours = os.getpid()
    return {pid for pid in known if pid != ours and can_write(pid, (pipe.st_dev, pipe.st_ino))}


def can_write(pid: int, pipe: tuple[int, int]) -> bool:
    """Say whether a process has a pipe open for writing."""
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    return any(is_writer(pid, fd, pipe) for fd in fds)


def is_writer(pid: int, fd: str, pipe: tuple[int, int]) -> bool:
    """Say whether a descriptor is that of a pipe, open for writing."""
    try:
        found = os.stat(f"/proc/{pid}/fd/{fd}")
        if (found.st_dev, found.st_ino) != pipe:
            return False
        mode = os.stat(f"/proc/{pid}/fd/{fd}", follow_symlinks=False).st_mode
    except OSError:
        return False
    return bool(mode & 0o200)  # of the link: what the descriptor was opened for
