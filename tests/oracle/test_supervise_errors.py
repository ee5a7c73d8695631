"""What supervise and svscan say where something is wrong, beside C's words and exit codes.

Not tested: how often a line is said (a deviation: C repeats it each second).
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fifos import unread
from tests.oracle.runner import Pair, count, environment
from tests.oracle.supervised import Supervised
from tests.wait import wait_until

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]
Make = Callable[[Path], object]


def script(
    path: Path, text: str | bytes = "#!/bin/sh\nexec sleep 100\n", mode: int = 0o755
) -> None:
    """Make a file, executable or not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def folder(path: Path) -> None:
    """Make a directory and those above it."""
    path.mkdir(parents=True)


# What ends supervise: its word, and how to make it.
ENDS: dict[str, tuple[list[str], Make]] = {
    "no word": ([], lambda _: None),
    "two words": (["a", "b"], lambda _: None),
    "missing": (["a"], lambda _: None),
    "empty word": ([""], lambda _: None),
    "a dash": (["--"], lambda _: None),
    "long": (["x" * 300], lambda _: None),
    "a file": (["a"], lambda top: script(top / "a")),
    "a loop": (["a"], lambda top: (top / "a").symlink_to("a")),
    "down loops": (["a"], lambda top: (folder(top / "a"), (top / "a/down").symlink_to("down"))),
    "supervise a file": (["a"], lambda top: script(top / "a/supervise")),
    "supervise loops": (
        ["a"],
        lambda top: (folder(top / "a"), (top / "a/supervise").symlink_to("supervise")),
    ),
    "lock a directory": (["a"], lambda top: folder(top / "a/supervise/lock")),
    "control a directory": (["a"], lambda top: folder(top / "a/supervise/control")),
    "control a socket": (["a"], lambda top: socket_at(top / "a/supervise/control")),
}

# What supervise goes on after: how to make run, or something else.
GOES_ON: dict[str, Make] = {
    "missing": lambda _: None,
    "not executable": lambda path: script(path / "run", mode=0o644),
    "a directory": lambda path: folder(path / "run"),
    "without #!": lambda path: script(path / "run", "sleep 100\n"),
    "empty": lambda path: script(path / "run", ""),
    "no interpreter": lambda path: script(path / "run", "#!/no/such\n"),
    "relative interpreter": lambda path: script(path / "run", "#!sh\n"),
    "empty interpreter": lambda path: script(path / "run", "#!\n"),
    "interpreter a directory": lambda path: script(path / "run", "#!/tmp\n"),
    "interpreter not executable": lambda path: script(path / "run", "#!/etc/passwd\n"),
    "CRLF": lambda path: script(path / "run", "#!/bin/sh\r\nexec sleep 100\r\n"),
    "a long first line": lambda path: script(path / "run", "#!" + "x" * 300 + "\n"),
    "a broken binary": lambda path: script(path / "run", b"\x7fELF" + b"x" * 60),
    "a loop": lambda path: (path / "run").symlink_to("run"),
    "a dangling link": lambda path: (path / "run").symlink_to("nothing"),
    "a FIFO": lambda path: os.mkfifo(path / "run", 0o755),
    "a device": lambda path: (path / "run").symlink_to("/dev/null"),
    "status a directory": lambda path: folder(path / "supervise/status"),
}


def socket_at(path: Path) -> None:
    """Make a socket."""
    import socket

    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


