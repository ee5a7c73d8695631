"""svscanboot beside Debian's script, whose directory is exchanged for one of ours."""

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pysvscan import logfinding, scandirectory, strerr
from pysvscan.core.restart import SECOND_NS
from pysvscan.respawn import Kept, Respawn, catches
from tests.conftest import Installed
from tests.oracle.runner import C_DIRECTORIES, Result, c_program, count, environment, run
from tests.traps import trapped
from tests.wait import wait_until

pytestmark = pytest.mark.oracle

# The service says a line, and leaves what it was given.
RUN = """#!/bin/sh
echo hello >&2
{ readlink /proc/$$/fd/0; tr '\\0' '\\n' </proc/$$/environ | sort; } >new
pipes=$(readlink /proc/$$/fd/1 /proc/$$/fd/2)
echo "$pipes" >pipes
mv new given
exec sleep 1000
"""


def debian_script(directory: Path) -> str:
    """Read Debian's svscanboot, with this scan directory and the C programs in it, or skip."""
    for place in C_DIRECTORIES:
        path = Path(place, "svscanboot")
        if (
            path.is_file()
            and path.read_text().startswith("#!/bin/sh\n")
            and "svc -dx" in (text := path.read_text())
        ):
            break
    else:
        pytest.skip("no svscanboot to compare with: Debian's daemontools is not installed")
    for name in ("svc", "svscan", "readproctitle"):
        text = text.replace(f"{name} ", f"{c_program(name)} ")
    return text.replace("/etc/service", str(directory)).replace("/service/", f"{directory}/")


def scan_directory(where: Path) -> Path:
    """Make a scan directory of one service."""
    (where / "scan/x").mkdir(parents=True)
    (where / "scan/x/run").write_text(RUN)
    (where / "scan/x/run").chmod(0o755)
    return where / "scan"


def titles(pipe: str) -> dict[int, list[bytes]]:
    """Find who reads a pipe: pid and command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "fd/0") == pipe:
                found[int(process.name)] = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
    return found


def shown(directory: Path) -> tuple[str, int, list[bytes]]:
    """Wait for the service; give what it was given, and its readproctitle's pid and words."""
    wait_until((directory / "x/given").exists)
    pipes = (directory / "x/pipes").read_text().split()
    assert len(set(pipes)) == 1
    wait_until(lambda: any(b"hello" in words[-2] for words in titles(pipes[0]).values()))
    ((pid, words),) = titles(pipes[0]).items()
    return (directory / "x/given").read_text(), pid, words[-4:-1]


