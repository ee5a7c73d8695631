"""Runs the C multilog and ours on the same input, and says what each left behind.

A directory's lines are compared as one text, archives in the order of their names, then `current`:
where a file ends depends on how the input was cut into reads, in C as well.
"""

import os
import re
import select
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.oracle.forked import memory
from tests.oracle.runner import Pair, count, environment

LABEL = re.compile(rb"@[0-9a-f]{24} ")
MASK = b"@ "
STOPPED_S = 60  # reached only where a multilog hangs
IGNORING = re.compile(rb"multilog: warning: ignoring unknown action .*\n")


@dataclass(frozen=True)
class Left:
    """What one multilog left.

    Attributes:
        texts: per directory, all its lines.
        kinds: per directory, the kinds of its files: `.s`, `.u`, `current`, …
        files: what the =files hold.
        err: stderr.
        code: the exit code.
    """

    texts: dict[str, bytes]
    kinds: dict[str, set[str]]
    files: dict[str, bytes]
    err: bytes
    code: int


def masked(data: bytes) -> bytes:
    """Hide the stamps."""
    return LABEL.sub(MASK, data)


def archives(directory: Path) -> list[Path]:
    """List a directory's archives, oldest first."""
    return sorted(path for path in directory.iterdir() if path.name.startswith("@"))


def text(directory: Path) -> bytes:
    """Join all that a directory holds, the files of an unfinished rotation in their place."""
    names = [directory / name for name in ("previous", "current")]
    if (directory / "processed").exists() and (directory / "processed").stat().st_mode & 0o100:
        names[0] = directory / "processed"
    linked = {path.stat().st_ino for path in archives(directory)}
    rest = [path for path in names if path.exists() and path.stat().st_ino not in linked]
    return b"".join(path.read_bytes() for path in [*archives(directory), *rest])


def kinds(directory: Path) -> set[str]:
    """List which kinds of files there are, with their modes."""
    found = set()
    for path in directory.iterdir():
        name = path.name if path.name[0] != "@" else path.name[25:]
        found.add(f"{name} {path.stat().st_mode & 0o7777:o}")
    return found


def start(program: str, words: Iterable[str | bytes], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a multilog with a pipe as its input and stderr in the file `err` beside cwd."""
    cwd.mkdir(exist_ok=True)
    with Path(f"{cwd}.err").open("ab") as err:
        return subprocess.Popen(
            [os.fsencode(program), *(os.fsencode(word) for word in words)],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stderr=err,
            env=environment(),
            bufsize=0,
            preexec_fn=restore,
        )


def restore() -> None:
    """Give the child the signals of a login shell; Python's own start ignores two."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def stderr(cwd: Path) -> bytes:
    """Return what the multilogs started in cwd have said."""
    return Path(f"{cwd}.err").read_bytes()


def left(cwd: Path, words: Sequence[str | bytes], code: int) -> Left:
    """Look at what a multilog left."""
    names = [os.fsdecode(word) for word in words]
    directories = [name for name in names if name[:1] in (".", "/")]
    return Left(
        {name: masked(text(cwd / name)) for name in directories},
        {name: kinds(cwd / name) for name in directories},
        {name: masked((cwd / name[1:]).read_bytes()) for name in names if name[:1] == "="},
        masked(IGNORING.sub(b"", stderr(cwd))),
        code,
    )


def run(program: str, words: Sequence[str | bytes], parts: Iterable[bytes], cwd: Path) -> Left:
    """Run a multilog to the end of its input."""
    process = start(program, words, cwd)
    assert process.stdin
    for part in parts:
        os.write(process.stdin.fileno(), part)
    process.stdin.close()
    return left(cwd, words, wait(process))


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process, as soon as it is there; Popen.wait looks now and then."""
    held = os.pidfd_open(process.pid)
    try:
        assert select.select([held], [], [], STOPPED_S)[0], "a multilog hangs"
    finally:
        os.close(held)
    return process.wait()


def run_forked(pair: Pair, words: Sequence[str | bytes], parts: Iterable[bytes], cwd: Path) -> Left:
    """Run ours in a fork to the end of its input, which it gets in one, as a pipe would hold it."""
    cwd.mkdir(exist_ok=True)
    with Path(f"{cwd}.err").open("ab") as err:
        source = memory(b"".join(parts))
        code = pair.forked.start(words, (source, err.fileno(), err.fileno()), cwd=cwd, env=None)
        os.close(source)
    return left(cwd, words, code)


def count_case(words: Sequence[bytes], data: bytes) -> None:
    """Count a case under each thing that it is a case of."""
    letters = {word[:1].decode().replace("/", ".") for word in words[:1] if word[:1] == b"t"}
    letters |= {word[:1].decode().replace("/", ".") for word in words if word[:1] in b"-+e=sn!./"}
    for letter in letters:
        count(f"multilog: action {letter}")
    if any(b"**" in word for word in words):
        count("multilog: a pattern with **")
    if b"\0" in data:
        count("multilog: NUL in the input")
    stamp = 26 if words[:1] == [b"t"] else 0
    for length in {len(line) + stamp for line in data.split(b"\n")} & {999, 1000, 1001}:
        count(f"multilog: a line of {length} bytes")
