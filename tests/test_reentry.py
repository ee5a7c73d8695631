"""From one image of svscan to the next where that is not straight; the rest: test_reexec."""

import os
import subprocess
import sys
import time

import pytest

from pysvscan import reentry

WORDS = ["python", "-I", "/proc/self/fd/9", "take", "8", "10", "0", "svscan", "try"]


@pytest.mark.parametrize(
    ("what", "tries", "delays"),
    [
        ("take", 0, [0, 1, 2]),
        ("take", 1, [1, 2, 4]),
        ("start", 2, [0, 1, 2]),
        ("take", 3, [2, 4, 8]),
        ("start", 1001, [60, 60, 60]),
    ],
)
def test_again_until_it_can_be_executed(
    monkeypatch: pytest.MonkeyPatch, what: str, tries: int, delays: list[int]
) -> None:
    """By other means at once, then after growing delays; whatever keeps us from executing."""
    slept: list[float] = []
    executed: list[list[str]] = []
    said: list[str] = []

    def execute(_: str, words: list[str]) -> None:
        executed.append(words)
        raise KeyboardInterrupt if len(executed) == 3 else OSError

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(os, "execv", execute)
    monkeypatch.setattr(sys, "orig_argv", WORDS)
    monkeypatch.setattr(sys, "argv", WORDS[2:])
    monkeypatch.setattr(reentry, "say", said.append)
    with pytest.raises(KeyboardInterrupt):
        reentry.again(what, ValueError(), tries)
    assert (slept, len(said)) == (delays, 1)
    assert executed == 3 * [[*WORDS[:3], what, "8", "10", str(tries + 1), *WORDS[7:]]]


def test_let_go_of_all_but_what_is_needed() -> None:
    """Whatever was open, and though not one descriptor is left."""
    lines = """
import os, resource, sys
from pysvscan import reentry
held = [os.dup(0) for _ in range(40)]
resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 1, held[-1] + 1))
sys.argv = [f"/proc/self/fd/{held[9]}", "take", str(held[5]), str(held[20]), "0"]
reentry.let_go()
left = [it for it, fd in enumerate(held) if os.path.exists(f"/proc/self/fd/{fd}")]
print(left, [os.get_inheritable(held[it]) for it in left])
"""
    words = [sys.executable, "-I", "-c", lines]
    found = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout
    assert found == b"[5, 9, 20] [True, True, True]\n"


def test_say_neither_blocks_nor_fails() -> None:
    """A full or broken pipe as stderr takes no line, and ends nobody."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    kept = os.dup(2)
    os.dup2(writer, 2)
    try:
        reentry.say("a line\n")
        assert os.read(reader, 100) == b"a line\n"
        os.write(writer, bytes(1 << 20))
        reentry.say("lost\n")
        os.close(reader)
        reentry.say("lost\n")
        reentry.say("lost \ud800\n")
    finally:
        os.dup2(kept, 2)
        for fd in (writer, kept):
            os.close(fd)