@contextmanager
def debians(where: Path) -> Iterator[Path]:
    """Run Debian's."""
    directory = scan_directory(where)
    process = subprocess.Popen(
        ["/bin/sh", "-c", debian_script(directory)], env=environment(A="1"), start_new_session=True
    )
    try:
        yield directory
    finally:
        run([c_program("svc"), "-dx", "x"], cwd=directory)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def ours(
    installed: Installed, directory: Path, **changes: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ours; it ends by TERM, if it has not before, and then stops everything."""
    words = [installed.program("svscanboot"), str(directory)]
    env = environment(A="1", **changes)
    process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(60) in (0, -signal.SIGKILL)


def is_supervised(installed: Installed, directory: Path) -> bool:
    """Say whether the service has a supervisor."""
    return run([installed.program("svok"), "x"], cwd=directory).code == 0


def svscan(boot: int, but: int = 0) -> int:
    """Wait until svscan hears TERM, and is another than that; give its pid."""

    def found() -> int:
        pids = [pid for pid in children(boot) if pid != but and not is_title(pid)]
        return next((pid for pid in pids if catches(pid, signal.SIGTERM)), 0)

    def found_alive() -> int:
        with suppress(OSError):  # a child that ended while we looked
            return found()
        return 0

    return wait_until(found_alive)


def is_title(pid: int) -> bool:
    """Say whether a child of svscanboot's is its readproctitle."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-3:-2] == [b"errors:"]


def running(directory: Path) -> bytes:
    """Give the service's pid, as its status has it."""
    return (directory / "x/supervise/status").read_bytes()[12:16]


@pytest.mark.slow
@pytest.mark.deviation("svscanboot-services-stay")
def test_svscanboot_starts_what_debians_starts(installed: Installed, tmp_path: Path) -> None:
    """A service's environment and descriptors, and the title that shows what it says.

    svscan leads a session. When it is killed, the next one takes the service over; when the title
    is, another reads the same pipe; TERM ends all. No child of ours keeps a signal blocked, and no
    program or home of another is in its way.
    """
    with debians(tmp_path / "c") as directory:
        given, _, words = shown(directory)
    directory = scan_directory(tmp_path / "ours")
    with (
        trapped(installed, tmp_path / "home") as traps,
        ours(installed, directory, **traps) as boot,
    ):
        assert shown(directory)[::2] == (given, words)
        first, title, pid = svscan(boot.pid), shown(directory)[1], running(directory)
        assert os.getsid(first) == first
        assert blocked(first) == blocked(title) == blocked(int.from_bytes(pid, "little")) == 0
        os.kill(first, signal.SIGKILL)
        second = svscan(boot.pid, but=first)
        wait_until(lambda: is_supervised(installed, directory))
        os.kill(second, signal.SIGHUP)
        boot.send_signal(signal.SIGHUP)
        pipe = os.readlink(f"/proc/{second}/fd/2")
        said = b"svscanboot: warning: svscan died of signal 9, starting it again in 1 s"
        wait_until(lambda: said in titles(pipe)[title][-2])
        os.kill(title, signal.SIGKILL)
        wait_until(lambda: titles(pipe).keys() - {title, boot.pid})
        assert running(directory) == pid
        boot.terminate()
        assert boot.wait(60) == 0
        assert not is_supervised(installed, directory)
        assert running(directory) == bytes(4)
        wait_until(lambda: not titles(pipe))
    count("svscanboot")


def blocked(pid: int) -> int:
    """Give the signals that a process blocks."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("SigBlk:")).split()[1], 16)


@pytest.mark.slow
def test_svscanboot_stops_what_runs_at_any_moment(installed: Installed, tmp_path: Path) -> None:
    """TERM before svscan hears it, and while there is none: nothing is left running.

    While a former svscan lives, whose svscanboot was killed, the new one stops nothing.
    """
    directory = scan_directory(tmp_path)
    with ours(installed, directory) as boot:
        wait_until(lambda: children(boot.pid))
    assert boot.returncode == 0
    assert not is_supervised(installed, directory)
    with ours(installed, directory) as boot:
        os.kill(svscan(boot.pid), signal.SIGKILL)
    assert (boot.returncode, running(directory)) == (0, bytes(4))
    with ours(installed, directory) as boot:
        first = svscan(boot.pid)
        wait_until(lambda: running(directory) != bytes(4))
        boot.kill()
    words = [installed.program("svscanboot"), str(directory)]
    second = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: children(second.pid))
    second.terminate()
    assert second.wait(60) == 111
    assert is_supervised(installed, directory)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: not is_supervised(installed, directory))


def children(pid: int) -> list[int]:
    """List the children of a process; svscanboot blocks what it hears before it has any."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("lived_s", "delays_s"), [(0, [1, 2, 4, 8]), (59, [1, 2, 4, 8]), (60, [1, 1, 1, 1])]
)
def test_svscan_that_dies_young_waits_longer(lived_s: int, delays_s: list[int]) -> None:
    """One second, two, four, unless it has lived for a minute."""
    kept = Kept(os.getpid)
    found = []
    for _ in delays_s:
        kept.due_ns = 0
        kept.start_if_due()
        kept.started_ns -= lived_s * SECOND_NS
        found.append(kept.died() // SECOND_NS)
        kept.start_if_due()
        assert kept.pid == 0
    assert found == delays_s


def test_svscanboot_goes_on_where_no_process_can_be_had() -> None:
    """It says so, and tries again; what runs already keeps the reader of its errors."""
    said = []

    def fail() -> int:
        raise OSError(errno.EAGAIN, "")

    def say(message: str, cause: BaseException | None) -> None:
        said.append((message, strerr.reason(cause or OSError())))

    respawn = Respawn(fail, os.getpid, say)
    for delay_s in (1, 2):
        respawn.svscan.due_ns = 0
        respawn.start_if_due(respawn.svscan)
        respawn.start_if_due(respawn.svscan)
        respawn.start_if_due(respawn.title)
        assert said.pop() == (f"unable to fork, trying again in {delay_s} s", "temporary failure")
        assert (respawn.svscan.pid, respawn.title.pid, said) == (0, os.getpid(), [])
        assert 0 < (respawn.timeout_s() or 0) <= delay_s
    respawn.pass_on(signal.SIGHUP)  # who has mended what was wrong need not wait
    assert (respawn.timeout_s(), respawn.is_stopping) == (0, False)


def test_svscanboot_takes_one_directory(installed: Installed, tmp_path: Path) -> None:
    """More words are a usage error."""
    result = run([installed.program("svscanboot"), "a", "b"], cwd=tmp_path)
    assert result == Result(100, b"", b"svscanboot: usage: svscanboot [dir]\n")


def test_the_scan_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bernstein's, or else Debian's; where there is neither, svscan says so of the first.

    svlog and svinstance look there, too, but where SVDIR says another.
    """
    first, second = (os.fsencode(tmp_path / name) for name in ("service", "etc"))
    monkeypatch.setattr(scandirectory, "USUAL", (first, second))
    monkeypatch.delenv("SVDIR", raising=False)
    assert scandirectory.usual() == first
    os.mkdir(second)
    assert scandirectory.usual() == second == logfinding.scan_directory()
    os.mkdir(first)
    assert scandirectory.usual() == first
    monkeypatch.setenv("SVDIR", "other")
    assert logfinding.scan_directory() == b"other"
