"""A svscan that is PID 1 of a pid namespace with a /proc of its own, where that is allowed."""

import functools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.scan import OURS, Scan, kill_session
from tests.wait import wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@functools.cache
def is_allowed() -> bool:
    """Say whether we may make a pid namespace."""
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def contained(
    path: Path, *options: str, program: Sequence[str] = OURS
) -> Iterator[tuple[Scan, int]]:
    """Run svscan as PID 1; give it, and the pid that it has out here."""
    if not is_allowed():
        pytest.skip("no pid namespace can be made here")
    running = Scan(path, (*UNSHARE, *program), options=options)
    try:
        yield running, wait_until(lambda: child(running.process.pid))
    finally:
        running.process.kill()
        running.process.wait()
        kill_session(running.process.pid)


def child(pid: int) -> int:
    """Give the only child of a process that has become our svscan; 0 while it has not."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if not found or b"svscan" not in Path(f"/proc/{found[0]}/cmdline").read_bytes():
        return 0
    return int(found[0])


def below(pid: int) -> list[int]:
    """List the children of a process, zombies too."""
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and parent(Path("/proc", name)) == pid
    ]


def parent(process: Path) -> int:
    """Give the parent of a process; 0 if it is gone."""
    try:
        data = (process / "stat").read_bytes()
    except OSError:
        return 0
    return int(data[data.rindex(b")") + 2 :].split()[1])
