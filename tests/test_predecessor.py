"""What is wanted of a service whose supervisor is gone: by death, by order, or with the machine."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pysvscan import historyfile, predecessor, unseen
from pysvscan.core import history, identity
from pysvscan.core.identity import Identity
from pysvscan.core.service import State
from pysvscan.supervise import Supervise
from tests import logs, scan
from tests.hosted import Host
from tests.scan import Scan, command, is_alive, is_supervised, pid, scanning, service, wait_up
from tests.wait import wait_until

C_SUPERVISE = "/usr/bin/supervise"
RUN = "echo $$ >>starts\nexec sleep 1000"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a service directory."""
    return service(tmp_path / "a", RUN)


def say(where: Path) -> bytes:
    """Give the wanted state in the status."""
    found = scan.status(where)
    return found.want if found else b""


def down(host: Host, path: Path) -> Supervise:
    """Have a service that was commanded down, its supervisor dead."""
    first = host.begin(path)
    host.until(lambda: first.pid)
    first.feed(ord("d"))
    host.until(lambda: not first.pid)
    first.close()
    return first


def rewrite(path: Path, change: Callable[[Identity], None]) -> None:
    """Change the record."""
    found = identity.unpack((path / "supervise/child").read_bytes())
    change(found)
    (path / "supervise/child").write_bytes(identity.pack(found))


def test_wanted_down_stays_down_after_a_death(host: Host, path: Path) -> None:
    """And since when it is down is what it was."""
    down(host, path)
    before = (path / "supervise/status").read_bytes()
    second = host.begin(path)
    assert (second.state, second.want) == (State.DOWN, b"d")
    assert (path / "supervise/status").read_bytes() == before


def test_wanted_up_is_started_after_a_death(host: Host, path: Path) -> None:
    """A service with a file `down` that was commanded up, and whose process died with svscan."""
    (path / "down").touch()
    first = host.begin(path)
    first.feed(ord("u"))
    number = host.until(lambda: first.pid)
    first.close()
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: not is_alive(number))
    second = host.begin(path)
    assert host.until(lambda: second.pid) != number
    assert second.want == b"u"


def test_wanted_before_any_start_counts(host: Host, path: Path) -> None:
    """No process has to have run: what its supervisor knew is enough."""
    (path / "down").touch()
    host.begin(path).close()
    (path / "down").unlink()
    assert host.begin(path).want == b"d"


def test_end_that_nobody_saw_is_in_the_history(host: Host, path: Path) -> None:
    """Its exit status is unknown; a second look adds nothing."""
    first = host.begin(path)
    number = host.until(lambda: first.pid)
    first.feed(ord("o"))
    first.close()
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: not is_alive(number))
    for _ in range(2):
        last = host.begin(path)
        assert (last.state, last.want) == (State.DOWN, b"\0")
        last.close()
    found = history.unpack(historyfile.read(last.directory))
    assert [(end.wstatus, found.count) for end in found.ends] == [(None, 1)]


def test_end_of_the_process_before_is_not_written_twice(host: Host, path: Path) -> None:
    """The status is of another process where its successor was recorded already: it had its end."""
    first = host.begin(path)
    number = host.until(lambda: first.pid)
    first.feed(ord("o"))
    first.close()
    os.kill(number, signal.SIGKILL)
    wait_until(lambda: not is_alive(number))
    rewrite(path, lambda it: setattr(it, "pid", it.pid + 1))
    assert host.begin(path).history.history.count == 0


