"""Built-in logs whose directory cannot be written, through svscan and its logger process.

Not tested: a file system that hangs.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import counters
from pysvscan.core.counters import Counts
from tests import logs
from tests.chaos import flood
from tests.scan import Scan, pid, scanning
from tests.wait import wait_until

pytestmark = [pytest.mark.slow]
LINES = 40_000  # more than a disk of 64 kB, a read and a pipe hold
SEQ = f"seq 1 {LINES}; >counted; exec sleep 1000"
ALL = b"".join(b"%d\n" % number for number in range(1, LINES + 1))
NOTICE = re.compile(rb"pysvscan: (\d+) lines, (\d+) bytes lost\n")
POLICIES = ("block", "drop-archives", "drop-lines")


def mount(*words: object) -> None:
    """Mount something; skip where that is not permitted."""
    argv = ["mount", *map(str, words)]
    if os.geteuid() or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("mount is not permitted")


@contextlib.contextmanager
def mounted(path: Path, options: str) -> Iterator[None]:
    """Mount a disk in memory."""
    path.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", options, "pysvscan-test", path)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def counted(service: Path) -> Counts:
    """Read what a log has counted."""
    directory = os.open(service / "log", os.O_RDONLY)
    try:
        return counters.read(directory)
    finally:
        os.close(directory)


@pytest.mark.root
def test_full_disks_follow_their_policies(tmp_path: Path) -> None:
    """Each does what its service.toml says; the log beside them gets all, and notices nothing."""
    with contextlib.ExitStack() as stack:
        for full in POLICIES:
            stack.enter_context(mounted(tmp_path / full, "size=64k"))
        beside = logs.service(tmp_path / "scan/beside", SEQ, "s4096 n9999 ./main")
        for full in POLICIES:
            script = f"s4096 n99 {tmp_path}/{full}/main"
            logs.service(tmp_path / "scan" / full, SEQ, script, full=full)
        scan = stack.enter_context(scanning(tmp_path / "scan"))
        see_full(scan, tmp_path, beside)
        for full in POLICIES:
            mount("-o", "remount,size=4m", tmp_path / full)
        see_room(scan, tmp_path)


def see_full(scan: Scan, disks: Path, beside: Path) -> None:
    """See what happens while the disks are full."""
    pausing = "logger: warning: {0}/log: unable to write to {1}/{0}/main/current, pausing"
    wait_until(lambda: logs.text(beside / "log/main") == ALL)
    assert counted(beside).retries == 0
    for full in ("block", "drop-lines"):
        scan.wait_said(pausing.format(full, disks) + ": out of disk space")
    for full in ("drop-archives", "drop-lines"):  # they read on
        wait_until((scan.path / full / "counted").exists)
    assert not (scan.path / "block/counted").exists()
    assert not any("beside" in line for line in scan.lines())


def see_room(scan: Scan, disks: Path) -> None:
    """See what is in the logs when there is room again."""
    wait_until(lambda: logs.text(disks / "block/main") == ALL)
    wait_until(lambda: logs.text(disks / "drop-archives/main").endswith(ALL[-100:]))
    assert ALL.endswith(logs.text(disks / "drop-archives/main"))
    removed = f"archives in {disks}/drop-archives/main"
    assert any(line.endswith(removed) for line in scan.lines())
    notice = wait_until(lambda: NOTICE.search(logs.text(disks / "drop-lines/main")))
    kept = NOTICE.sub(b"", logs.text(disks / "drop-lines/main"))
    assert ALL.startswith(kept)
    assert [int(it) for it in notice.groups()] == [LINES - kept.count(b"\n"), len(ALL) - len(kept)]
    lost = {full: LINES if full == "drop-lines" else 0 for full in POLICIES}
    lost["drop-lines"] -= kept.count(b"\n")
    wait_until(lambda: {full: counted(scan.path / full).lines_lost for full in POLICIES} == lost)


def start_multilog(where: Path) -> "subprocess.Popen[bytes]":
    """Start C's multilog, and wait until it has the lock."""
    where.mkdir()
    process = subprocess.Popen(["multilog", "./main"], cwd=where, stdin=subprocess.PIPE)
    wait_until((where / "main/current").exists)  # it locks before it makes that
    return process


