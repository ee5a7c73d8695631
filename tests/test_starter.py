"""The process that waits, by each road: released, cancelled, killed, orphaned; and its errors.

What a service inherits is compared with C in tests/oracle/test_svscan.py, and svscan is killed in
its starts in tests/chaos.
"""

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import accelerators
from pysvscan.core import identity
from pysvscan.waiting import Streams, Waiting
from tests import scan
from tests.conftest import ROOT
from tests.hosted import Host, hosting
from tests.runs import RUNS
from tests.scan import OURS, is_alive
from tests.wait import wait_until

RUN = "echo $$ >>starts\nexec sleep 1000"
AS_GIVEN = Streams()
ALL = ["direct", "shell", "fork"]
EXACT = ["direct", "fork"]


@pytest.fixture(params=ALL)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Give a host, for each road, or for those that a test names."""
    with hosting(None, request.param) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory; its run notes its pid."""
    return scan.service(tmp_path / "a", RUN)


@pytest.fixture
def directory(path: Path) -> Iterator[int]:
    """Give that directory's descriptor."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def code(waiting: Waiting) -> int:
    """Wait for the end of a process, and give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(waiting.pid, 0)[1])


def test_starter_runs_the_very_process_that_waited(host: Host, path: Path, directory: int) -> None:
    """The identity taken before the release is that of the service."""
    waiting = host.starter.take(directory)
    assert waiting.go(directory, AS_GIVEN)
    wait_until(lambda: (path / "starts").exists() and (path / "starts").read_text())
    assert int((path / "starts").read_text()) == waiting.pid
    found = host.starter.kernel.identify(waiting.pid)
    assert identity.is_same(waiting.identity, found)
    assert os.readlink(f"/proc/{waiting.pid}/cwd") == str(path)
    os.kill(waiting.pid, signal.SIGKILL)
    assert code(waiting) == -signal.SIGKILL
    assert waiting.failure() == 0


def test_starter_cancels_without_running(host: Host, path: Path, directory: int) -> None:
    """Cancelled, the process exits; nothing has run, and the loop has waited for it."""
    before = os.listdir("/proc/self/fd")
    waiting = host.starter.take(directory)
    assert is_alive(waiting.pid)
    waiting.cancel()
    host.until(lambda: not Path(f"/proc/{waiting.pid}").exists())
    assert not (path / "starts").exists()
    assert os.listdir("/proc/self/fd") == before


def test_starter_knows_that_the_waiting_process_is_dead(host: Host, directory: int) -> None:
    """A process that was killed while it waited cannot be released."""
    waiting = host.starter.take(directory)
    os.kill(waiting.pid, signal.SIGKILL)
    assert code(waiting) == -signal.SIGKILL
    assert not waiting.go(directory, AS_GIVEN)
    waiting.cancel()


