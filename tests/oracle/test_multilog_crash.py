"""A log directory left by a KILL at any step, C's or ours, is continued by C and by us."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pysvscan import (
    archives,
    child,
    current,
    logdir,
    multilog,
    pathexec,
    processor,
    recovery,
    strand,
)
from pysvscan.core import script
from tests.oracle import multilog_runner as runner
from tests.oracle.runner import Pair, count, environment
from tests.wait import wait_until

MODULES = (archives, child, current, logdir, processor, recovery, strand)
pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]

SCRIPTS = {
    "plain": ["s4096", "n99", "./d"],
    "processor": ["s4096", "n99", "!cat; cat <&4 >&5; echo z >&5", "./d"],
}
# Three files' worth in one write, so that recovery, rotation and end are all in one short run.
LINES = b"".join(b"%06d\n" % number for number in range(1000))
LATER = b"later\n" * 400
CALLS = (
    "write",
    "rename",
    "link",
    "unlink",
    "openat",
    "fchmod",
    "chmod",
    "fsync",
    "close",
    "flock",
)
HARMLESS = ("fsencode", "WIFSIGNALED")


class DeadlyOs:
    """The module os, until its nth call: that one is KILL."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.pid = os.getpid()  # a processor's calls do not count

    def __getattr__(self, name: str) -> Any:
        """Return a name of os; a function is counted when it is called."""
        value = getattr(os, name)
        return self.counted(value) if callable(value) and name not in HARMLESS else value

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.nth -= os.getpid() == self.pid
            if not self.nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call


