"""svscan: when descriptors, processes, inotify or stderr are used up; and 5,000 entries."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Installed
from tests.scan import (
    OURS,
    Scan,
    command,
    hurried,
    pid,
    scanning,
    service,
    untouched,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow

USER = 54321  # nobody else's: limits count all processes of an account
FILES = (256, 256)


def limited(kind: int, soft_and_hard: tuple[int, int]) -> Callable[[], None]:
    """Give what sets a limit in a child."""
    return lambda: resource.setrlimit(kind, soft_and_hard)


def count_up(path: Path) -> list[Path]:
    """List the services that run."""
    return [where for where in path.iterdir() if pid(where)]


# descriptors


@pytest.mark.parametrize("when", ["before", "while running"])
def test_five_thousand_entries_get_what_there_is(tmp_path: Path, when: str) -> None:
    """One line for all that cannot be taken; those that run are restarted; room is used again."""
    path = tmp_path / "service"
    model = service(tmp_path / "model")

    def fill() -> None:
        for number in range(5000):
            (path / f"{number}").mkdir()
            (path / f"{number}/run").symlink_to(model / "run")

    path.mkdir()
    if when == "before":
        fill()
    with scanning(path, preexec_fn=limited(resource.RLIMIT_NOFILE, FILES)) as running:
        if when == "while running":
            wait_until(running.listens)
            fill()
        line = "svscan: warning: unable to start more services: process cannot open more files"
        running.wait_said(line)
        first = wait_until(lambda: count_up(path))[0]
        before = pid(first)
        command(first, b"k")
        wait_up(first, but=before)
        wait_until(lambda: len(count_up(path)) >= 30)
        gone = list(dict.fromkeys([first, *count_up(path)[:5]]))
        numbers = {pid(where) for where in count_up(path)}
        for where in gone:
            where.rename(tmp_path / where.name)
            command(tmp_path / where.name, b"dx")
        wait_until(lambda: {pid(where) for where in count_up(path)} - numbers)
        assert running.lines() == [line]


def test_descriptors_used_up_while_running(tmp_path: Path) -> None:
    """What needs one fails with a clear line, once; when there are some again, all goes on."""
    with scanning(tmp_path / "service", "one", "good") as running, untouched(running, "good"):
        where = running.path / "one"
        before = pid(where)
        old = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (3, old_hard(running)))
        command(where, b"k")
        wait_until(lambda: said(running, "process cannot open more files"))
        running.process.send_signal(1)
        running.wait_said(
            "svscan: warning: unable to read directory: process cannot open more files"
        )
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, old)
        wait_up(where, but=before)
        running.look()
        assert len(running.lines()) == len(set(running.lines()))


def old_hard(running: Scan) -> int:
    """Give svscan's hard limit of descriptors."""
    return resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)[1]


def said(running: Scan, end: str) -> list[str]:
    """List the lines that end in a reason."""
    return [line for line in running.lines() if line.endswith(f": {end}")]


# processes


@pytest.mark.root
def test_processes_used_up(installed: Installed, nobody_path: Path) -> None:
    """Where nothing can be forked, C's line, once for each service; then it starts by itself."""
    path = nobody_path / "service"
    names = [f"s{number}" for number in range(8)]
    for name in names:
        service(path / name)
    for where in (nobody_path, path, *path.iterdir()):
        os.chown(where, USER, USER)
    settings: dict[str, Any] = {
        "program": (str(installed.python), "-I", "-m", "pysvscan"),
        "user": USER,
        "group": USER,
        "extra_groups": (),
        "preexec_fn": limited(resource.RLIMIT_NPROC, (6, 1000)),
    }
    with scanning(path, **settings) as running:
        wait_until(lambda: count_up(path) and said(running, "temporary failure"))
        up = [where.name for where in count_up(path)]
        with untouched(running, *up):
            raise_processes(running)
            running.pids(*names)
        lines = running.lines()
        assert set(lines) <= {
            f"supervise: warning: unable to fork for {name}: temporary failure" for name in names
        }
        assert len(lines) == len(set(lines))


def raise_processes(running: Scan) -> None:
    """Give svscan more processes, as its own account: root may lack the right to."""
    argv = ["prlimit", "--nproc=1000", "--pid", str(running.process.pid)]
    subprocess.run(argv, user=USER, group=USER, check=True)


# inotify


def in_namespace(watches: int) -> tuple[str, ...]:
    """Give what runs a program in a user namespace with a limit of inotify watches of its own."""
    setting = f"echo {watches} > /proc/sys/user/max_inotify_watches"
    return ("unshare", "--user", "--map-root-user", "sh", "-c", f'{setting} && exec "$@"', "sh")


