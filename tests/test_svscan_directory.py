"""svscan: the scan directory, what names are in it, and who has it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import scan
from tests.scan import (
    LOGGER,
    SLEEP,
    Scan,
    is_alive,
    is_supervised,
    read,
    scanning,
    service,
    untouched,
    wait_started,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow


NAMES = (
    b"new\nline",
    b"\xff\xfe not utf-8",
    b"-dash",
    b"a" * 255,
    b"sp ace",
    b"$(id)",
    b"'",
    b"\\",
)


def test_names_of_any_bytes_are_services(tmp_path: Path) -> None:
    """Whatever a name's bytes: it starts, by inotify too, obeys, and is named as it is."""
    path = tmp_path / "service"
    service(tmp_path / "outside", f"echo hello; {SLEEP}", LOGGER)
    with scanning(path, "good") as found, untouched(found, "good"):
        where = [path / os.fsdecode(name) for name in NAMES]
        for new in where:
            shutil.copytree(tmp_path / "outside", new)
        for new in where:
            wait_up(new)
            wait_until(lambda new=new: read(new / "log/main/current") == "hello\n")
        (path / os.fsdecode(b"bad\xff")).symlink_to("nowhere")
        found.look()
        line = b"svscan: warning: unable to stat bad\xff: file does not exist\n"
        assert found.said.read_bytes() == line


def test_second_svscan_says_so(running: Scan) -> None:
    """It exits 111 with a clear line, and touches nothing."""
    second = subprocess.run(running.program, capture_output=True, timeout=60)
    line = f"svscan: fatal: unable to lock {running.path}, another svscan runs there"
    assert (second.returncode, second.stderr.decode()) == (111, f"{line}: temporary failure\n")


@pytest.mark.parametrize("is_job", [False, True])
def test_svscan_that_is_a_job_of_a_shell_says_so(tmp_path: Path, is_job: bool) -> None:
    """Once; in a session of its own it is silent."""
    setting: dict[str, Any] = {"preexec_fn": lambda: os.setpgid(0, 0)} if is_job else {}
    with scanning(tmp_path / "service", "one", start_new_session=not is_job, **setting) as found:
        found.look()
        line = "running as a shell's job, whose signals reach all services; use setsid"
        assert found.lines() == [f"svscan: warning: {line}"] * is_job


def test_scan_directory_that_is_missing_is_said(tmp_path: Path) -> None:
    """As any command, with 111."""
    got = subprocess.run([*scan.OURS, "svscan", "nowhere"], cwd=tmp_path, capture_output=True)
    line = b"svscan: fatal: unable to chdir to nowhere: file does not exist\n"
    assert (got.returncode, got.stderr) == (111, line)


def test_svscan_that_was_killed_finds_all_again(tmp_path: Path) -> None:
    """A new svscan takes over what runs, each process as it was."""
    path = tmp_path / "service"
    service(path / "logged", SLEEP, LOGGER)
    with scanning(path, "one") as found:
        wait_started(path / "logged")
        wait_started(path / "logged/log", "multilog")
        with untouched(found, "one", "logged", "logged/log"):
            found.process.kill()
            found.process.wait()
            found.start()
            wait_until(lambda: is_supervised(path / "logged/log"))
            found.look()
        before = found.pids("one", "logged", "logged/log")
        assert found.stop() == 0
        assert not any(is_alive(number) for number in before)
        assert found.lines() == []
        found.start()


def test_tick_finds_new_directories_without_inotify(tmp_path: Path) -> None:
    """With no inotify instance left: said once, and found at the next tick."""
    program = (*scan.OURS[:2], "-c", WITHOUT_INOTIFY)
    with scanning(tmp_path / "service", "good", program=program) as found:
        with untouched(found, "good"):
            service(tmp_path / "service/new", SLEEP, LOGGER)
            wait_up(tmp_path / "service/new")
            wait_up(tmp_path / "service/new/log")
        reason = "fs.inotify.max_user_instances, or the limit of descriptors, is reached"
        line = f"svscan: warning: unable to use inotify, looking every 5 s: {reason}"
        assert found.lines() == [line]


WITHOUT_INOTIFY = """
import sys
from pysvscan import svscan, watch
svscan.TICK_NS //= 5
def none(self):
    raise OSError(watch.REASONS[24])
watch.Watch.open = none
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""