def run_forked(words: list[str], data: bytes, cwd: Path, nth: int = 0) -> int:
    """Run our multilog in a fork of this process, which is ten times cheaper than a start.

    Args:
        words: the script.
        data: its input.
        cwd: where it runs.
        nth: it dies before the nth call of cyclog; 0: never.

    Returns:
        Exit code, or minus the signal.
    """
    source = Path(f"{cwd}.in")
    source.write_bytes(data)
    pid = os.fork()
    if not pid:
        try:
            os.dup2(os.open(source, os.O_RDONLY), 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.chdir(cwd)
            os.umask(0o022)
            if nth:
                deadly = DeadlyOs(nth)
                for module in MODULES:
                    module.os = deadly  # type: ignore[attr-defined]
            parsed = script.parse([os.fsencode(word) for word in words])
            os._exit(multilog.Multilog(parsed).run(pathexec.Chain(dict(os.environb))))
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def prepare(where: Path, words: list[str], oracle: Oracle) -> None:
    """Make a directory that needs recovery: what a C multilog leaves when it is killed."""
    where.mkdir()
    process = runner.start(oracle("multilog").c, words, where)
    assert process.stdin
    os.write(process.stdin.fileno(), b"early\n")
    wait_until(
        lambda: (where / "d" / "current").exists() and runner.text(where / "d") == b"early\n"
    )
    process.kill()
    process.wait()
    process.stdin.close()


def can_trace() -> bool:
    """Say whether there is a strace, and it may trace."""
    words = ("strace", "-qq", "-o", "/dev/null", "true")
    return (
        bool(shutil.which("strace")) and not subprocess.run(words, capture_output=True).returncode
    )


def c_deaths(oracle: Oracle, words: list[str], prepared: Path) -> Iterator[Path]:
    """Kill the C multilog at each system call of a run; yields the directory each time."""
    if (
        not shutil.which("strace")
        or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode
    ):
        pytest.skip("no strace, or it may not trace here: nothing to kill the C multilog with")
    for call in CALLS:
        for nth in range(1, 1000):
            where = Path(f"{prepared}-{call}{nth}")
            shutil.copytree(prepared, where)
            inject = f"inject={call}:signal=KILL:when={nth}"
            traced = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
            argv = [*traced, oracle("multilog").c, *words]
            code = subprocess.run(
                argv, cwd=where, input=LINES, env=environment(), stderr=subprocess.DEVNULL
            ).returncode
            if runner.text(where / "d") != b"early\n" or not code:
                yield where
            if not code:
                break


def our_deaths(_oracle: Oracle, words: list[str], prepared: Path) -> Iterator[Path]:
    """Kill our multilog at each call of a run; yields the directory each time."""
    for nth in range(1, 1000):
        where = Path(f"{prepared}-{nth}")
        shutil.copytree(prepared, where)
        code = run_forked(words, LINES, where, nth)
        assert code in (0, -signal.SIGKILL)
        yield where
        if not code:
            break


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("deaths", [c_deaths, our_deaths], ids=["c", "ours"])
def test_multilog_killed_at_each_call_is_continued_by_both(
    oracle: Oracle, ram_path: Path, deaths: Callable[..., Iterator[Path]], name: str
) -> None:
    """Whoever was killed before whichever call: the next one keeps each line, once, in order."""
    words, died = SCRIPTS[name], 0
    prepare(ram_path / "prepared", words, oracle)
    for where in deaths(oracle, words, ram_path / "prepared"):
        before = runner.text(where / "d")
        assert before in b"early\n" + LINES
        kinds = [after(where, by, words, before, oracle) for by in ("by-c", "by-ours")]
        assert kinds[0] == kinds[1], where.name
        count("multilog: KILL at each system call")
        died += 1
    assert died > 30, "not one rotation"


def copy(source: Path, target: Path) -> None:
    """Copy a log directory: contents, modes, and which names are one file."""
    target.mkdir()
    copies: dict[int, Path] = {}
    for path in source.iterdir():
        number = path.stat().st_ino
        if number in copies:
            (target / path.name).hardlink_to(copies[number])
        else:
            copies[number] = Path(shutil.copy2(path, target))


def after(where: Path, by: str, words: list[str], before: bytes, oracle: Oracle) -> set[str]:
    """Let one of the two continue a copy of the directory; returns the kinds of its files."""
    directory = where / by
    copy(where / "d", directory)
    words = [*words[:-1], f"./{by}"]
    if by == "by-ours":
        code = run_forked(words, LATER, where)
    else:
        code = runner.run(oracle("multilog").c, words, [LATER], where).code
    assert (code, runner.text(directory)) == (0, before + LATER), f"{where.name} {by}"
    empty = [path for path in runner.archives(directory) if not path.stat().st_size]
    assert not empty or by == "by-c"
    for path in empty:
        path.unlink()
    assert not (directory / "state").read_bytes().strip(b"z\n")
    return runner.kinds(directory)


def turning(
    pair: Pair, turn: int, words: list[str], cwd: Path, reading: int
) -> subprocess.Popen[bytes]:
    """Start the one whose turn it is."""
    program = (pair.c, pair.ours)[turn % 2]
    with Path(f"{cwd}.err").open("ab") as err:
        return subprocess.Popen(
            [program, *words], cwd=cwd, stdin=reading, stderr=err, env=environment()
        )


def test_multilog_killed_at_random_loses_a_read_at_most(oracle: Oracle, ram_path: Path) -> None:
    """C and ours by turns on one pipe and directory, killed while they write.

    A KILL loses what was read and not yet written, at most one read; nothing comes twice or out
    of order.
    """
    pair, chance = oracle("multilog"), random.Random(2)  # noqa: S311 (repeatable)
    words = ["s5000", "n99999", "!cat", "./d"]
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writing, False)
    sent = 0
    processes: list[subprocess.Popen[bytes]] = []
    for turn in range(16):
        end = sent + chance.randrange(100, 20000)
        before = len(list(ram_path.glob("d/@*")))
        processes.append(turning(pair, turn, words, ram_path, reading))

        def is_done(turn: int = turn, end: int = end, before: int = before) -> bool:
            nonlocal sent
            if processes[-1].poll() is not None:  # a processor held the lock until it was executed
                processes.append(turning(pair, turn, words, ram_path, reading))
            with contextlib.suppress(BlockingIOError):
                while sent < end:
                    os.write(writing, b"%07d\n" % sent)
                    sent += 1
            return sent == end and len(list(ram_path.glob("d/@*"))) > before

        wait_until(is_done)
        processes[-1].kill()
        processes[-1].wait()
        count("multilog: KILL at a random moment")
    os.close(writing)
    wait_until(lambda: not turning(pair, 1, words, ram_path, reading).wait())
    os.close(reading)
    lines = runner.text(ram_path / "d").split(b"\n")
    numbers = [int(line) for line in lines if len(line) == 7]
    broken = [line for line in lines[:-1] if len(line) != 7]
    gaps = [new - old for old, new in zip([-1, *numbers], numbers, strict=False) if new != old + 1]
    assert numbers[-1] == sent - 1
    assert all(0 < gap * 8 <= 65536 + 16 for gap in gaps), gaps
    assert len(gaps) <= 16
    assert len(broken) <= 16, broken
