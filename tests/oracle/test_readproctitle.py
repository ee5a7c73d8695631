"""readproctitle beside C's: the command line of the process, read in /proc."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.oracle.runner import Pair, count, environment, run
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]


@pytest.mark.parametrize(
    "words",
    [[], ["a"], ["a", "bbbb"], ["a", ""], ["-z", "true"], ["--"], ["bbbbb"], ["a", "b" * 5]],
    ids=repr,
)
def test_readproctitle_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str]) -> None:
    """Exit codes, and never a word."""
    oracle("readproctitle").compare(words, cwd=tmp_path, stdin=b"abc\n")
    for shell in ('exec "$@" <&-', 'exec "$@" >/dev/full 2>&1'):
        pair = oracle("readproctitle")
        by_c, ours = (
            run(["/bin/sh", "-c", shell, "sh", prog, *words], cwd=tmp_path)
            for prog in (pair.c, pair.ours)
        )
        assert ours == by_c
        count("readproctitle")


class Shown:
    """A readproctitle at work."""

    def __init__(self, words: list[str | bytes], cwd: Path) -> None:
        self.process = subprocess.Popen(
            words, cwd=cwd, stdin=subprocess.PIPE, env=environment(A="1"), bufsize=0
        )

    def last(self) -> bytes:
        """Give the last argument, as ps shows it."""
        return Path(f"/proc/{self.process.pid}/cmdline").read_bytes()[:-1].rpartition(b"\0")[2]

    def environ(self) -> bytes:
        """Give the environment, which comes right after the title in memory."""
        return Path(f"/proc/{self.process.pid}/environ").read_bytes()

    def write(self, data: bytes) -> None:
        """Give it something to show."""
        assert self.process.stdin
        self.process.stdin.write(data)

    def close(self) -> int:
        """End its input."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(60)


@settings(max_examples=15)
@given(
    size=st.integers(5, 40),
    chunks=st.lists(st.binary(max_size=30) | st.text("ab\0\n", max_size=6).map(str.encode)),
)
@example(size=5, chunks=[b"abcdef", b"\0", b"gh"])
@example(size=400, chunks=[b"x" * 399, b"y" * 70_000, b"z"])
@example(size=40, chunks=[b"svscan: warning: unable to stat x: access denied\n", b"\xff\t\r\x1b"])
def test_readproctitle_shows_what_c_shows(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, size: int, chunks: list[bytes]
) -> None:
    """Any bytes, in any pieces: after each piece the same title; nothing else is overwritten."""
    pair, where = oracle("readproctitle"), tmp_path_factory.getbasetemp()
    dots = "x" * size
    by_c, ours = (Shown([prog, "service errors:", dots], where) for prog in (pair.c, pair.ours))
    for it in (by_c, ours):
        wait_until(lambda it=it: it.last() == b"." * size)  # type: ignore[misc]
    for chunk in chunks:
        kept = chunk.replace(b"\0", b"")
        for it in (by_c, ours):
            before = it.last()
            it.write(chunk)
            expected = before[:3] + (before[3:] + kept)[-(size - 3) :]
            wait_until(lambda it=it, title=expected: it.last() == title)  # type: ignore[misc]
        assert ours.last() == by_c.last()
        count("readproctitle")
    assert b"\0A=1\0" in b"\0" + ours.environ()
    assert (ours.close(), by_c.close()) == (0, 0)


@pytest.mark.root
def test_readproctitle_shows_after_setuidgid(oracle: Oracle, nobody_path: Path) -> None:
    """In a chain that gave up root, where the kernel lets the process see its memory no more."""
    setuidgid, title = oracle("setuidgid"), oracle("readproctitle")
    for first, second in ((setuidgid.c, title.c), (setuidgid.ours, title.ours)):
        it = Shown([first, "nobody", second, "errors:", "x" * 20], nobody_path)
        it.write(b"hello\n")
        wait_until(lambda it=it: it.last() == b"..............hello\n")  # type: ignore[misc]
        assert os.stat(f"/proc/{it.process.pid}").st_uid != 0
        assert it.close() == 0
        count("readproctitle")