def test_starter_leaves_no_zombie_where_a_descriptor_is_missing(
    host: Host, directory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody can be told of is cancelled and waited for all the same."""
    before = os.listdir("/proc/self/fd")

    def child(pid: int, owner: object, callback: object, pidfd: int = -1) -> int:
        assert (pid, owner, callback) != (0, 0, 0)
        if pidfd >= 0:
            os.close(pidfd)
        monkeypatch.undo()
        raise OSError(errno.EMFILE, "")

    monkeypatch.setattr(host.loop, "child", child)
    with pytest.raises(OSError, match="Errno 24"):
        host.starter.take(directory)
    assert host.loop.children
    host.until(lambda: not host.loop.children)
    assert os.listdir("/proc/self/fd") == before


def test_starter_opens_each_stream_afresh(
    host: Host, path: Path, directory: int, tmp_path: Path
) -> None:
    """The log FIFO as 1 and 2, to read and write and blocking, and another one as 0; not ours."""
    ours = [os.fstat(number) for number in (0, 1, 2)]
    scan.executable(path / "run", "exec sleep 1000")
    holders = []
    for name in ("in", "out"):
        os.mkfifo(tmp_path / name)
        holders.append(os.open(tmp_path / name, os.O_RDWR | os.O_NONBLOCK))
    waiting = host.starter.take(directory)
    assert waiting.go(directory, Streams(holders[0], holders[1], holders[1]))
    proc = Path(f"/proc/{waiting.pid}")
    wait_until(lambda: (proc / "cmdline").read_bytes().startswith(b"sleep"))
    seen = {}
    for number in "012":
        flags = (proc / "fdinfo" / number).read_text().split("flags:")[1].split()[0]
        seen[number] = (os.readlink(proc / "fd" / number), int(flags, 8) & 0o4003)
    assert [os.fstat(number).st_ino for number in (0, 1, 2)] == [found.st_ino for found in ours]
    both = (str(tmp_path / "out"), os.O_RDWR)
    assert seen == {"0": (str(tmp_path / "in"), os.O_RDONLY), "1": both, "2": both}
    os.kill(waiting.pid, signal.SIGKILL)
    code(waiting)
    for holder in holders:
        os.close(holder)


@pytest.mark.parametrize("host", EXACT, indirect=True)
def test_starter_knows_why_it_could_not_execute(host: Host, path: Path, directory: int) -> None:
    """Whatever ./run is: it runs, or the errno of its execution is known."""
    for name, (make, _, number) in RUNS.items():
        scan.executable(path / "run", RUN)
        make(path)
        waiting = host.starter.take(directory)
        assert waiting.go(directory, AS_GIVEN)
        wstatus = code(waiting)
        assert (name, waiting.failure()) == (name, number)
        assert not number or wstatus == 111
        host.until(lambda: waiting.pid not in host.loop.children)  # noqa: B023


MAKER = """
import os, signal, sys
from pysvscan.waiting import Streams
from tests.hosted import hosting
with hosting(None, sys.argv[1]) as host:
    directory = os.open(sys.argv[2], os.O_RDONLY)
    os.fchdir(directory)
    runs = host.starter.take(directory)
    runs.go(directory, Streams())
    host.until(lambda: os.path.exists("starts") and os.path.getsize("starts"))
    waits = host.starter.take(directory)
    host.until(lambda: ") S " in open(f"/proc/{waits.pid}/stat").read())
    print(runs.pid, waits.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("road", ALL)
def test_starter_takes_only_what_waits_along_when_it_dies(path: Path, road: str) -> None:
    """KILL of the supervisor: what waits ends without running, and what runs is left alone."""
    if road == "direct" and not accelerators.load("_start"):
        pytest.skip("_start.c is not built")
    os.mkfifo(path / "question")
    question = os.open(path / "question", os.O_RDWR)
    text = "echo $$ >>starts; read line <question; echo $line >>answer; exec sleep 1000"
    scan.executable(path / "run", text)
    argv = [sys.executable, "-c", MAKER, road, path]
    with (path / "said").open("wb") as said:
        maker = subprocess.run(argv, cwd=ROOT, stdout=said)
    assert maker.returncode == -signal.SIGKILL
    runs, waits = map(int, (path / "said").read_text().split())
    wait_until(lambda: not is_alive(waits))
    os.write(question, b"alive?\n")
    wait_until((path / "answer").exists)
    os.kill(runs, signal.SIGKILL)
    os.close(question)
    assert (path / "starts").read_text().split() == [str(runs)]


def limited(pid: int, soft: int) -> None:
    """Let a process have so many descriptors."""
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("pure", "count"), [("0", 1), ("1", 2)], ids=["direct", "shell"])
def test_starter_survives_the_lack_of_descriptors(tmp_path: Path, pure: str, count: int) -> None:
    """No descriptor at a start: said, and tried again until there is one; nothing is left over."""
    path = scan.service(tmp_path / "a", RUN)
    said = tmp_path / "said"
    env = {"PATH": "/usr/bin:/bin", "PYSVSCAN_PURE": pure}
    with said.open("wb") as stderr:
        process = subprocess.Popen([*OURS, "supervise", "a"], cwd=tmp_path, stderr=stderr, env=env)
    try:
        first = scan.wait_up(path)
        scan.command(path, b"p")  # heard when the start is done, and the next process waits
        wait_until(lambda: (found := scan.status(path)) and found.paused)
        before = sorted(os.listdir(f"/proc/{process.pid}/fd"))
        limited(process.pid, 3)
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda: b"unable to fork for a: process cannot open more files" in said.read_bytes()
        )
        limited(process.pid, 1000)
        second = scan.wait_up(path, but=first)
        assert is_alive(second)
        wait_until(lambda: sorted(os.listdir(f"/proc/{process.pid}/fd")) == before)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: len(children.read_text().split()) == count)
    finally:
        process.kill()
        process.wait()
        os.kill(scan.pid(path), signal.SIGKILL)