@pytest.mark.parametrize("is_ours", [False, True], ids=["init's child", "our own child"])
def test_end_of_what_was_taken_over_is_known_when_it_was_waited_for(
    host: Host, path: Path, is_ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is acted on at once; how it ended is told by whoever waited, or, later, by the kernel."""
    first = host.begin(path)
    number = host.until(lambda: first.pid)
    first.close()
    second = host.begin(path)
    if not is_ours:
        monkeypatch.setattr(unseen, "wait", lambda _: None)
    second.feed(ord("d"))
    host.until(lambda: not second.pid)
    if not is_ours:
        assert [end.wstatus for end in second.history.history.ends] == [None]
        os.waitpid(number, 0)
        if host.until(lambda: asked(second)) == "unknown":
            pytest.skip("no kernel of 6.15 or newer")
    assert [end.wstatus for end in second.history.history.ends] == [signal.SIGTERM]
    second.close()
    found = history.unpack(historyfile.read(second.directory))
    assert found.ends[0].wstatus == signal.SIGTERM


def asked(service: Supervise) -> str:
    """Say what came of the question, if it was asked; the kernel may have no answer."""
    if not service.unseen or service.unseen.pidfd >= 0:
        return ""
    return "known" if service.history.history.ends[0].wstatus is not None else "unknown"


def test_end_that_nobody_waits_for_stays_unknown(host: Host, path: Path) -> None:
    """After a second nobody asks any more, and nothing is held."""
    first = host.begin(path)
    host.until(lambda: first.pid)
    first.close()
    second = host.begin(path)
    held = len(os.listdir("/proc/self/fd"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unseen, "wait", lambda _: None)
        second.feed(ord("d"))
        host.until(lambda: asked(second))
    assert second.history.history.ends[0].wstatus is None
    assert len(os.listdir("/proc/self/fd")) == held - 1


def test_once_that_could_not_be_started_is_tried_again(host: Host, path: Path) -> None:
    """One that had its start is not started again, one that had none is."""
    (path / "down").touch()
    (path / "run").rename(path / "later")
    first = host.begin(path)
    first.feed(ord("o"))
    host.until(lambda: first.failures)
    first.close()
    (path / "later").rename(path / "run")
    second = host.begin(path)
    assert host.until(lambda: second.pid)
    assert second.want == b"\0"


def test_since_when_it_is_up_outlives_an_order_to_leave(host: Host, path: Path) -> None:
    """Whoever was ordered to leave, and killed, knew it as well as any other."""
    first = host.begin(path)
    host.until(lambda: first.pid)
    for byte in b"px":
        first.feed(byte)
    first.close()
    second = host.begin(path)
    assert second.pid == first.pid
    assert (second.since_ns // 1000, second.paused) == (first.since_ns // 1000, True)
    second.feed(ord("c"))


Spoil = Callable[[Host, Path], None]


def by_order(host: Host, path: Path) -> None:
    """It had been ordered to leave, and was killed before it could."""
    first = host.begin(path)
    host.until(lambda: first.pid)
    for byte in b"ox":
        first.feed(byte)
    first.close()


def by_c(host: Host, path: Path) -> None:
    """C's supervise was there since, and left in order."""
    if not os.access(C_SUPERVISE, os.X_OK):
        pytest.skip("no C supervise")
    down(host, path)
    with subprocess.Popen([C_SUPERVISE, path.name], cwd=path.parent):
        wait_until(lambda: is_supervised(path))
        command(path, b"dx")


def by_copy(host: Host, path: Path) -> None:
    """It supervised the directory that this is a copy of."""
    down(host, path)
    path.rename(path.with_name("original"))
    fifos = shutil.ignore_patterns("ok", "control")
    shutil.copytree(path.with_name("original"), path, ignore=fifos)


def by(change: Callable[[Identity], None]) -> Spoil:
    """It was of another boot, or another container."""

    def spoil(host: Host, path: Path) -> None:
        down(host, path)
        rewrite(path, change)

    return spoil


OTHERS: dict[str, Spoil] = {
    "ordered": by_order,
    "c": by_c,
    "copy": by_copy,
    "boot": by(lambda found: setattr(found, "boot", b"0" * 36)),
    "namespace": by(lambda found: setattr(found, "namespace", 1)),
    "older than PID 1": by(lambda found: setattr(found, "ticks", 0)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_file_down_decides_after_any_other_end(
    host: Host, path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was wanted before is forgotten, as by C; but a process that lives is taken over."""
    monkeypatch.setattr(predecessor, "start_ticks", lambda _: 1)
    OTHERS[name](host, path)
    second = host.begin(path)
    assert (second.want, bool(second.pid)) == (b"u", True)
    second.close()
    assert host.begin(path).want == b"u"


@pytest.mark.parametrize("rubbish", [b"", b"x" * 17, b"\xff" * 18], ids=len)
def test_the_file_down_decides_where_the_status_says_nothing(
    host: Host, path: Path, rubbish: bytes
) -> None:
    """A status that cannot be read is nothing said."""
    down(host, path)
    (path / "supervise/status").write_bytes(rubbish)
    assert host.begin(path).want == b"u"


# a whole svscan


def down_log(path: Path) -> bytes:
    """Give what is wanted of the built-in log, once svscan has it."""
    wait_until(lambda: is_supervised(path / "log"))
    return say(path / "log")


@pytest.mark.slow
def test_commands_outlive_a_svscan_that_was_killed_but_no_order_to_stop(tmp_path: Path) -> None:
    """`svc -d`, KILL: stays down; TERM: up again; KILL in the middle of a stop: the same.

    So it is with a built-in log that was told to read no more.
    """
    path = tmp_path / "service"
    logged = service(path / "logged")
    (logged / "service.toml").write_text(logs.settings("./main"))
    stubborn = service(path / "stubborn", "trap '' TERM\nwhile :; do sleep 1; done")
    with scanning(path, "x", "up") as running:
        wait_up(logged / "log")
        numbers = running.pids("up", "logged", "stubborn")
        command(path / "x", b"d")
        command(logged / "log", b"d")
        wait_until(lambda: not pid(path / "x") and say(path / "x") == b"d" == say(logged / "log"))

        again(running)
        assert running.pids("up", "logged", "stubborn") == numbers
        assert (pid(path / "x"), say(path / "x"), down_log(logged)) == (0, b"d", b"d")

        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_supervised(path / "up"))
        again(running)
        assert wait_up(path / "stubborn") == numbers[2]
        running.pids("x", "up", "logged")
        assert (down_log(logged), say(stubborn)) == (b"u", b"u")

        command(path / "x", b"d")
        wait_until(lambda: not pid(path / "x"))
        command(stubborn, b"k")
        wait_up(stubborn, but=numbers[2])
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_supervised(path / "x"))
        command(stubborn, b"k")
        running.wait_end()
        running.start()
        running.pids("x", "up", "logged", "stubborn")


def again(running: Scan) -> None:
    """Kill svscan, and have another that has looked at everything."""
    running.process.kill()
    running.process.wait()
    running.start()
    running.look()
