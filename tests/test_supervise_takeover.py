"""One service: a process that was there before is taken over, or is a stranger.

Not tested: a process that we may not signal (it takes a setuid program).
"""

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
from pysvscan.core.service import State
from pysvscan.pidfd import Kernel
from pysvscan.strerr import Fatal
from tests import scan
from tests.hosted import Host, age
from tests.scan import is_alive, is_supervised
from tests.supervising import RUN, replaced, status, up

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory; its run notes its pid."""
    return scan.service(tmp_path / "a", RUN)


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
