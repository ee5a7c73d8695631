"""What /proc says about the processes of a benchmark, and their end.

The benchmark is its tree's subreaper: whatever a supervisor leaves behind becomes its own child, so
nothing it started can escape. psutil would do, but takes seconds for a few thousand processes.
"""

import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def adopt_orphans() -> None:
    """Become the parent of every orphan below this process.

    Raises:
        OSError: no prctl.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def read(path: str) -> bytes:
    """Read a file of /proc; empty when the process is gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def table() -> dict[int, tuple[int, bytes]]:
    """Map each pid to its parent and the name of its program; zombies are left out."""
    found = {}
    for entry in os.listdir("/proc"):
        stat = read(f"/proc/{entry}/stat") if entry.isdigit() else b""
        name_end = stat.rfind(b")")
        fields = stat[name_end + 2 :].split()
        if fields and fields[0] not in b"ZX":
            found[int(entry)] = (int(fields[1]), stat[stat.index(b"(") + 1 : name_end])
    return found


def below(root: int) -> dict[int, bytes]:
    """Map every descendant of a process, and itself if it lives, to the name of its program."""
    processes = table()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    tree, todo = {}, [root]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        if pid in processes:
            tree[pid] = processes[pid][1]
    return tree


def pss_kb(pid: int) -> int:
    """Give a process's proportional share of memory; 0 when it is gone."""
    return rollup_kb(pid, b"Pss:")


def rss_kb(pid: int) -> int:
    """Give a process's memory with all that it shares; 0 when it is gone."""
    return rollup_kb(pid, b"Rss:")


def rollup_kb(pid: int, key: bytes) -> int:
    """Give one field of smaps_rollup."""
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def tasks(pid: int) -> list[str]:
    """List the directories of a process's threads."""
    try:
        return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def cpu_ns(pid: int) -> int:
    """Give the CPU time of a process: schedstat's where the kernel has it, else in ticks."""
    spent = [read(f"{task}/schedstat").split() for task in tasks(pid)]
    if all(spent):
        return sum(int(fields[0]) for fields in spent)
    fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) * NS_PER_TICK if fields else 0


def switches(pid: int) -> int:
    """Count how often the threads of a process have gone to sleep, which is how often they woke."""
    total = 0
    for task in tasks(pid):
        for line in read(f"{task}/status").splitlines():
            if line.startswith(b"voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def is_within(pid: int, directory: str) -> bool:
    """Say whether a process has its current directory in this one."""
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return cwd == directory or cwd.startswith(directory + "/")


def end(root: int, directory: str) -> None:
    """Kill a supervisor, all below it, and what has left it but works in its directory."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        mine = below(os.getpid())
        victims = set(below(root)) | {pid for pid in mine if is_within(pid, directory)}
        victims.discard(os.getpid())
        if not victims:
            return
        kill(victims)


def end_all() -> None:
    """Kill everything that this benchmark has started."""
    while victims := set(below(os.getpid())) - {os.getpid()}:
        kill(victims)


def kill(victims: set[int]) -> None:
    """Kill processes of ours, and reap those that are our children."""
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    time.sleep(0.02)
    reap()


def reap() -> None:
    """Reap all dead children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
