"""fghack beside C's: what it waits for, what the child inherits, what it says."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count, environment, run
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

FDS = r"ls -l /proc/self/fd | sed 's/.* \([0-9]* -> \)/\1/; s,/proc/.*,,'"
DAEMON = "(echo x >&3; exec >/dev/null 2>&1 </dev/null; cat fifo; touch gone) & exit 3"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-x", "true"],
        ["--", "true"],
        ["true"],
        ["false"],
        ["sh", "-c", "exit 7"],
        ["sh", "-c", "exit 255"],
        ["sh", "-c", "kill -9 $$"],
        ["sh", "-c", "kill -15 $$"],
        ["sh", "-c", "echo x >&3; echo y >&4; exit 1"],
        ["cat"],
    ],
    ids=repr,
)
def test_fghack_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str]) -> None:
    """Usage, the child's code or "child crashed"; what is written into the pipe is nothing."""
    oracle("fghack").compare(words, cwd=tmp_path, stdin=b"input\n")


@pytest.mark.parametrize(
    "shell",
    ["", "exec 3</dev/null 7</dev/null", "exec <&-", "exec <&- 2>&-", "ulimit -n 20"],
    ids=repr,
)
def test_fghack_gives_the_child_the_descriptors_of_c(
    oracle: Oracle, tmp_path: Path, shell: str
) -> None:
    """One end of a pipe under 31 numbers, as many as there is room for, and nothing else."""
    pair = oracle("fghack")
    results = []
    for prog in (pair.c, pair.ours):
        words = ["/bin/sh", "-c", f'{shell or ":"}; exec "$@"', "sh", prog, "/bin/sh", "-c", FDS]
        result = run(words, cwd=tmp_path)
        out = re.sub(rb"(pipe|socket):\[\d+\]", b"#", result.out)
        results.append((result.code, out, result.err))
    assert results[1] == results[0]
    assert shell or results[0][1].count(b"#") == 34
    count("fghack")


@pytest.mark.parametrize(
    "daemon", [DAEMON, "setsid sh -c '" + DAEMON + "'"], ids=["fork", "setsid"]
)
def test_fghack_waits_for_a_daemon(oracle: Oracle, tmp_path: Path, daemon: str) -> None:
    """The daemon is in the background, its parent has ended: fghack waits, then has its code."""
    os.mkfifo(tmp_path / "fifo")
    for prog in (oracle("fghack").c, oracle("fghack").ours):
        process = subprocess.Popen([prog, "sh", "-c", daemon], cwd=tmp_path, env=environment())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        writer = os.open(tmp_path / "fifo", os.O_WRONLY)  # returns when the daemon reads
        (child,) = children.read_text().split()
        state = Path(f"/proc/{child}/stat")
        wait_until(lambda state=state: ") Z " in state.read_text())  # type: ignore[misc]
        assert process.poll() is None
        assert not (tmp_path / "gone").exists()
        os.close(writer)
        assert process.wait(60) == 3
        (tmp_path / "gone").unlink()
        count("fghack")


def test_fghack_alone_is_killed(oracle: Oracle, tmp_path: Path) -> None:
    """A signal to fghack ends fghack, not what it runs."""
    os.mkfifo(tmp_path / "fifo")
    for prog in (oracle("fghack").c, oracle("fghack").ours):
        words = [prog, "sh", "-c", "cat fifo; touch gone"]
        process = subprocess.Popen(words, cwd=tmp_path, env=environment())
        writer = os.open(tmp_path / "fifo", os.O_WRONLY)
        process.terminate()
        assert process.wait(60) == -15
        assert not (tmp_path / "gone").exists()
        os.close(writer)
        wait_until((tmp_path / "gone").exists)
        (tmp_path / "gone").unlink()
        count("fghack")
