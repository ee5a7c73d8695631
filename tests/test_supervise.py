"""One service: its process, adoption, what is in supervise/.

Not tested: a process that we may not signal (it takes a setuid program).
"""

import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pysvscan.core import identity
from pysvscan.core.restart import GAP_NS
from pysvscan.core.runsettings import Run
from pysvscan.core.service import State
from pysvscan.pidfd import Kernel
from pysvscan.strerr import Fatal
from pysvscan.supervise import COMMANDS, Supervise
from pysvscan.waiting import Piped, Waiting
from tests import scan
from tests.fifos import unread
from tests.hosted import Host, age
from tests.scan import command, executable, is_alive, is_supervised

NOBODY = 65534
RUN = "echo $$ >>starts\nexec sleep 1000"
ROADS = ["direct", "shell", "fork"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory; its run notes its pid."""
    return scan.service(tmp_path / "a", RUN)


def starts(path: Path) -> list[int]:
    """List the pids that ran."""
    file = path / "starts"
    return [int(line) for line in file.read_text().split("\n")[:-1]] if file.exists() else []


def up(host: Host, service: Supervise, path: Path) -> int:
    """Wait until the service's present process runs, and give its pid."""
    host.until(lambda: service.pid and service.pid in starts(path))
    return service.pid


def status(path: Path) -> tuple[int, bool, bytes]:
    """Read pid, paused and want."""
    found = scan.status(path)
    assert found
    return found.pid, found.paused, found.want


# starts


def test_supervise_records_the_process_before_it_runs(host: Host, path: Path) -> None:
    """child, status and the running process have the same pid, and child is of fixed size."""
    pid = up(host, host.begin(path), path)
    record = (path / "supervise/child").read_bytes()
    assert (identity.unpack(record).pid, len(record)) == (pid, identity.BYTES)
    assert status(path) == (pid, False, b"u")


def test_supervise_waits_a_second_between_starts(host: Host, path: Path) -> None:
    """A service that ends at once starts no sooner than 1 s after its last start."""
    executable(path / "run", "echo $$ >>starts; exit 1")
    service = host.supervise(path)
    begun: list[int] = []
    service.on_start = lambda: begun.append(service.last_start_ns)
    service.open()
    service.begin()
    host.until(lambda: len(begun) == 3)
    assert all(b - a >= GAP_NS for a, b in itertools.pairwise(begun))


def test_supervise_starts_an_old_service_at_once(host: Host, path: Path) -> None:
    """One that ran for a second is up again in the very turn that learns of its death."""
    service = host.begin(path)
    pid = up(host, service, path)
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: service.pid != pid)
    assert service.pid
    assert status(path) == (service.pid, False, b"u")


def test_supervise_hears_in_the_first_second(host: Host, path: Path) -> None:
    """Right after a start d ends the service; u in that second starts it when it is over."""
    service = host.begin(path)
    first = up(host, service, path)
    began_ns = service.last_start_ns
    scan.command(path, b"d")
    host.until(lambda: not service.pid)
    assert status(path) == (0, False, b"d")
    scan.command(path, b"u")
    second = up(host, service, path)
    assert second != first
    assert service.last_start_ns - began_ns >= GAP_NS