@pytest.mark.parametrize("name", ENDS)
def test_supervise_says_why_it_cannot_begin_as_c(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each thing that ends supervise has C's words and exit code."""
    monkeypatch.chdir(tmp_path)
    words, make = ENDS[name]
    make(tmp_path)
    result = oracle("supervise").compare(words, cwd=tmp_path, label="supervise: errors")
    assert (result.code, result.out) == (100 if len(words) != 1 else 111, b"")
    assert result.err


@pytest.mark.parametrize("name", ["missing", "a/file"])
def test_svscan_says_why_it_cannot_begin_as_c(oracle: Oracle, tmp_path: Path, name: str) -> None:
    """A scan directory that is none."""
    script(tmp_path / "a/file")
    result = oracle("svscan").compare([name], cwd=tmp_path, label="svscan: errors")
    assert result.code == 111


def test_supervise_finds_the_lock_held_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """Whoever holds supervise/lock supervises, theirs or ours."""
    folder(tmp_path / "a/supervise")
    with (tmp_path / "a/supervise/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = oracle("supervise").compare(["a"], cwd=tmp_path, label="supervise: errors")
    assert b"temporary failure" in result.err


@pytest.mark.root
def test_supervise_says_what_is_forbidden_as_c(oracle: Oracle, nobody_path: Path) -> None:
    """An account that may not enter, or not write, is told so in C's words."""
    pair = oracle("supervise")
    script(nobody_path / "a/run")
    said = []
    for mode in (0o600, 0o755):
        (nobody_path / "a").chmod(mode)
        said.append(pair.compare(["a"], cwd=nobody_path, account="nobody").err)
    folder(nobody_path / "a/supervise")
    for name, mode in (("lock", 0o400), ("lock", 0o600), ("control", 0), ("control", 0o444)):
        (nobody_path / "a/supervise").chmod(0o777)
        if name == "lock":
            script(nobody_path / "a/supervise/lock", "", mode)
        else:
            (nobody_path / "a/supervise/lock").chmod(0o666)
            (nobody_path / "a/supervise/control").unlink(missing_ok=True)
            os.mkfifo(nobody_path / "a/supervise/control")
            (nobody_path / "a/supervise/control").chmod(mode)
        said.append(pair.compare(["a"], cwd=nobody_path, account="nobody").err)
    assert len(set(said)) > 3


def first_lines(argv: list[str], where: Path, number: int) -> list[bytes]:
    """Run a program until it has said so many different lines, and give them in order."""
    log = where.parent / f"{where.name}.stderr"
    with log.open("wb") as stderr:
        # A session of its own: ours warns of a shell's job, which the tests may be.
        process = subprocess.Popen(
            argv, cwd=where, env=environment(), stderr=stderr, start_new_session=True
        )

    def lines() -> list[bytes]:
        return list(dict.fromkeys(log.read_bytes().split(b"\n")[:-1]))

    try:
        wait_until(lambda: len(lines()) >= number)
    finally:
        family = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.wait()
        for pid in family:
            kill(int(pid))
    return lines()


def kill(pid: int) -> None:
    """Kill what may be dead already."""
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("name", GOES_ON)
def test_supervise_says_why_a_service_does_not_run_as_c(
    oracle: Oracle, tmp_path: Path, name: str
) -> None:
    """Each thing that keeps ./run from running has C's words, and supervise goes on."""
    pair = oracle("supervise")
    said = []
    for program in (pair.c, pair.ours):
        where = tmp_path / f"side{len(said)}"
        folder(where / "a")
        GOES_ON[name](where / "a")
        if name.startswith("status"):
            script(where / "a/down")
        said.append(first_lines([program, "a"], where, 1))
    assert said[1] == said[0]
    assert len(said[0]) == 1
    count("supervise: errors")


def test_svscan_says_why_services_do_not_run_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """The same of hosted services: nothing that C svscan and its children do not say."""
    pair = oracle("svscan")
    said = []
    for program in (pair.c, pair.ours):
        where = tmp_path / f"side{len(said)}"
        for name, make in GOES_ON.items():
            folder(where / name)
            make(where / name)
        script(where / "status a directory/down")
        said.append(sorted(first_lines([program], where, len(GOES_ON))))
    assert said[1] == said[0]
    count("svscan: errors", len(GOES_ON))


@pytest.mark.root
@pytest.mark.deviation("supervise-fork-failure")
def test_supervise_retries_a_fork_that_fails(oracle: Oracle, nobody_path: Path) -> None:
    """Without a process to be had C sleeps a minute; we obey, and start when there is one."""
    pair = oracle("supervise")
    script(nobody_path / "c/run")
    script(nobody_path / "ours/run")
    with ExitStack() as stack:
        c = limited(stack, pair.c, nobody_path / "c")
        why = b"temporary failure\n"
        assert c == b"supervise: warning: unable to fork for c, sleeping 60 seconds: " + why
        ours = limited(stack, pair.ours, nobody_path / "ours")
        assert ours == b"supervise: warning: unable to fork for ours: " + why


def limit(pid: int, soft: str) -> None:
    """Limit the processes that this one may start; it is nobody's, so nobody does it."""
    argv = ["prlimit", f"--pid={pid}", f"--nproc={soft}:"]
    subprocess.run(argv, user=65534, group=65534, extra_groups=(), check=True)


def limited(stack: ExitStack, program: str, path: Path) -> bytes:
    """Run a supervise that may not start a process, ask it to, and give what it says."""
    for place in (path, path.parent):
        os.chown(place, 65534, 65534)
    (path / "down").touch()
    log = path.parent / f"{path.name}.stderr"
    process = subprocess.Popen(
        [program, path.name],
        cwd=path.parent,
        env=environment(),
        stderr=stack.enter_context(log.open("wb")),
        user=65534,
        group=65534,
        extra_groups=(),
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    service = Supervised(path, process)
    stack.callback(service.close)
    limit(process.pid, "1")
    ahead = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    os.write(service.control, b"u")
    if ahead:  # a shell was waiting, from before
        os.kill(wait_until(service.pid), signal.SIGKILL)
    said = wait_until(log.read_bytes)
    if b"sleeping" in said:
        os.write(service.control, b"d")  # for a minute nobody reads it
        assert unread(service.control) == 1
    else:
        limit(process.pid, "1000")
        wait_until(service.pid)
        assert service.send(b"d").status == bytes(5) + b"d"
    return said
