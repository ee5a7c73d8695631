"""svscan: what may be wrong in a service's supervise/, before and while it runs.

Not tested: a file system that becomes read-only under a running service; the kernel refuses that to
mount as long as the lock is open, and does it itself only after disk errors.
"""

import contextlib
import fcntl
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import scan
from tests.conftest import Installed
from tests.fifos import unread_at
from tests.scan import (
    SLEEP,
    Scan,
    command,
    is_supervised,
    mode,
    pid,
    scanning,
    service,
    untouched,
    wait_started,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def mounted(path: Path) -> Iterator[Callable[[str], None]]:
    """Have a file system of its own there; gives what makes it "ro" or "rw"."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    path.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path]).returncode:
        pytest.skip("nothing can be mounted here")

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", path], check=True)

    try:
        yield remount
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def link(running: Scan, directory: Path) -> None:
    """Have svscan take up a directory that is complete."""
    (running.path / directory.name).symlink_to(directory)


# supervise/ that cannot be had


@pytest.mark.root
def test_supervise_on_read_only_file_system_is_said_once(running: Scan, tmp_path: Path) -> None:
    """The lock cannot be made: C's line, once; it starts when that is over."""
    new = service(tmp_path / "new")
    with mounted(new / "supervise") as remount:
        remount("ro")
        link(running, new)
        for _ in range(3):
            running.look()
        line = "supervise: fatal: unable to acquire new/supervise/lock: read-only file system"
        assert running.lines() == [line]
        remount("rw")
        wait_up(new)
        running.stop_service(new)


@pytest.mark.root
def test_supervise_of_another_account_is_said_once(installed: Installed, nobody_path: Path) -> None:
    """Without root: access denied, once; it starts when supervise/ is ours."""
    path = nobody_path / "service"
    (service(path / "one") / "supervise").mkdir()
    service(path / "good")
    for directory in (nobody_path, path, path / "one", path / "good"):
        shutil.chown(directory, "nobody")
    program = scan.hurried(str(installed.python))
    account = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
    with scanning(path, program=program, **account) as running, untouched(running, "good"):
        line = "supervise: fatal: unable to acquire one/supervise/lock: access denied"
        running.wait_said(line)
        running.look()
        assert running.lines() == [line]
        shutil.chown(path / "one/supervise", "nobody")
        wait_up(path / "one")


def test_supervise_that_is_a_file_is_said_once(running: Scan, tmp_path: Path) -> None:
    """A file of that name: not a directory, once; it starts when that is gone."""
    new = service(tmp_path / "new")
    (new / "supervise").touch()
    link(running, new)
    for _ in range(3):
        running.look()
    line = "supervise: fatal: unable to acquire new/supervise/lock: not a directory"
    assert running.lines() == [line]
    (new / "supervise").unlink()
    running.look()
    wait_up(new)


@pytest.mark.parametrize("target", ["../there", "{tmp}/there"], ids=["relative", "absolute"])
def test_supervise_that_dangles_gets_its_target(running: Scan, tmp_path: Path, target: str) -> None:
    """A link that leads nowhere yet: its target is made, as by Debian's C."""
    new = service(tmp_path / "new")
    (new / "supervise").symlink_to(target.format(tmp=tmp_path))
    link(running, new)
    number = wait_up(new)
    assert (pid(new), (tmp_path / "there/status").exists()) == (number, True)
    assert running.lines() == []


# supervise/ that goes while the service runs


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_supervise_that_goes_is_made_again(running: Scan, tmp_path: Path, how: str) -> None:
    """Seen at the next look, said once; the service is the same, and obeys."""
    where = running.path / "one"
    with untouched(running, "good"):
        before = pid(where)
        (where / "supervise").rename(tmp_path / "old")
        if how == "removed":
            shutil.rmtree(tmp_path / "old")
        elif how == "replaced":
            (where / "supervise").mkdir()
        for _ in range(2):
            running.look()
        assert pid(where) == before
        line = "supervise: warning: one/supervise was removed or replaced: made again"
        assert running.lines() == [line]
        command(where, b"t")
        wait_up(where, but=before)


def test_supervise_that_cannot_be_made_again_is_said_once(running: Scan, tmp_path: Path) -> None:
    """A file in its place: the service runs on, and is commanded again when that is gone."""
    where = running.path / "one"
    before = pid(where)
    (where / "supervise").rename(tmp_path / "old")
    (where / "supervise").touch()
    for _ in range(3):
        running.look()
    line = "supervise: fatal: unable to acquire one/supervise/lock: not a directory"
    assert running.lines() == [line]
    (where / "supervise").unlink()
    running.look()
    assert pid(where) == before
    command(where, b"t")
    wait_up(where, but=before)


def test_supervise_of_a_logger_is_made_again(running: Scan, tmp_path: Path) -> None:
    """The same for log/supervise/."""
    link(running, service(tmp_path / "new", SLEEP, scan.LOGGER))
    log = tmp_path / "new/log"
    before = wait_up(log)
    (log / "supervise").rename(tmp_path / "old")
    running.look()
    assert pid(log) == before
    line = "supervise: warning: new/log/supervise was removed or replaced: made again"
    assert running.lines() == [line]


# control, ok, status


def test_owner_and_mode_are_kept(running: Scan) -> None:
    """What somebody gave control, ok and status on purpose stays, over starts and takings."""
    where = running.path / "one"
    files = [where / "supervise" / name for name in ("control", "ok", "status")]
    for file in files:
        file.chmod(0o624)
        if os.geteuid() == 0:
            os.chown(file, 12345, 54321)
    owners = [(file.stat().st_uid, file.stat().st_gid) for file in files]
    before = pid(where)
    command(where, b"k")
    wait_up(where, but=before)
    command(where, b"dx")
    wait_until(lambda: not is_supervised(where))
    running.look()
    wait_up(where)
    assert [mode(file) for file in files] == [0o624] * 3
    assert [(file.stat().st_uid, file.stat().st_gid) for file in files] == owners


@pytest.mark.parametrize("name", ["control", "ok"])
def test_file_for_a_fifo_is_said_once(running: Scan, tmp_path: Path, name: str) -> None:
    """A plain file where a FIFO belongs: said once; it starts when that is gone."""
    new = service(tmp_path / "new")
    (new / "supervise").mkdir()
    (new / "supervise" / name).touch()
    link(running, new)
    for _ in range(3):
        running.look()
    line = f"supervise: fatal: unable to read new/supervise/{name}: not a FIFO"
    assert running.lines() == [line]
    (new / "supervise" / name).unlink()
    running.look()
    wait_up(new)


def test_lock_of_another_is_said_once(running: Scan, tmp_path: Path) -> None:
    """C's line, once; it starts by itself when the lock is free."""
    new = service(tmp_path / "new")
    (new / "supervise").mkdir()
    lock = os.open(new / "supervise/lock", os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    link(running, new)
    for _ in range(3):
        running.look()
    line = "supervise: fatal: unable to acquire new/supervise/lock: temporary failure"
    assert running.lines() == [line]
    os.close(lock)
    wait_up(new)


def test_control_full_of_random_bytes_harms_nobody(running: Scan) -> None:
    """Any bytes, as many as the FIFO takes: svscan lives, and the service obeys after them."""
    draw = random.Random(0)  # noqa: S311
    where = running.path / "one"
    for _ in range(20):
        with contextlib.suppress(OSError):  # x: nobody listens for the moment
            command(where, draw.randbytes(4096))
        wait_until(lambda: unread_at(where / "supervise/control") == 0)
        running.look()
    wait_until(lambda: is_supervised(where))
    command(where, b"dx")
    wait_until(lambda: not is_supervised(where))
    running.look()
    wait_up(where)


@pytest.mark.parametrize("size", [0, 17, 4000])
def test_status_of_any_size_is_no_matter(running: Scan, tmp_path: Path, size: int) -> None:
    """A status of a wrong size is written anew; also beside a process that is taken over."""
    new = service(tmp_path / "new")
    (new / "supervise").mkdir()
    (new / "supervise/status").write_bytes(b"\xff" * size)
    link(running, new)
    wait_until(lambda: (new / "supervise/status").stat().st_size == 18)
    wait_started(new)
    before = pid(new)
    running.process.kill()
    running.process.wait()
    (new / "supervise/status").write_bytes(b"\xff" * size)
    running.start()
    wait_until(lambda: (new / "supervise/status").stat().st_size == 18)
    assert pid(new) == before
    assert running.lines() == []


@pytest.mark.parametrize("data", [b"", b"\0" * 160, b"x " * 80, b"1 " * 80, b"\xff" * 4000])
def test_child_of_any_bytes_is_a_stranger(running: Scan, tmp_path: Path, data: bytes) -> None:
    """A record that is none names nobody, and a process is started."""
    new = service(tmp_path / "new")
    (new / "supervise").mkdir()
    (new / "supervise/child").write_bytes(data)
    link(running, new)
    wait_up(new)
    assert running.lines() == []


# .svscan


def test_scan_directory_that_is_read_only_works(tmp_path: Path) -> None:
    """Services that are links run; that svscan itself cannot be commanded is said."""
    path = tmp_path / "service"
    new = service(tmp_path / "new")
    path.mkdir()
    with mounted(path) as remount:
        (path / "new").symlink_to(new)
        remount("ro")
        with scanning(path) as running:
            wait_up(new)
            line = "svscan: warning: unable to open .svscan/control: read-only file system"
            assert running.lines() == [line]
            assert running.stop() == 0
            running.start()


def test_scan_control_may_be_elsewhere(tmp_path: Path) -> None:
    """A link .svscan gets its target; `a` looks, `t` stops in order, other bytes do nothing."""
    path = tmp_path / "service"
    path.mkdir()
    (path / ".svscan").symlink_to(tmp_path / "there")
    with scanning(path, "good") as running:
        (path / "good/supervise").rename(tmp_path / "old")
        wait_until(lambda: (tmp_path / "there/control").exists())
        assert mode(tmp_path / "there") == 0o700
        control = os.open(tmp_path / "there/control", os.O_WRONLY)
        os.write(control, bytes(set(range(256)) - set(b"qrt")))
        running.wait_said("supervise: warning: good/supervise was removed or replaced: made again")
        before = pid(path / "good")
        os.write(control, b"t")
        os.close(control)
        assert running.wait_end() == 0
        assert not scan.is_alive(before)
        running.start()
