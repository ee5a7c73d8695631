"""setlock beside C's."""

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count, environment, run
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

# What the child has open, and what became of the file.
SHOW = (
    r"ls -l /proc/self/fd | sed 's/.* \([0-9]* -> \)/\1/; s/:.*//; s,/proc/.*,,'; "
    'stat -c "%A %s %n" l*; cat l'
)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["l"],
        ["-n"],
        ["-n", "l"],
        ["--", "l"],
        ["-z", "l", "true"],
        ["-nz", "l", "true"],
        [b"-\xff", "l", "true"],
        ["l", "true"],
        ["l", "sh", "-c", "exit 7"],
        ["-", "true"],
        ["--", "l", "true"],
        ["--x", "l", "true"],
        ["-n", "l", "-n", "true"],
        ["", "true"],
        ["-x", "", "true"],
        [".", "true"],
        ["missing/l", "true"],
        ["-x", "missing/l", "true"],
        ["-xX", "missing/l", "true"],
        ["-Xx", "missing/l", "true"],
        ["-X", "-x", "missing/l", "true"],
        ["fifo", "true"],
        ["-nx", "fifo", "true"],
        ["loop", "true"],
        ["dangling", "sh", "-c", "ls"],
        [b"\xff\xfe", "true"],
        ["-x", "l", "missing"],
        ["-n", "held", "true"],
        ["-nN", "-n", "held", "true"],
        ["-nx", "held", "true"],
        ["-nxX", "held", "true"],
        ["-n", "l", "SELF", "-n", "l", "true"],
        ["-n", "l", "SELF", "-nx", "l", "true"],
        ["-n", "l", "SELF", "-n", "l2", "sh", "-c", SHOW],
        ["l", "sh", "-c", SHOW],
    ],
    ids=repr,
)
def test_setlock_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str | bytes]) -> None:
    """Options, messages, exit codes, the descriptor that the child inherits, the file's mode."""
    pair = oracle("setlock")
    results = []
    for prog in (pair.c, pair.ours):
        where = tmp_path / "where"
        where.mkdir()
        os.mkfifo(where / "fifo")
        (where / "loop").symlink_to("loop")
        (where / "dangling").symlink_to("made")
        held = os.open(where / "held", os.O_CREAT | os.O_WRONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        filled = [{"SELF": prog}.get(os.fsdecode(word), word) for word in words]
        results.append(run([prog, *filled], cwd=where))
        os.close(held)
        where.rename(tmp_path / f"was-{len(results)}")
    assert results[1] == results[0]
    count("setlock")


def test_setlock_keeps_what_is_in_the_file(oracle: Oracle, tmp_path: Path) -> None:
    """The file is neither cut nor touched, and its mode stays."""
    (tmp_path / "l").write_text("text\n")
    (tmp_path / "l").chmod(0o640)
    result = oracle("setlock").compare(["l", "sh", "-c", SHOW], cwd=tmp_path)
    assert b"-rw-r----- 5 l\ntext\n" in result.out


@pytest.mark.parametrize("options", [[], ["-N"], ["-nN"], ["-x"]], ids=repr)
@pytest.mark.parametrize("holder", ["c", "ours"])
def test_setlock_waits(oracle: Oracle, tmp_path: Path, options: list[str], holder: str) -> None:
    """C waits for our lock, and ours for C's, until the last that inherited it is gone."""
    pair = oracle("setlock")
    first, second = (pair.c, pair.ours) if holder == "c" else (pair.ours, pair.c)
    held = subprocess.Popen(
        [first, "l", "sh", "-c", "sleep 600 >/dev/null & echo $!; exec cat >/dev/null"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout
    assert held.stdin
    sleeper = int(held.stdout.readline())
    waiting = subprocess.Popen([second, *options, "l", "touch", "done"], cwd=tmp_path)
    lock = f"-> FLOCK  ADVISORY  WRITE {waiting.pid} "
    wait_until(lambda: lock in Path("/proc/locks").read_text())
    held.stdin.close()
    assert held.wait() == 0
    assert lock in Path("/proc/locks").read_text()  # the sleeper has it
    os.kill(sleeper, 9)
    assert waiting.wait(60) == 0
    assert (tmp_path / "done").exists()
    held.stdout.close()
    count("setlock")


@pytest.mark.parametrize("number", [1, 2, 15])
def test_setlock_dies_waiting(oracle: Oracle, tmp_path: Path, number: int) -> None:
    """A signal ends the wait as it ends C's; nothing is said."""
    fd = os.open(tmp_path / "l", os.O_CREAT | os.O_WRONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    for prog in (oracle("setlock").c, oracle("setlock").ours):
        waiting = subprocess.Popen(
            [prog, "l", "true"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE
        )
        lock = f"-> FLOCK  ADVISORY  WRITE {waiting.pid} "
        wait_until(lambda lock=lock: lock in Path("/proc/locks").read_text())  # type: ignore[misc]
        waiting.send_signal(number)
        assert waiting.communicate() == (None, b"")
        assert waiting.returncode == -number
        count("setlock")
    os.close(fd)


@pytest.mark.root
def test_setlock_is_refused_as_c(oracle: Oracle, nobody_path: Path) -> None:
    """Who may not write is told so, and -x says nothing."""
    (nobody_path / "l").write_text("")
    for words in (["l", "true"], ["-x", "l", "true"], ["new", "true"]):
        oracle("setlock").compare(words, cwd=nobody_path, account="nobody")