@pytest.fixture
def can_unshare() -> None:
    """Skip where no user namespace can be made."""
    if subprocess.run([*in_namespace(1), "true"], capture_output=True).returncode:
        pytest.skip("no user namespace with limits of its own can be made here")


@pytest.mark.parametrize(
    ("watches", "what"), [(0, "use inotify"), (1, "watch new")], ids=["no watch", "one watch"]
)
@pytest.mark.usefixtures("can_unshare")
def test_inotify_used_up(tmp_path: Path, watches: int, what: str) -> None:
    """Said once, and all is found nevertheless: a new directory, one that is made whole."""
    line = f"unable to {what}, looking every 5 s: fs.inotify.max_user_watches is reached"
    program = (*in_namespace(watches), *hurried())
    with scanning(tmp_path / "service", "good", program=program) as running:
        with untouched(running, "good"):
            (running.path / "new").mkdir()
            running.look()
            shutil.copy(running.path / "good/run", running.path / "new/run")
            wait_up(running.path / "new")
        running.look()
        late = "supervise: fatal: unable to start new/run: file does not exist"  # at the 5 s tick
        assert [said for said in running.lines() if said != late] == [f"svscan: warning: {line}"]


@pytest.mark.root
def test_inotify_is_used_again_when_it_can_be_had(installed: Installed, nobody_path: Path) -> None:
    """Another process of the account holds all instances; when it ends, svscan gets its own."""
    path = nobody_path / "service"
    service(path / "good")
    for where in (nobody_path, path, path / "good"):
        os.chown(where, USER, USER)
    account: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": ()}
    program = hurried(str(installed.python))
    with subprocess.Popen(
        [sys.executable, "-I", "-c", HOG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **account
    ) as hog:
        assert hog.stdout
        assert hog.stdout.readline() == b"%d\n" % errno.EMFILE
        with scanning(path, program=program, **account) as running, untouched(running, "good"):
            wait_until(lambda: said_inotify(running))
            assert not uses_inotify(running)
            hog.communicate()
            wait_until(lambda: uses_inotify(running))
            running.look()
            assert len(running.lines()) == 1


HOG = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
while libc.inotify_init() >= 0:
    pass
print(ctypes.get_errno(), flush=True)
sys.stdin.read()
"""


def said_inotify(running: Scan) -> list[str]:
    """List the lines about inotify."""
    return [line for line in running.lines() if "unable to use inotify" in line]


def uses_inotify(running: Scan) -> bool:
    """Say whether svscan has an inotify instance."""
    links = []
    for descriptor in Path(f"/proc/{running.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            links.append(os.readlink(descriptor))
    return "anon_inode:inotify" in links


# stderr


def speak(running: Scan, times: int) -> None:
    """Have svscan say lines."""
    for number in range(times):
        (running.path / f"broken{number}-{'x' * 200}").symlink_to("nowhere")
    running.look()


def test_stderr_closed_harms_nobody(tmp_path: Path) -> None:
    """Without a descriptor 2 svscan lives, and no file of a service becomes its stderr."""
    program = ("sh", "-c", 'exec "$@" 2>&-', "sh", *OURS)
    with scanning(tmp_path / "service", "one", "good", program=program) as running:
        with untouched(running, "one", "good"):
            speak(running, 10)
            assert os.readlink(f"/proc/{running.process.pid}/fd/2") == "/dev/null"
        assert running.lines() == []


def test_stderr_whose_reader_is_dead_harms_nobody(tmp_path: Path) -> None:
    """A broken pipe: no SIGPIPE, no exception."""
    read, write = os.pipe()
    os.close(read)
    with scanning(tmp_path / "service", "one", "good", stderr=write) as running:
        os.close(write)
        with untouched(running, "one", "good"):
            speak(running, 10)


def test_stderr_that_is_full_blocks_nobody(tmp_path: Path) -> None:
    """Lines that a pipe without reader does not take are dropped, and counted when it does."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with scanning(tmp_path / "service", "one", "good", stderr=write) as running:
        os.close(write)
        with untouched(running, "one", "good"):
            speak(running, 1000)
            before = drain(read)
            assert before.startswith(b"svscan: warning: unable to stat broken")
            assert before.endswith(b"\n")
            (running.path / "late").symlink_to("nowhere")
            running.look()
            after = drain(read).splitlines()
        dropped = 1000 - before.count(b"\n")
        assert dropped > 0
        assert after == [
            b"svscan: warning: %d lines could not be written here" % dropped,
            b"svscan: warning: unable to stat late: file does not exist",
        ]
    os.close(read)


def drain(fd: int) -> bytes:
    """Read all that is in a pipe."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(fd, 65536):
            data += more
    return data
