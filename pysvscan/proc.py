"""What a service's processes are, by psutil; its only importer."""

import contextlib

import psutil

SECOND_NS = 1_000_000_000


def descendants(pid: int) -> int:
    """Count a process and what it has started, as far as it is still there."""
    try:
        return 1 + len(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return 0


class Usage:
    """What a process and its descendants use.

    Attributes:
        processes: how many they are.
        cpu_ns: what they, and their children that are dead, have used.
        memory_bytes: resident; what several share is counted for each.
        descriptors: None where we may not know.
    """

    __slots__ = ("cpu_ns", "descriptors", "memory_bytes", "processes")

    def __init__(self) -> None:
        self.processes = self.cpu_ns = self.memory_bytes = 0
        self.descriptors: int | None = 0

    def add(self, process: psutil.Process) -> None:
        """Add a process; of one that ends meanwhile, nothing.

        Raises:
            psutil.Error: it is gone.
        """
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info()
        self.processes += 1
        self.cpu_ns += int(sum(times[:4]) * SECOND_NS)
        self.memory_bytes += memory.rss
        try:
            descriptors = process.num_fds()
        except psutil.AccessDenied:
            self.descriptors = None
        else:
            self.descriptors = None if self.descriptors is None else self.descriptors + descriptors


class Tree:
    """All processes by their parents, as they were at one moment: one look for any number."""

    def __init__(self) -> None:
        self.children: dict[int, list[psutil.Process]] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                self.children.setdefault(process.ppid(), []).append(process)

    def usage(self, pid: int) -> Usage | None:
        """Say what a process and its descendants use; None if it is gone."""
        usage = Usage()
        with contextlib.suppress(psutil.Error):
            left = [psutil.Process(pid)]
            while left:
                process = left.pop()
                with contextlib.suppress(psutil.Error):
                    usage.add(process)
                    left += self.children.get(process.pid, [])
        return usage if usage.processes else None
