"""The stand-in road: which ./run a shell may execute, and which environment it may hand on.

Not tested: a run that loses its #! between the look at it and its execution, one to two
milliseconds; the shell runs it.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.shell import Shell, interpreter
from tests import scan
from tests.hosted import Host, age, hosting
from tests.runs import RUNS
from tests.scan import executable


@pytest.fixture
def host() -> Iterator[Host]:
    """Give a host that starts by this road."""
    with hosting(None, "shell") as made:
        yield made


@pytest.fixture
def shell(host: Host) -> Shell:
    """Give its road."""
    assert isinstance(host.starter.road, Shell)
    return host.starter.road


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory."""
    return scan.service(tmp_path / "a")


@pytest.fixture
def directory(path: Path) -> Iterator[int]:
    """Give that directory's descriptor."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_shell_has_the_next_process_ready(host: Host, shell: Shell, path: Path) -> None:
    """After each start one waits again, and it is the one that runs next."""
    service = host.begin(path)
    host.until(lambda: service.pid)
    waiting = shell.waiting
    assert waiting
    age(service)
    os.kill(service.pid, signal.SIGKILL)
    host.until(lambda: service.pid == waiting.pid)
    assert shell.waiting is not waiting


def test_shell_does_not_keep_a_dead_process(host: Host, shell: Shell) -> None:
    """One that was killed while nobody needed it is forgotten, and leaves no zombie."""
    shell.prepare()
    waiting = shell.waiting
    assert waiting
    os.kill(waiting.pid, signal.SIGKILL)
    host.until(lambda: shell.waiting is None)
    assert not Path(f"/proc/{waiting.pid}").exists()
    shell.prepare()
    assert shell.waiting


def test_shell_keeps_the_next_when_the_last_dies_unused(
    host: Host, shell: Shell, directory: int
) -> None:
    """A process that was handed out and cancelled takes nobody with it."""
    shell.prepare()
    handed_out = shell.take(directory)
    assert handed_out
    shell.prepare()
    waiting = shell.waiting
    assert waiting
    handed_out.cancel()
    host.until(lambda: not Path(f"/proc/{handed_out.pid}").exists())
    assert shell.waiting is waiting


@pytest.mark.parametrize("name", RUNS)
def test_shell_gets_only_what_it_cannot_but_execute(
    shell: Shell, path: Path, directory: int, name: str
) -> None:
    """A plain script or binary; of all else a shell would make something of its own."""
    make, is_plain, _ = RUNS[name]
    make(path)
    assert shell.is_plain(directory) == is_plain


def test_shell_looks_again_at_an_interpreter_that_changed(
    shell: Shell, path: Path, directory: int
) -> None:
    """What was found of an interpreter holds only as long as it is the same file."""
    mine = path / "interpreter"
    shutil.copy("/bin/sh", mine)
    (path / "run").write_text(f"#!{mine}\n")
    assert shell.is_plain(directory)
    executable(mine, 'exec /bin/sh "$@"')
    assert not shell.is_plain(directory)
    mine.unlink()
    assert not shell.is_plain(directory)


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
def test_shell_reads_a_first_line_as_the_kernel(head: bytes, expected: bytes) -> None:
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
def test_shell_trusts_a_shell_only_with_what_it_hands_on(
    env: dict[bytes, bytes], is_exact: bool
) -> None:
    """An environment that the shell would change, or obey, takes the slow road."""
    with hosting(env, "shell") as host:
        assert isinstance(host.starter.road, Shell) == is_exact
