"""What comes through one pipe of a logger process costs no other: long lines, errors, accounts."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pysvscan.allocator import KEEPING
from tests import logs
from tests.fifos import unread_at
from tests.scan import command, executable, pid, scanning
from tests.wait import wait_until

pytestmark = [pytest.mark.slow]
LONG = 100_000_000
LONG_LINE = f"head -c {LONG} /dev/zero | tr '\\0' x; echo; echo after; exec sleep 1000"
SCRIPTS = {"plain": "s16777215 n99", "stamped": "t -no* s16777215 n99"}


def memory_kb(number: int) -> int:
    """Give the most memory that a process ever had."""
    return int(field(number, "VmHWM")[0])


def field(number: int, name: str) -> list[str]:
    """Give a line of /proc/PID/status."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}:")).split()[1:]


def size(directory: Path) -> int:
    """Give the bytes of a log."""
    with contextlib.suppress(FileNotFoundError):  # it has another name now
        return sum(it.stat().st_size for it in [*directory.glob("@*"), directory / "current"])
    return 0


@pytest.mark.parametrize("pure", ["", "1"])
def test_long_line(tmp_path: Path, pure: str) -> None:
    """A line of 100 MB passes, and the logger takes no more memory for it than for a read."""
    environment = {"PATH": "/usr/bin:/bin", "PYSVSCAN_PURE": pure}
    expected = {name: LONG + 7 + 52 * (name == "stamped") for name in SCRIPTS}
    for name, script in SCRIPTS.items():
        path = logs.service(tmp_path / "scan" / name, LONG_LINE, f"{script} ./main")
        (path / "down").touch()
    with scanning(tmp_path / "scan", env=environment) as scan:
        (number,) = set(logs.ready(scan, *SCRIPTS))
        before = memory_kb(number)
        for name, wanted in expected.items():
            main = scan.path / name / "log/main"
            (scan.path / name / "supervise/control").write_bytes(b"u")
            wait_until(lambda main=main, wanted=wanted: size(main) == wanted)
            see_long_line(main)
        assert memory_kb(number) < before + 8192
        assert logs.logger(path) == number
        assert scan.lines() == []


def see_long_line(main: Path) -> None:
    """See that all is there, and remove it."""
    xs = 0
    for it in sorted(main.glob("@*")):
        xs += it.read_bytes().count(b"x")
        it.unlink()
    last = (main / "current").read_bytes()
    assert xs + last.count(b"x") == LONG
    assert last.endswith(b"after\n")


# The logger process, with a script that raises where a line says so: once, then no more.
PLANTED = """
import os, sys
from pysvscan import logger
from pysvscan.core.script import Script
feed, raised = Script.feed, []
def feed_badly(self, pipe, data, now_ns):
    if b"raise\\n" in data and not raised:
        raised.append(0)
        raise ZeroDivisionError("of the test")
    return feed(self, pipe, data, now_ns)
Script.feed = feed_badly
os._exit(logger.main(sys.argv[1], int(sys.argv[2])))
"""
# svscan, with an interpreter that starts that one for its logger.
SCAN = """
import sys
from pysvscan.__main__ import run
sys.executable = {interpreter!r}
run("pysvscan", sys.argv[1:])
"""


def planted(directory: Path) -> tuple[str, ...]:
    """Name the program of a svscan whose logger raises."""
    (directory / "planted.py").write_text(PLANTED)
    interpreter = directory / "interpreter"
    ours = f"exec {sys.executable} -I"
    case = f'*pysvscan.logger*) shift 3; {ours} {directory}/planted.py "$@";;'
    executable(interpreter, f'case "$*" in {case} esac\nexec {sys.executable} "$@"')
    return (sys.executable, "-I", "-c", SCAN.format(interpreter=str(interpreter)))


def test_chunk_that_raises(tmp_path: Path) -> None:
    """It sets its own pipe aside, in the same process; no line is missing or there twice."""
    flow = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; "
    bad = logs.service(tmp_path / "scan/bad", flow + "echo raise; " + flow + "exec sleep 1000")
    good = logs.service(tmp_path / "scan/good", flow + "exec sleep 1000")
    numbers = b"".join(b"%d\n" % number for number in range(1, 2001))
    with scanning(tmp_path / "scan", program=planted(tmp_path)) as scan:
        wait_until(lambda: logs.text(good / "log/main") == numbers)
        wait_until(lambda: logs.text(bad / "log/main") == numbers + b"raise\n" + numbers)
        assert logs.logger(bad) == logs.logger(good)
        said = scan.lines()
    words = "logger: warning: bad/log: set aside for 1 s: ZeroDivisionError('of the test') in "
    assert len(said) == 1
    assert said[0].startswith(words)


@pytest.mark.root
def test_account_is_taken_before_anything_is_read(nobody_path: Path, nobody: str) -> None:
    """As by setuidgid; for an unknown one nothing is read, and nobody else notices.

    What the logger does not need of root's environment it and its processor do not have.
    """
    run = "echo one; echo two; exec sleep 1000"
    path = nobody_path / "scan"
    for name, user in (("good", nobody), ("bad", "no-such-account")):
        logs.service(path / name, run, '"!/usr/bin/env >given; cat" ./main', user=user)
    for name in ("good", "bad"):
        (path / name / "log/main").mkdir(mode=0o700)
        shutil.chown(path / name / "log/main", nobody)
    secret = nobody_path / "secret"
    needed = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}
    env = {**needed, "HOME": "/root", "SECRET": "x"}
    with secret.open("x") as roots, scanning(path, pass_fds=[roots.fileno()], env=env) as scan:
        number = logs.logger(path / "good")
        for it in (scan.process.pid, number, pid(path / "good")):
            open_files = [os.readlink(fd) for fd in Path(f"/proc/{it}/fd").iterdir()]
            assert (str(secret) in open_files) == (it == scan.process.pid)
        assert [field(number, it) for it in ("CapPrm", "CapEff", "CapAmb")] == [["0" * 16]] * 3
        ours = {name: field(number, name) for name in ("Uid", "Gid", "Groups")}
        assert ours == setuidgid(nobody)
        kept = {*map(os.fsdecode, KEEPING)}
        assert variables(Path(f"/proc/{number}/environ"), b"\0") == {*needed, *kept}
        scan.wait_said("logger: fatal: unknown account no-such-account")
        wait_until(lambda: unread_at(scan.path / "bad/supervise/pipe") == 8)
        assert pid(path / "bad/log") == 0
        logs.replace(path / "bad/service.toml", logs.settings("./main", user=nobody))
        wait_until(lambda: logs.text(path / "bad/log/main") == b"one\ntwo\n")
        assert logs.ready(scan, "good", "bad") == [number, number]
        assert logs.text(path / "good/log/main") == b"one\ntwo\n"
        command(path / "good/log", b"a")
        given = wait_until(lambda: variables(path / "good/log/main/given", b"\n"))
        assert given - {"PWD", "SHLVL", "_"} == {*needed}  # what a shell adds


def variables(file: Path, end: bytes) -> set[str]:
    """List the names in an environment; none while the file is not there."""
    entries = logs.content(file).split(end)
    return {os.fsdecode(entry.partition(b"=")[0]) for entry in entries if entry}


def setuidgid(account: str) -> dict[str, list[str]]:
    """Ask C's program what an account is."""
    argv = ["/usr/bin/setuidgid", account, "cat", "/proc/self/status"]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {name: found[name].split() for name in ("Uid", "Gid", "Groups")}
