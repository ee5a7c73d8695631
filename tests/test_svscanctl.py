"""svscanctl: a byte for svscan, or a list that asks nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scan import OURS, Scan, kill_session, pid, scanning, service, wait_up
from tests.wait import wait_until


def ask(*words: object) -> tuple[int, str, str]:
    """Run svscanctl: exit code, output, errors."""
    argv = [*OURS, "svscanctl", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


USAGE = "svscanctl: usage: svscanctl -r|-a|-t|-q|-l [dir]\n"


@pytest.mark.parametrize("words", [(), (".",), ("-z",), ("-r", "-a"), ("-r", "a", "b")])
def test_wrong_words_are_a_usage_error(words: tuple[str, ...]) -> None:
    """One option, and at most one directory."""
    assert ask(*words) == (100, "", USAGE)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    """Neither a directory without svscan nor none at all can be commanded."""
    doing = f"svscanctl: fatal: unable to control {tmp_path}: svscan not running\n"
    assert ask("-a", tmp_path) == (111, "", doing)
    (tmp_path / ".svscan").mkdir()
    os.mkfifo(tmp_path / ".svscan/control")
    assert ask("-a", tmp_path) == (111, "", doing)
    (tmp_path / ".svscan/control").unlink()
    (tmp_path / ".svscan/control").write_text("a copy")
    assert ask("-a", tmp_path) == (111, "", doing)
    assert (tmp_path / ".svscan/control").read_text() == "a copy"
    missing = f"svscanctl: fatal: unable to read directory {tmp_path}/no: file does not exist\n"
    assert ask("-l", tmp_path / "no") == (111, "", missing)


def test_list_asks_nobody(tmp_path: Path) -> None:
    """Names in order, each with its log, as svstat says it; what is no directory is none."""
    service(tmp_path / "b", log="exec cat")
    service(tmp_path / "a")
    (tmp_path / "file").touch()
    (tmp_path / ".new").mkdir()
    names = (tmp_path / it for it in ("a", "b", "b/log"))
    lines = [f"{name}: unable to open supervise/ok: file does not exist\n" for name in names]
    assert ask("-l", tmp_path) == (0, "".join(lines), "")


def is_leaving_refused(scan: Scan) -> bool:
    """Say whether svscan has said that it does not leave."""
    return any("unable to leave" in line for line in scan.lines())


@pytest.mark.slow
def test_commands_are_obeyed(tmp_path: Path) -> None:
    """-a looks, -q leaves the services, the next svscan has them, -t stops them."""
    path = tmp_path / "service"
    with scanning(path, "a"):
        (path / "b").symlink_to(service(tmp_path / "b"))
        assert ask("-a", path) == (0, "", "")
        wait_up(path / "b")
    path = tmp_path / "left"
    service(path / "a")
    scan = Scan(path)
    try:
        before = wait_up(path / "a")
        assert ask("-q", path) == (0, "", "")
        assert scan.wait_end() == 0
        session = scan.process.pid
        scan.start()
        wait_until(lambda: scan.listens() or None)
        scan.barrier()
        assert pid(path / "a") == before
        assert ask("-t", path) == (0, "", "")
        assert scan.wait_end() == 0
        assert pid(path / "a") == 0
    finally:
        scan.close()
        kill_session(session)


@pytest.mark.slow
@pytest.mark.root
def test_process_1_does_not_leave(tmp_path: Path) -> None:
    """-q would be the end of its container."""
    path = tmp_path / "service"
    service(path / "a")
    program = ("unshare", "-pf", "--mount-proc", "--kill-child", *OURS)
    if subprocess.run([*program[:-4], sys.executable, "-c", ""], capture_output=True).returncode:
        pytest.skip("no pid namespace can be had here")
    scan = Scan(path, program)
    try:
        wait_up(path / "a")
        assert ask("-q", path) == (0, "", "")
        wait_until(lambda: is_leaving_refused(scan))
        assert ask("-t", path) == (0, "", "")
        assert scan.wait_end() == 0
    finally:
        scan.process.kill()
        scan.process.wait()
