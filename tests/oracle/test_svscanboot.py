"""svscanboot beside Debian's script, whose directory is exchanged for one of ours."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pysvscan.commands import svscanboot
from tests.conftest import Installed
from tests.oracle.runner import C_DIRECTORIES, Result, c_program, count, environment, run
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
def ours(installed: Installed, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ours, in a group that it does not lead; it may be dead at the end."""
    words = [installed.program("svscanboot"), str(directory)]
    process = subprocess.Popen(words, env=environment(A="1"), stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(60) in (0, -signal.SIGKILL)


def is_supervised(installed: Installed, directory: Path) -> bool:
    """Say whether the service has a supervisor."""
    return run([installed.program("svok"), "x"], cwd=directory).code == 0


@pytest.mark.slow
@pytest.mark.deviation("svscanboot-services-stay")
def test_svscanboot_starts_what_debians_starts(installed: Installed, tmp_path: Path) -> None:
    """A service's environment and descriptors, and the title that shows what it says.

    Ours becomes svscan, and leads a session: so init sees the end of svscan itself, and TERM gets
    there. The next one takes the running service over.
    """
    with debians(tmp_path / "c") as directory:
        given, _, words = shown(directory)
    directory = scan_directory(tmp_path / "ours")
    with ours(installed, directory) as first:
        assert shown(directory)[::2] == (given, words)
        assert os.getsid(first.pid) == first.pid
        title = shown(directory)[1]
        pid = (directory / "x/supervise/status").read_bytes()[12:16]
        first.kill()
    assert not is_supervised(installed, directory)
    with ours(installed, directory):
        wait_until(lambda: is_supervised(installed, directory))
        assert (directory / "x/supervise/status").read_bytes()[12:16] == pid
        assert Path(f"/proc/{title}").exists()
    wait_until(lambda: not Path(f"/proc/{title}").exists())
    count("svscanboot")


def test_svscanboot_takes_one_directory(installed: Installed, tmp_path: Path) -> None:
    """More words are a usage error."""
    result = run([installed.program("svscanboot"), "a", "b"], cwd=tmp_path)
    assert result == Result(100, b"", b"svscanboot: usage: svscanboot [dir]\n")


def test_svscanboot_finds_the_scan_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bernstein's, or else Debian's; where there is neither, svscan says so of the first."""
    first, second = (os.fsencode(tmp_path / name) for name in ("service", "etc"))
    monkeypatch.setattr(svscanboot, "DIRECTORIES", (first, second))
    assert svscanboot.scan_directory() == first
    os.mkdir(second)
    assert svscanboot.scan_directory() == second
    os.mkdir(first)
    assert svscanboot.scan_directory() == first
