"""The control letters that daemontools-encore added, and signals to a service's process group.

Not tested: that nobody else of the group of a dead leader is met (its number cannot be forced).
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import groups
from pysvscan.files import COMMANDS
from tests import scan
from tests.fifos import unread
from tests.hosted import Host
from tests.oracle import recorder
from tests.oracle.supervised import pending, state

RECORD = shlex.join([sys.executable, "-ISu", recorder.__file__])
BESIDE = f"(cd child && exec {RECORD}) &\n"  # a process of the same group, with its own events

# Bytes, read at once, and what process and child then are told; in the service's own group.
BATCHES = [
    ("q12w", ["quit", "usr1", "usr2", "winch"], []),
    ("+q", ["quit"], ["quit"]),
    ("1", ["usr1"], []),  # `+` was another svc's
    ("+h=2", ["h", "usr2"], ["h"]),
    ("+pc", ["c"], ["c"]),
    ("+" * COMMANDS + "w", ["winch"], ["winch"]),  # more than one read
    ("+ud", ["c", "t"], ["c", "t"]),
]


def events(path: Path) -> list[str]:
    """List what a recorder wrote."""
    file = path / "events"
    return file.read_text().splitlines() if file.exists() else []


class Family:
    """A service and its child, both recorders."""

    def __init__(self, host: Host, path: Path, leader: str) -> None:
        self.host = host
        self.paths = (path, path / "child")
        scan.service(path, f"{BESIDE}exec {RECORD}")
        if leader:
            (path / "inner").write_text((path / "run").read_text())
            (path / "inner").chmod(0o755)
            scan.executable(path / "run", f"exec {leader} ./inner")
        (path / "child").mkdir()
        self.service = host.begin(path)
        host.until(lambda: all(events(it) for it in self.paths))
        self.pids = [int(events(it)[0].split()[1]) for it in self.paths]

    def told(self, letters: str) -> list[list[str]]:
        """Send letters, and list what both were told of them."""
        before = [len(events(it)) for it in self.paths]
        scan.command(self.paths[0], letters.encode())
        self.host.until(self.is_over)
        return [sorted(events(it)[n:]) for it, n in zip(self.paths, before, strict=True)]

    def is_over(self) -> bool:
        """Say whether all bytes are read, and all signals written down."""
        if unread(self.service.files.control):
            return False
        return all(not pending(pid) and state(pid) == "S" for pid in self.pids)

    def close(self) -> None:
        """End the child, too."""
        os.kill(self.pids[1], signal.SIGKILL)


@pytest.fixture(params=["", "setsid"], ids=["shared", "own"])
def family(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Iterator[Family]:
    """Give a service in our group, as classic ones are, and one that leads its own."""
    made = Family(host, tmp_path / "a", request.param)
    yield made
    made.close()


def test_supervise_signals_whom_it_is_told_to(host: Host, family: Family) -> None:
    """A signal is the process's; after `+`, of the same svc, its group's, if it leads one."""
    own = os.getpgid(family.pids[0]) == family.pids[0]
    for letters, process, child in BATCHES:
        assert (letters, family.told(letters)) == (letters, [process, child if own else []])
    family.service.close()
    family.service = host.begin(family.paths[0])  # takes it over, and has a pidfd of it
    assert (family.service.pid, family.service.pidfd >= 0) == (family.pids[0], True)
    assert family.told("+1") == [["usr1"], ["usr1"] if own else []]
    assert family.told("1") == [["usr1"], []]


def test_group_is_led_by_its_first_process_unless_it_is_ours() -> None:
    """A signal to svscan's own group, or to a process that is gone, goes to no group."""
    code = "import os; from pysvscan import groups; print(groups.is_led_by(os.getpid()))"
    words = [sys.executable, "-I", "-c", f"{code}; input()"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"False\n"
        assert groups.is_led_by(process.pid)
        process.communicate(b"\n")
    assert not groups.is_led_by(process.pid)