def test_directory_of_others(tmp_path: Path) -> None:
    """One that C's multilog has locked holds its own service only, and goes on by itself."""
    run = "echo ours; exec sleep 1000"
    locked = tmp_path / "outside"
    theirs = start_multilog(locked)
    bad = logs.service(tmp_path / "scan/bad", run, f"{locked}/main")
    good = logs.service(tmp_path / "scan/good", run)
    with scanning(tmp_path / "scan") as scan:
        wait_until(lambda: logs.text(good / "log/main") == b"ours\n")
        said = f"logger: warning: bad/log: unable to lock directory {locked}/main"
        wait_until(lambda: any(line.startswith(said) for line in scan.lines()))
        assert pid(bad / "log") == 0
        theirs.communicate(b"theirs\n")
        wait_until(lambda: logs.text(locked / "main") == b"theirs\nours\n")
        assert logs.logger(bad) == logs.logger(good)
        assert len(scan.lines()) == 1


@pytest.mark.root
def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """One on a disk that is read-only holds its own service only, and goes on by itself."""
    run = "echo ours; exec sleep 1000"
    disk = tmp_path / "disk"
    with mounted(disk, "ro"):
        bad = logs.service(tmp_path / "scan/bad", run, f"{disk}/main")
        good = logs.service(tmp_path / "scan/good", run)
        with scanning(tmp_path / "scan") as scan:
            wait_until(lambda: logs.text(good / "log/main") == b"ours\n")
            said = "logger: warning: bad/log: unable to "
            wait_until(lambda: any(line.startswith(said) for line in scan.lines()))
            assert pid(bad / "log") == 0
            mount("-o", "remount,rw", disk)
            wait_until(lambda: logs.text(disk / "main") == b"ours\n")
            assert logs.logger(bad) == logs.logger(good)


KILLS = 4


def test_files_of_a_killed_logger_are_those_of_multilog(tmp_path: Path) -> None:
    """KILLed at any moment, its directory is continued by C's multilog, and that by the next."""
    flooding = tmp_path / "scan/a"
    flood.make(flooding, logs.settings("s16384 n9999 ./main"), 0.01)
    with contextlib.closing(Scan(tmp_path / "scan")) as scan:
        number = 0
        for turn in range(KILLS):
            number = logs.logger(flooding, number)
            lines = flood.written(flooding) + 6000  # half a second: no delay for it
            wait_until(lambda lines=lines: flood.written(flooding) > lines)  # type: ignore[misc]
            with stopped(scan):
                os.kill(number, signal.SIGKILL)
                continue_by_multilog(flooding / "log", b"multilog's %d\n" % turn)
        logs.logger(flooding, number)
        assert scan.stop() == 0
    text, found = logs.text(flooding / "log/main"), flood.Found(flooding / "log/main")
    assert re.findall(rb"multilog's (\d)\n", text) == [b"%d" % turn for turn in range(KILLS)]
    assert (found.torn, found.twice, found.back) == (KILLS, 0, 0), "torn are those of multilog"
    assert found.last + 1 >= flood.written(flooding)
    assert len(found.gaps) <= KILLS
    assert all(size <= 65536 + 120 for _, size in found.gaps)


@contextlib.contextmanager
def stopped(scan: Scan) -> Iterator[None]:
    """Have svscan do nothing for a while: no logger comes back."""
    scan.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: ") T " in Path(f"/proc/{scan.process.pid}/stat").read_text())
    try:
        yield
    finally:
        scan.process.send_signal(signal.SIGCONT)


def continue_by_multilog(log: Path, line: bytes) -> None:
    """Have C's multilog write a line into the same directory.

    It waits for no lock; a killed process lets go of its own when its last thread has ended.
    """
    argv = ["multilog", "s16384", "n9999", "./main"]
    wait_until(lambda: subprocess.run(argv, cwd=log, input=line).returncode == 0)