def test_supervise_leaves_on_x(host: Host, path: Path) -> None:
    """x, when the process is gone, frees lock and ok: another may supervise."""
    service = host.begin(path)
    up(host, service, path)
    scan.command(path, b"xd")
    host.until(service.is_gone)
    assert not is_supervised(path)
    with (path / "supervise/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    host.begin(path)
    assert is_supervised(path)


def test_supervise_runs_once_on_ox(host: Host, path: Path) -> None:
    """-ox: one start, and nobody supervises when it has ended."""
    executable(path / "run", "echo $$ >>starts")
    (path / "down").touch()
    service = host.begin(path)
    assert (service.state, service.pid) == (State.DOWN, 0)
    scan.command(path, b"ox")
    host.until(service.is_gone)
    assert len(starts(path)) == 1


def test_supervise_announces_once_before_the_start(host: Host, path: Path) -> None:
    """Whoever takes over a start of svc -o knows that it was one."""
    (path / "down").touch()
    service = host.begin(path)
    seen: list[tuple[int, bool, bytes]] = []
    service.on_start = lambda: seen.append(status(path))
    service.feed(ord("o"))
    assert seen == [(0, False, b"\0")]


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_survives_the_death_of_what_waits(host: Host, path: Path) -> None:
    """A waiting process that somebody killed costs nothing: the service starts all the same."""
    take, taken = host.starter.take, []

    def take_and_kill(directory: int, run: Run | None = None) -> Waiting:
        waiting = take(directory, run)
        if not taken:
            os.kill(waiting.pid, signal.SIGKILL)
            os.waitid(os.P_PID, waiting.pid, os.WEXITED | os.WNOWAIT)
        taken.append(waiting.pid)
        return waiting

    host.starter.take = take_and_kill  # type: ignore[method-assign]
    service = host.begin(path)
    up(host, service, path)
    assert taken[1:] == [service.pid]
    assert host.said == []
    host.until(lambda: not Path(f"/proc/{taken[0]}").exists())


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_runs_nothing_that_it_could_not_record(host: Host, path: Path) -> None:
    """No record, no service: the process is cancelled and waited for, and it is tried again."""
    service = host.supervise(path)
    service.open()
    (path / "supervise/child").unlink()
    (path / "supervise/child").mkdir()
    service.begin()
    assert host.said == ["supervise: warning: unable to write a/supervise/child: is a directory"]
    host.until(lambda: len(children()) == host.ahead())
    assert starts(path) == []
    (path / "supervise/child").rmdir()
    up(host, service, path)


def children() -> list[str]:
    """List our children, zombies included."""
    number = os.getpid()
    return Path(f"/proc/{number}/task/{number}/children").read_text().split()


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_says_why_and_tries_again(host: Host, path: Path) -> None:
    """What cannot be executed is said as C says it; when it can, the service starts."""
    (path / "run").rename(path / "aside")
    service = host.begin(path)
    host.until(lambda: host.said)
    assert host.said == ["supervise: fatal: unable to start a/run: file does not exist"]
    assert status(path) == (0, False, b"u")
    (path / "aside").rename(path / "run")
    age(service)
    service.retry()
    up(host, service, path)
    assert len(host.said) == 1
    assert service.failures  # until it has ended as a service does


def test_supervise_tries_again_without_being_told(host: Host, path: Path) -> None:
    """A failed start is repeated by itself."""
    executable(path / "run.new", RUN)
    (path / "run").write_text("no script\n")
    service = host.begin(path)
    host.until(lambda: len(host.said) == 2)
    (path / "run.new").rename(path / "run")
    up(host, service, path)
    assert set(host.said) == {"supervise: fatal: unable to start a/run: exec format error"}


def test_supervise_says_that_run_is_busy(host: Host, path: Path) -> None:
    """A run that is being written looks well and cannot be executed: that is found, and said."""
    with (path / "run").open("ab"):
        service = host.begin(path)
        host.until(lambda: host.said)
        assert host.said[0] == "supervise: fatal: unable to start a/run: text busy"
    up(host, service, path)


@pytest.mark.parametrize(
    ("host", "is_asked"), [("direct", False), ("shell", True)], indirect=["host"]
)
def test_supervise_asks_the_slow_road_only_after_a_shell(
    host: Host, path: Path, is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that exits 127, as a shell that cannot execute it would: only a shell is doubted."""
    executable(path / "run", "echo $$ >>starts; exit 127")
    asked: list[int] = []
    fork = host.starter.fork.take

    def take(directory: int, run: Run | None = None) -> Piped:
        asked.append(directory)
        return fork(directory, run)

    monkeypatch.setattr(host.starter.fork, "take", take)
    host.begin(path)
    host.until(lambda: len(starts(path)) == 2)
    assert bool(asked) == is_asked
    assert host.said == []


@pytest.mark.parametrize("host", ROADS, indirect=True)
def test_supervise_starts_what_was_replaced_at_the_last_moment(host: Host, path: Path) -> None:
    """A run is taken away between the look at it and its execution: the next start says so."""
    service = host.begin(path)
    pid = up(host, service, path)
    take = host.starter.take

    def take_away(directory: int, run: Run | None = None) -> object:
        waiting = take(directory, run)
        (path / "run").rename(path / "aside")
        return waiting

    host.starter.take = take_away  # type: ignore[assignment,method-assign]
    age(service)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: host.said)
    assert host.said == ["supervise: fatal: unable to start a/run: file does not exist"]
    host.starter.take = take  # type: ignore[method-assign]
    (path / "aside").rename(path / "run")
    up(host, service, path)


# a process that was there before


def replaced(host: Host, service: Supervise, path: Path) -> Supervise:
    """Supervise anew, as after KILL: the old object lets go, the process lives on."""
    service.close()
    assert not is_supervised(path)
    return host.begin(path)


CASES = {
    "up": (b"", (False, b"u")),
    "paused": (b"p", (True, b"u")),
    "once": (b"o", (False, b"\0")),
    "once-paused": (b"op", (True, b"\0")),
}


@pytest.mark.parametrize("name", CASES)
def test_supervise_takes_over_with_all_that_was_said(host: Host, path: Path, name: str) -> None:
    """The same process, since when, paused or not, and what was wanted of it."""
    commands, said = CASES[name]
    first = host.begin(path)
    pid = up(host, first, path)
    for byte in commands:
        first.feed(byte)
    before = (path / "supervise/status").read_bytes()
    second = replaced(host, first, path)
    assert (second.pid, status(path)) == (pid, (pid, *said))
    assert (path / "supervise/status").read_bytes()[:8] == before[:8]
    second.feed(ord("c"))
    age(second)
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: second.pid != pid)
    assert bool(second.pid) == (said[1] == b"u")


def test_supervise_commands_what_it_took_over(host: Host, path: Path) -> None:
    """Signals reach a process that is not our child, and it can be stopped for good."""
    (path / "run").write_text("#!/bin/sh\ntrap 'echo hup >>heard' HUP\necho $$ >>starts\n"
                              "while :; do sleep 0.1; done\n")  # fmt: skip
    first = host.begin(path)
    up(host, first, path)
    second = replaced(host, first, path)
    scan.command(path, b"h")
    host.until(lambda: (path / "heard").exists())
    scan.command(path, b"d")
    host.until(lambda: not second.pid)
    assert status(path) == (0, False, b"d")
    assert second.state is State.DOWN


def test_supervise_keeps_the_second_after_taking_over(host: Host, path: Path) -> None:
    """A process that was started less than a second ago is not replaced sooner."""
    first = host.begin(path)
    pid = up(host, first, path)
    second = replaced(host, first, path)
    assert abs(second.last_start_ns - first.last_start_ns) < GAP_NS // 10
    os.kill(pid, signal.SIGKILL)
    host.until(lambda: second.pid == 0)
    assert second.state is State.WAIT


def test_supervise_knows_what_was_wanted_of_a_process_newer_than_the_status(
    host: Host, path: Path
) -> None:
    """Killed between start and status, the last one's want still holds."""
    first = host.begin(path)
    pid = up(host, first, path)
    old = bytearray((path / "supervise/status").read_bytes())
    old[12:18] = b"\0\0\0\0\1\0"  # down, and once
    (path / "supervise/status").write_bytes(old)
    second = replaced(host, first, path)
    assert (second.pid, status(path)) == (pid, (pid, False, b"\0"))


@pytest.mark.parametrize("rubbish", [b"", b"x" * 17, b"\xff" * 18, b"\0" * 4000], ids=len)
def test_supervise_takes_over_whatever_the_status(host: Host, path: Path, rubbish: bytes) -> None:
    """A status that says nothing is nothing said: the process is taken over as wanted up."""
    first = host.begin(path)
    pid = up(host, first, path)
    (path / "supervise/status").write_bytes(rubbish)
    second = replaced(host, first, path)
    assert second.pid == pid
    assert status(path)[0] == pid


Change = Callable[[identity.Identity], None]
STRANGERS: dict[str, Change] = {
    "boot": lambda found: setattr(found, "boot", b"0" * 36),
    "namespace": lambda found: setattr(found, "namespace", 1),
    "device": lambda found: setattr(found, "device", 1),
    "inode": lambda found: setattr(found, "inode", 1),
    "ticks": lambda found: setattr(found, "ticks", found.ticks - 1),
    "pidfd": lambda found: setattr(found, "pidfd", found.pidfd + 1),
    "pid": lambda found: setattr(found, "pid", os.getpid()),
    "pid 0": lambda found: setattr(found, "pid", 0),
    "dead": lambda found: setattr(found, "pid", 2**22),
    "huge": lambda found: setattr(found, "pid", 2**70),
    "thread": lambda found: setattr(found, "pid", threading.get_native_id()),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_supervise_leaves_strangers_alone(host: Host, path: Path, name: str) -> None:
    """A record that differs in one field from the process it names is another process's."""
    first = host.begin(path)
    pid = up(host, first, path)
    first.close()
    found = identity.unpack((path / "supervise/child").read_bytes())
    with ThreadPoolExecutor(1) as pool:  # one thread, which lives as long as this block
        pool.submit(STRANGERS[name], found).result()
        (path / "supervise/child").write_bytes(identity.pack(found))
        second = host.begin(path)
    assert up(host, second, path) != pid
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 160, b"1 2 3 4 5 6 7\n", b"\xff" * 4000], ids=len)
def test_supervise_starts_in_spite_of_rubbish_in_child(
    host: Host, path: Path, rubbish: bytes
) -> None:
    """Bytes that are no record name no process."""
    (path / "supervise").mkdir()
    (path / "supervise/child").write_bytes(rubbish)
    up(host, host.begin(path), path)


def test_supervise_starts_nothing_where_it_cannot_look(host: Host, path: Path) -> None:
    """A child that cannot be read may name a process that lives: no second copy."""
    (path / "supervise/child").mkdir(parents=True)
    service = host.supervise(path)
    with pytest.raises(Fatal, match="unable to look for the process of a"):
        service.open()
    assert not is_supervised(path)
    (path / "supervise/child").rmdir()
    up(host, host.begin(path), path)


def test_supervise_does_not_claim_the_process_of_a_copy(host: Host, path: Path) -> None:
    """A directory copied while its service runs has a service of its own."""
    service = host.begin(path)
    pid = up(host, service, path)
    copy = path.with_name("copy")
    shutil.copytree(
        path, copy, copy_function=shutil.copy2, ignore=shutil.ignore_patterns("ok", "control")
    )
    other = host.begin(copy)
    assert up(host, other, copy) != pid
    assert service.pid == pid


def forge(path: Path, number: int, account: int) -> None:
    """Write a record that names a process, as somebody does who may write in supervise/."""
    where = path / "supervise"
    where.mkdir(exist_ok=True)
    (where / "lock").touch()
    found = Kernel().identify(number)
    lock = (where / "lock").stat()
    found.device, found.inode = lock.st_dev, lock.st_ino
    (where / "child").write_bytes(identity.pack(found))
    os.chown(where / "child", account, account)


@pytest.mark.root
def test_supervise_believes_no_record_of_another_account(host: Host, path: Path) -> None:
    """Whoever may write in supervise/ cannot have us signal another account's process."""
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        forge(path, victim.pid, NOBODY)
        service = host.supervise(path)
        before = os.listdir("/proc/self/fd")
        with pytest.raises(Fatal, match="unable to look for the process of a"):
            service.open()
        assert os.listdir("/proc/self/fd") == before
    finally:
        victim.kill()
        victim.wait()
    up(host, host.begin(path), path)
    found = (path / "supervise/child").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (os.geteuid(), 0o600)


@pytest.mark.root
def test_supervise_believes_of_an_account_what_concerns_its_own_processes(
    host: Host, path: Path
) -> None:
    """A directory that was given away (chown -R) does not make us forget what runs as its owner."""
    process = subprocess.Popen(["sleep", "1000"], user=NOBODY)
    forge(path, process.pid, NOBODY)
    service = host.begin(path)
    assert service.pid == process.pid
    service.feed(ord("d"))
    assert process.wait() == -signal.SIGTERM


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_supervise_believes_no_record_that_others_may_write(
    host: Host, path: Path, mode: int
) -> None:
    """A record that anybody could have written is nobody's word."""
    first = host.begin(path)
    up(host, first, path)
    first.close()
    (path / "supervise/child").chmod(mode)
    with pytest.raises(Fatal, match="unable to look for the process of a"):
        host.supervise(path).open()
    (path / "supervise/child").chmod(0o600)
    assert host.begin(path).pid == first.pid


def test_supervise_serves_a_flood_of_commands_by_and_by(host: Host, path: Path) -> None:
    """A control that somebody fills without end takes a small part of each turn."""
    service = host.begin(path)
    up(host, service, path)
    command(path, b"pc" * 2000)
    host.loop.turn()
    assert 4000 - unread(service.files.control) == COMMANDS


# supervise/


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
