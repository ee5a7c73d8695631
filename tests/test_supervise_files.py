"""One service: what is in supervise/, and who has changed it; descriptors."""

import os
import signal
from pathlib import Path

import pytest

from pysvscan.strerr import Fatal
from pysvscan.supervise import Supervise
from tests import scan
from tests.hosted import Host, age
from tests.scan import command, is_supervised
from tests.supervising import ROADS, RUN, replaced, status, up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory; its run notes its pid."""
    return scan.service(tmp_path / "a", RUN)


def test_supervise_holds_nothing_after_a_failed_open(host: Host, path: Path) -> None:
    """A service that runs, and an ok that cannot be opened: not adopted, no descriptor is left."""
    first = host.begin(path)
    pid = up(host, first, path)
    first.close()
    (path / "supervise/ok").unlink()
    (path / "supervise/ok").touch()
    second = host.supervise(path)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Fatal):
        second.open()
    assert os.listdir("/proc/self/fd") == before
    (path / "supervise/ok").unlink()
    assert up(host, host.begin(path), path) == pid


def test_supervise_keeps_owner_and_mode_of_its_files(host: Host, path: Path) -> None:
    """What somebody gave control, ok and status stays through every command, and a restart."""
    service = host.begin(path)
    up(host, service, path)
    modes = {"control": 0o622, "ok": 0o640, "status": 0o640}
    for name, mode in modes.items():
        (path / "supervise" / name).chmod(mode)
    service.feed(ord("p"))
    second = replaced(host, service, path)
    second.feed(ord("c"))
    found = {name: (path / "supervise" / name).stat().st_mode & 0o777 for name in modes}
    assert found == modes


def test_supervise_writes_the_status_in_place_where_it_must(host: Host, path: Path) -> None:
    """Where no new file can be made, as on a full disk, the old one is overwritten."""
    service = host.begin(path)
    (path / "supervise/status.new/x").mkdir(parents=True)
    inode = (path / "supervise/status").stat().st_ino
    service.feed(ord("p"))
    assert (path / "supervise/status").stat().st_ino == inode
    assert status(path) == (service.pid, True, b"u")
    assert host.said == []


def test_supervise_says_once_that_the_status_cannot_be_written(host: Host, path: Path) -> None:
    """A line when it begins, none while it lasts, and one more when it begins again."""
    service = host.begin(path)

    def spoil() -> None:
        (path / "supervise/status").unlink()
        (path / "supervise/status").mkdir()

    spoil()
    for byte in b"pcpc":
        service.feed(byte)
    line = "supervise: warning: unable to rename a/supervise/status.new to status: is a directory"
    assert host.said == [line]
    (path / "supervise/status").rmdir()
    service.feed(ord("p"))
    assert status(path) == (service.pid, True, b"u")
    spoil()
    service.feed(ord("c"))
    assert host.said == [line, line]


def test_supervise_does_not_write_through_links(host: Host, path: Path) -> None:
    """A hard link in place of child is refused, in place of status replaced."""
    victim = path / "victim"
    victim.write_text("precious")
    (path / "supervise").mkdir()
    os.link(victim, path / "supervise/status")
    os.link(victim, path / "supervise/child")
    service = host.begin(path)
    host.until(lambda: host.said)
    assert host.said == ["supervise: warning: unable to write a/supervise/child: permission denied"]
    assert (victim.read_text(), service.pid) == ("precious", 0)
    (path / "supervise/child").unlink()
    up(host, service, path)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("how", ["removed", "replaced", "lock removed"])
def test_supervise_makes_its_directory_again(host: Host, path: Path, how: str) -> None:
    """supervise/ removed or replaced while running: the service stays, and can be commanded."""
    service = host.begin(path)
    pid = up(host, service, path)
    service.renew()
    assert host.said == []
    if how == "lock removed":
        (path / "supervise/lock").unlink()
    else:
        (path / "supervise").rename(path / "old")
    if how == "replaced":
        (path / "supervise").mkdir()
    service.renew()
    assert host.said == ["supervise: warning: a/supervise was removed or replaced: made again"]
    assert status(path) == (pid, False, b"u")
    scan.command(path, b"p")
    host.until(lambda: service.paused)
    third = replaced(host, service, path)
    assert (third.pid, third.paused) == (pid, True)


@pytest.mark.parametrize("name", ["control", "ok"])
def test_supervise_makes_a_fifo_again(host: Host, path: Path, name: str) -> None:
    """Where one FIFO was removed it is made again; the lock is held all the time, then let go."""
    service = host.begin(path)
    pid = up(host, service, path)
    (path / "supervise" / name).unlink()
    service.renew()
    said = ["supervise: warning: a/supervise was removed or replaced: made again"]
    assert host.said == said
    assert is_supervised(path)
    with pytest.raises(Fatal, match="unable to acquire a/supervise/lock"):
        host.supervise(path).open()
    service.renew()
    assert (host.said, service.pid) == (said, pid)
    command(path, b"p")
    host.until(lambda: status(path)[1])
    second = replaced(host, service, path)
    assert second.pid == pid


def test_supervise_keeps_what_it_has_where_it_cannot_renew(host: Host, path: Path) -> None:
    """supervise/ became a file: said, the old FIFO still commands, and it works when it can."""
    service = host.begin(path)
    pid = up(host, service, path)
    (path / "supervise").rename(path / "old")
    (path / "supervise").touch()
    before = os.listdir("/proc/self/fd")
    for _ in range(2):
        with pytest.raises(Fatal, match="unable to acquire a/supervise/lock"):
            service.renew()
    assert os.listdir("/proc/self/fd") == before
    fd = os.open(path / "old/control", os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, b"p")
    os.close(fd)
    host.until(lambda: service.paused)
    (path / "supervise").unlink()
    service.renew()
    assert status(path) == (pid, True, b"u")


def test_supervise_makes_what_a_dangling_link_points_to(host: Host, path: Path) -> None:
    """A link to nothing (the service directory may be read-only): its target is made."""
    (path / "supervise").symlink_to(path.with_name("state"))
    up(host, host.begin(path), path)
    assert path.with_name("state").stat().st_mode & 0o777 == 0o700


def test_supervise_follows_a_renamed_directory(host: Host, path: Path) -> None:
    """It goes by the directory, not its name: renamed, it is commanded and started there."""
    service = host.begin(path)
    pid = up(host, service, path)
    moved = path.rename(path.with_name("moved"))
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: service.pid != pid)
    assert up(host, service, moved) == scan.pid(moved)


@pytest.mark.slow
@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_leaves_no_descriptor_after_many_starts(host: Host, path: Path) -> None:
    """As many descriptors after 30 restarts, by each road, and after failures, as after one."""
    service = host.begin(path)
    restart(host, service, path)
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(30):
        restart(host, service, path)
    assert sorted(os.listdir("/proc/self/fd")) == before
    (path / "run").chmod(0o644)
    os.kill(service.pid, signal.SIGKILL)
    host.until(lambda: host.said)
    before = sorted(os.listdir("/proc/self/fd"))
    for number in range(2, 20):
        service.retry()
        age(service)
        service.retry()
        host.until(lambda: len(host.said) == number)  # noqa: B023
    assert sorted(os.listdir("/proc/self/fd")) == before


def restart(host: Host, service: Supervise, path: Path) -> None:
    """Kill the process, and wait for the next."""
    pid = up(host, service, path)
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: service.pid != pid)
    up(host, service, path)
