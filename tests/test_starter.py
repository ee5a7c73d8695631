"""The process that waits: released, cancelled, killed; which road a ./run takes, and its errors.

What a service inherits is compared with C in tests/oracle/test_svscan.py. Not tested: a run that
loses its #! between the look at it and its execution, one to two milliseconds; a shell runs it.
"""

import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core import identity
from pysvscan.starter import Inherited, Starter, Waiting, interpreter
from tests import scan
from tests.hosted import ENV, Host, age, hosting
from tests.scan import OURS, executable, is_alive
from tests.wait import wait_until

RUN = "echo $$ >>starts\nexec sleep 1000"


@pytest.fixture
def host() -> Iterator[Host]:
    """Give a host."""
    with hosting() as made:
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


def take(starter: Starter, road: str, directory: int) -> Waiting:
    """Have a process that waits, by this road."""
    return starter.wait_in_fork() if road == "slow" else starter.take(directory)


def code(waiting: Waiting) -> int:
    """Wait for the end of a process, and give its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(waiting.pid, 0)[1])


@pytest.mark.parametrize("road", ["fast", "slow"])
def test_starter_runs_the_very_process_that_waited(
    host: Host, path: Path, directory: int, road: str
) -> None:
    """The identity taken before the release is that of the service."""
    waiting = take(host.starter, road, directory)
    assert (waiting.error >= 0) == (road == "slow")
    assert waiting.go(directory, -1, -1)
    wait_until(lambda: (path / "starts").exists() and (path / "starts").read_text())
    assert int((path / "starts").read_text()) == waiting.pid
    found = host.starter.kernel.identify(waiting.pid)
    assert identity.is_same(waiting.identity, found)
    assert os.readlink(f"/proc/{waiting.pid}/cwd") == str(path)
    os.kill(waiting.pid, signal.SIGKILL)
    assert code(waiting) == -signal.SIGKILL
    if road == "slow":
        os.close(waiting.error)


@pytest.mark.parametrize("road", ["fast", "slow"])
def test_starter_cancels_without_running(host: Host, path: Path, directory: int, road: str) -> None:
    """End of file instead of a release: the process exits, and nothing has run."""
    waiting = take(host.starter, road, directory)
    assert is_alive(waiting.pid)
    waiting.cancel()
    assert code(waiting) == 0
    assert not (path / "starts").exists()


@pytest.mark.parametrize("road", ["fast", "slow"])
def test_starter_knows_that_the_waiting_process_is_dead(
    host: Host, directory: int, road: str
) -> None:
    """A process that was killed while it waited cannot be released."""
    waiting = take(host.starter, road, directory)
    os.kill(waiting.pid, signal.SIGKILL)
    assert code(waiting) == -signal.SIGKILL
    assert not waiting.go(directory, -1, -1)
    waiting.cancel()


def test_starter_has_the_next_process_ready(host: Host, path: Path) -> None:
    """After each start one waits again, and it is the one that runs next."""
    service = host.begin(path)
    host.until(lambda: service.pid)
    waiting = host.starter.waiting
    assert waiting
    age(service)
    os.kill(service.pid, signal.SIGKILL)
    host.until(lambda: service.pid == waiting.pid)
    assert host.starter.waiting is not waiting


def test_starter_does_not_keep_a_dead_process(host: Host) -> None:
    """One that was killed while nobody needed it is forgotten, and leaves no zombie."""
    host.starter.prepare()
    waiting = host.starter.waiting
    assert waiting
    os.kill(waiting.pid, signal.SIGKILL)
    host.until(lambda: host.starter.waiting is None)
    assert not Path(f"/proc/{waiting.pid}").exists()
    host.starter.prepare()
    assert host.starter.waiting


def test_starter_keeps_the_next_when_the_last_dies_unused(host: Host, directory: int) -> None:
    """A process that was handed out and cancelled takes nobody with it."""
    host.starter.prepare()
    handed_out = host.starter.take(directory)
    host.starter.prepare()
    waiting = host.starter.waiting
    assert waiting
    handed_out.cancel()
    host.until(lambda: not Path(f"/proc/{handed_out.pid}").exists())
    assert host.starter.waiting is waiting


def copy_true(path: Path) -> None:
    """Make a run that is a binary."""
    shutil.copy("/bin/true", path / "run")


def foreign(path: Path) -> None:
    """Make a run that is a binary of no machine."""
    data = bytearray(Path("/bin/true").read_bytes()[:4096])
    data[18:20] = b"\xff\xff"
    (path / "run").write_bytes(data)


def text(first_line: bytes, mode: int = 0o755) -> "object":
    """Give a maker of a script."""

    def make(path: Path) -> None:
        (path / "run").write_bytes(first_line + b"\necho $$ >>starts\n")
        (path / "run").chmod(mode)

    return make


# How to make run, whether a shell may execute it, and the errno of those that nobody can.
RUNS = {
    "sh": (text(b"#!/bin/sh"), True, 0),
    "sh with a word": (text(b"#!/bin/sh -e"), True, 0),
    "sh after blanks": (text(b"#! \t/bin/sh -e "), True, 0),
    "NUL in the line": (text(b"#!/bin/sh\0x"), True, 0),
    "binary": (copy_true, True, 0),
    "CRLF": (text(b"#!/bin/sh\r"), False, errno.ENOENT),
    "no #!": (text(b"echo"), False, errno.ENOEXEC),
    "empty": (lambda path: (path / "run").write_bytes(b""), False, errno.ENOEXEC),
    "no word": (text(b"#! "), False, errno.ENOEXEC),
    "relative": (text(b"#!sh"), False, errno.ENOENT),
    "no interpreter": (text(b"#!/no/such"), False, errno.ENOENT),
    "interpreter a directory": (text(b"#!/tmp"), False, errno.EACCES),
    "not executable": (text(b"#!/bin/sh", 0o644), False, errno.EACCES),
    "foreign": (foreign, False, errno.ENOEXEC),
    "long": (text(b"#!/bin/" + b"x" * 300), False, errno.ENOEXEC),
    "missing": (lambda path: (path / "run").unlink(), False, errno.ENOENT),
}


@pytest.mark.parametrize("name", RUNS)
def test_starter_finds_the_road_and_the_error(
    host: Host, path: Path, directory: int, name: str
) -> None:
    """A shell gets only what it cannot but execute; of all else the errno is known."""
    make, is_plain, number = RUNS[name]
    (path / "run").write_bytes(b"")
    make(path)  # type: ignore[operator]
    assert host.starter.is_plain(directory) == is_plain
    waiting = host.starter.wait_in_fork()
    waiting.go(directory, -1, -1)
    wstatus = code(waiting)
    said = os.read(waiting.error, 16)
    os.close(waiting.error)
    if number:
        assert (wstatus, int(said or b"0")) == (111, number)
    else:
        assert said == b""


def test_starter_looks_again_at_an_interpreter_that_changed(
    host: Host, path: Path, directory: int
) -> None:
    """What was found of an interpreter holds only as long as it is the same file."""
    mine = path / "interpreter"
    shutil.copy("/bin/sh", mine)
    (path / "run").write_text(f"#!{mine}\n")
    assert host.starter.is_plain(directory)
    executable(mine, 'exec /bin/sh "$@"')
    assert not host.starter.is_plain(directory)
    mine.unlink()
    assert not host.starter.is_plain(directory)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\n", b"/bin/sh"),
        (b"#!/bin/sh", b"/bin/sh"),
        (b"#!  \t/bin/sh\t-e\n", b"/bin/sh"),
        (b"#!/bin/sh\r\n", b"/bin/sh\r"),
        (b"#!/bin/s\0h\n", b"/bin/s"),
        (b"#!\n/bin/sh", b""),
        (b"#!/a\xa0b\x0bc\n", b"/a\xa0b\x0bc"),
    ],
    ids=repr,
)
def test_starter_reads_a_first_line_as_the_kernel(head: bytes, expected: bytes) -> None:
    """Blanks are spaces and tabs; the end is a newline or a NUL; all else belongs to the name."""
    assert interpreter(head) == expected


@pytest.mark.parametrize(
    ("env", "is_exact"),
    [
        ({}, True),
        ({b"PWD": b"/stale", b"X": b"a\nb'\\"}, True),
        ({b"A.B": b"x"}, False),
        ({b"IFS": b"0"}, False),
        ({b"pysvscan_in": b"x"}, False),
    ],
    ids=repr,
)
def test_starter_trusts_a_shell_only_with_what_it_hands_on(
    env: dict[bytes, bytes], is_exact: bool
) -> None:
    """An environment that the shell would change, or obey, takes the slow road."""
    with hosting(env) as host:
        host.starter.prepare()
        assert host.starter.shell_is_exact == is_exact
        assert (host.starter.waiting is not None) == is_exact


def test_inherited_leaves_no_descriptor_to_services(tmp_path: Path) -> None:
    """What is open by chance is closed when a service starts; 0, 1 and 2 are something at least."""
    path = scan.service(tmp_path / "a", "exec ls -l /proc/self/fd >seen 2>&1")
    fd = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(fd, True)
    argv = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *OURS, "supervise", "a"]
    with subprocess.Popen(argv, cwd=tmp_path, pass_fds=[fd]) as process:
        seen = path / "seen"
        wait_until(lambda: seen.exists() and " 2 -> " in seen.read_text())
        process.kill()
    os.close(fd)
    targets = [line.split(" -> ")[1] for line in seen.read_text().splitlines() if " -> " in line]
    assert targets[0] == "/dev/null"
    assert "/dev/zero" not in targets


def limited(pid: int, soft: int) -> None:
    """Let a process have so many descriptors."""
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def test_starter_survives_the_lack_of_descriptors(tmp_path: Path) -> None:
    """No descriptor at a start: said, and tried again until there is one; nothing is left over."""
    path = scan.service(tmp_path / "a", RUN)
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        process = subprocess.Popen([*OURS, "supervise", "a"], cwd=tmp_path, stderr=stderr)
    try:
        first = scan.wait_up(path)
        wait_until(lambda: (path / "starts").exists())
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
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2  # the service, and the next that waits
    finally:
        process.kill()
        process.wait()
        os.kill(scan.pid(path), signal.SIGKILL)


def test_inherited_hands_on_no_blocked_sigchld() -> None:
    """SIGCHLD is unblocked, as C supervise does for its service; the rest stays as it was."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR2})
    try:
        assert Inherited(ENV, frozenset()).mask == before | {signal.SIGUSR2}
        assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
