"""Runs a C program and ours with the same words, and compares what comes out.

    def test_svok_says_nothing(oracle, tmp_path):
        oracle("svok").compare(["."], cwd=tmp_path)

`oracle(NAME)` gives a Pair, or skips the test where the C program is missing. Its `c` and `ours`
are paths of the programs, for tests that need more than `compare`: start them as you like, with
`environment()`, and call `count(LABEL)` once per case compared. The terminal summary prints them.
`oracle(NAME).forked` is the pair for properties, of many examples: ours is no program there, but a
fork (forked.py).
"""

import functools
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.compared import count
from tests.oracle.forked import Server, contents, memory

C_DIRECTORIES = ("/usr/bin", "/usr/sbin", "/command", "/usr/local/bin")
TIMEOUT_S = 60  # reached only where a program hangs
MOVES = 5  # so often a second ends between two programs only where one of them is wrong

Words = Sequence[str | bytes]


def c_program(name: str) -> str:
    """Find the C program, or skip the test; a script of this name is not one."""
    for directory in C_DIRECTORIES:
        path = Path(directory, name)
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            return str(path)
    pytest.skip(f"no C {name} to compare with: Debian's daemontools is not installed")


def environment(**changes: str) -> dict[str, str]:
    """Give the environment that both programs get, and nothing of our own."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "Europe/Berlin", **changes}


@dataclass(frozen=True)
class Result:
    """What a program left behind: exit code (minus the signal it died of), stdout, stderr."""

    code: int
    out: bytes
    err: bytes


def run(
    argv: Words,
    *,
    cwd: str | Path,
    stdin: bytes = b"",
    env: dict[str, str] | dict[bytes, bytes] | None = None,
    account: str = "",
    pass_fds: Sequence[int] = (),
) -> Result:
    """Run one program to its end.

    Args:
        argv: program and words.
        cwd: where it runs.
        stdin: what it reads.
        env: instead of `environment()`.
        account: give up root for this account; needs root.
        pass_fds: descriptors it inherits beside 0, 1, 2.
    """
    identity: dict[str, Any] = {}
    if account:
        group = pwd.getpwnam(account).pw_gid
        identity = {"user": account, "group": group, "extra_groups": ()}
    process = subprocess.run(
        [os.fsencode(word) for word in argv],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment() if env is None else env,
        timeout=TIMEOUT_S,
        pass_fds=pass_fds,
        **identity,
    )
    return Result(process.returncode, process.stdout, process.stderr)


@functools.cache
def server(python: str) -> Server:
    """Give the one server of an interpreter."""
    return Server(python)


@dataclass(frozen=True)
class Pair:
    """A command: the C program and ours.

    Attributes:
        name: of the command.
        c, ours: where the programs are.
        python: the interpreter that ours runs with.
    """

    name: str
    c: str
    ours: str
    python: str

    @property
    def forked(self) -> "Forked":
        """The same pair, with ours in a fork of an interpreter that is there already."""
        return Forked(self.name, self.c, self.ours, self.python)

    def run(self, words: Words, **settings: Any) -> Result:
        """Run ours."""
        return run([self.ours, *words], **settings)

    def compare(
        self, words: Words = (), *, moving: bool = False, label: str = "", **settings: Any
    ) -> Result:
        """Run C, then ours, with the same words; assert that nothing differs, and count the case.

        Args:
            words: what follows the name.
            moving: the output holds a time in seconds, which may change between the two, and C's
                time() is that of the kernel's last tick: what differs is compared once more.
            label: counted under this instead of the name.
            settings: as for `run`.

        Returns:
            What both gave.
        """
        for _ in range(MOVES if moving else 1):
            expected = run([self.c, *words], **settings)
            got = self.run(words, **settings)
            if got == expected:
                break
        assert got == expected, f"{self.name} {words!r}: ours, then C"
        count(label or self.name)
        return got


class Forked(Pair):
    """A pair whose ours is a fork, not a program of its own."""

    def run(
        self,
        words: Words = (),
        *,
        cwd: str | Path = "/",
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        **_: Any,
    ) -> Result:
        """Run ours."""
        out, err = memory(), memory()
        stdio = (memory(stdin), out, err)
        code = self.start(words, stdio, cwd=cwd, env=env)
        os.close(stdio[0])
        return Result(code, contents(out), contents(err))

    def start(
        self, words: Words, stdio: Sequence[int], *, cwd: str | Path, env: dict[str, str] | None
    ) -> int:
        """Run ours to its end with descriptors of the caller's; give its exit code."""
        argv = [os.fsencode(word) for word in (self.name, *words)]
        given = environment() if env is None else env
        entries = {os.fsencode(name): os.fsencode(value) for name, value in given.items()}
        return server(self.python).run(argv, stdio, cwd=os.fsencode(cwd), env=entries)
