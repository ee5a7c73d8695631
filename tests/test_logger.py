"""Built-in logs, as svscan and its logger processes write them, beside the C programs.

Not tested: a logger on a file system that hangs.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core import history
from tests import logs
from tests.conftest import Installed
from tests.scan import (
    Scan,
    command,
    executable,
    is_alive,
    is_supervised,
    kill_session,
    pid,
    service,
    status,
    wait_up,
)
from tests.wait import wait_until

pytestmark = [pytest.mark.slow]
ODD = (
    b"plain\n\nNUL \0 and CR \r\n"
    + bytes(range(128, 256))
    + b"\n"
    + b"long " * 30_000
    + b"\nrejected\n"
    + b"no newline at the end"
)


@pytest.fixture
def scan(tmp_path: Path) -> Iterator[Scan]:
    """Give a scan directory, its svscan not started yet."""
    (tmp_path / "scan").mkdir()
    running = Scan.__new__(Scan)
    running.path = tmp_path / "scan"
    yield running
    if "process" in vars(running):
        survived = running.alive()
        running.close()
        kill_session(running.process.pid)
        assert survived or running.process.returncode == 0, running.lines()


def run(scan: Scan, **settings: object) -> Scan:
    """Start svscan."""
    scan.__init__(scan.path, **settings)  # type: ignore[misc]
    return scan


def svc(letters: str, path: Path) -> None:
    """Command a log by the C program."""
    subprocess.run(["svc", f"-{letters}", path], check=True)


def svstat(path: Path) -> str:
    """Ask the C program about a log."""
    line = subprocess.run(["svstat", path], check=True, capture_output=True, text=True).stdout
    return line.partition(": ")[2].strip()


def wait_longer(directory: Path) -> None:
    """Wait until a log has grown by some lines."""
    size = len(logs.text(directory)) + 100
    wait_until(lambda: len(logs.text(directory)) > size)


@pytest.mark.parametrize("pure", ["", "1"])
def test_log_is_what_multilog_writes(
    scan: Scan, installed: Installed, tmp_path: Path, pure: str
) -> None:
    """Any bytes: the files are those that C's multilog makes of the same bytes and script."""
    script = "s4096 n99 -rej* ./main F wlog +* ./all"  # C ignores two of these words
    (tmp_path / "odd").write_bytes(ODD)
    logs.service(scan.path / "a", f"cat {tmp_path}/odd; exec sleep 1000", script)
    moved = {"PYTHONEXECUTABLE": "/nowhere/python"}  # no interpreter of ours follows it
    env = {"PATH": "/usr/bin:/bin", "PYSVSCAN_PURE": pure, **moved}
    run(scan, env=env, program=[installed.program("pysvscan")])
    wait_until(lambda: len(logs.text(scan.path / "a/log/all")) > len(ODD) - 50)
    assert scan.stop() == 0
    classic = tmp_path / "classic"
    classic.mkdir()
    subprocess.run(["multilog", *script.split()], input=ODD, cwd=classic, check=True)
    for name in ("main", "all"):
        ours, theirs = scan.path / "a/log" / name, classic / name
        assert logs.text(ours) == logs.text(theirs)
        sizes = [sorted(it.stat().st_size for it in found.glob("@*")) for found in (ours, theirs)]
        assert sizes[0] == sizes[1]
        assert ours.stat().st_mode == theirs.stat().st_mode
        assert (ours / "current").stat().st_mode == (theirs / "current").stat().st_mode
    assert {it.name[25:] for it in (scan.path / "a/log/all").glob("@*")} == {".log"}
    assert not (scan.path / "a/log/classic").exists()
    assert scan.lines() == []


def test_letters(scan: Scan) -> None:
    """The C svc, svok and svstat work on SERVICE/log, and no letter touches another log."""
    a, b = (logs.service(scan.path / name, logs.count(scan.path / name, 5)) for name in "ab")
    log = a / "log"
    run(scan)
    ours, other = logs.ready(scan, "a", "b")
    assert ours == other
    assert subprocess.run(["svok", log]).returncode == 0
    wait_until(lambda: logs.numbers(log / "main") == [1, 2, 3, 4, 5])
    svc("d", log)
    wait_until(lambda: svstat(log).startswith("down"))
    shutil.move(log / "main", log / "other")  # it is free for others
    os.truncate(log / "other/current", 0)
    (a / "ran").unlink()
    svc("t", a)
    wait_until(lambda: (a / "ran").exists())
    assert logs.numbers(log / "other") == []
    svc("u", log)
    wait_until(lambda: logs.numbers(log / "main") == [1, 2, 3, 4, 5])
    svc("p", log)
    wait_until(lambda: svstat(log).endswith("paused"))
    svc("c", log)
    wait_until(lambda: not svstat(log).endswith("paused"))
    svc("a", log)
    wait_until(lambda: len(list((log / "main").glob("@*.s"))) == 1)
    for letter in "tkix":
        (log / "main").rename(log / letter)  # were it removed, the logger might say so first
        svc(letter, log)
        if letter != "x":
            wait_until((log / "main/current").exists)
            logs.ready(scan, "a")
    assert svstat(log).startswith(f"up (pid {ours})")
    assert logs.ready(scan, "b") == [ours]
    assert logs.numbers(b / "log/main") == [1, 2, 3, 4, 5]
    assert scan.lines() == []


def test_blocked_log_blocks_its_own_service_only(scan: Scan) -> None:
    """A directory that is locked, or that cannot be made, is said once, and noted."""
    bad = logs.service(scan.path / "bad", logs.count(scan.path / "bad", 3))
    good = logs.service(scan.path / "good", logs.count(scan.path / "good", 3))
    (bad / "log/main").write_text("")
    run(scan)
    wait_until(lambda: logs.numbers(good / "log/main") == [1, 2, 3])
    scan.wait_said("logger: warning: bad/log: unable to open directory ./main: not a directory")
    assert pid(bad / "log") == 0
    wait_until(lambda: why(bad / "log") == b"unable to open directory ./main: not a directory")
    assert wait_up(bad)
    logs.replace(good / "service.toml", logs.settings("../run"))
    wait_until(lambda: pid(good / "log") == 0)  # not "up" as it was: nobody reads the pipe
    logs.replace(good / "service.toml", logs.settings("./main"))
    wait_up(good / "log")
    (bad / "log/main").unlink()
    wait_until(lambda: logs.numbers(bad / "log/main") == [1, 2, 3])
    scan.wait_said("logger: warning: good/log: unable to open directory ../run: not a directory")
    wait_until(lambda: why(bad / "log") is why(good / "log") is None)
    assert len(scan.lines()) == 2


def why(log: Path) -> bytes | None:
    """Give why a log is not open, as it is noted for svstat -l."""
    found = history.unpack((log / "supervise/history").read_bytes())
    return found.message if found.failures else None


def test_settings_change_while_lines_flow(scan: Scan) -> None:
    """Each change of service.toml moves the log, no line is lost or repeated; a bad one is said."""
    a = logs.service(scan.path / "a", logs.count(scan.path / "a", 10**9), "s16777215 ./d0")
    run(scan)
    before = wait_up(a)
    for number in range(1, 5):
        wait_longer(a / f"log/d{number - 1}")
        logs.replace(a / "service.toml", logs.settings(f"s16777215 ./d{number}"))
        if number == 2:
            svc("h", a / "log")
        if number == 3:
            scan.process.send_signal(signal.SIGHUP)
    wait_longer(a / "log/d4")
    logs.replace(a / "service.toml", "[log]\nscript = 7\n")
    scan.wait_said(
        "svscan: warning: a/service.toml: log.script: 7 is neither a string nor an array"
    )
    wait_longer(a / "log/d4")
    assert pid(a) == before
    assert scan.stop() == 0
    found = logs.numbers(*(a / f"log/d{number}" for number in range(5)))
    assert found == list(range(1, len(found) + 1))
    assert len(scan.lines()) == 1


def test_next_svscan_takes_over(scan: Scan) -> None:
    """A logger survives its svscan, and hands over to the next one's: no line lost or twice."""
    a = logs.service(scan.path / "a", logs.count(scan.path / "a", 10**9, "sleep 0.01"))
    run(scan)
    first = logs.logger(a)
    for is_stopped in (False, True):
        scan.process.kill()
        scan.process.wait()
        wait_longer(a / "log/main")
        if is_stopped:
            os.kill(first, signal.SIGSTOP)
        scan.start()
        if is_stopped:
            wait_until(scan.listens)
            os.kill(first, signal.SIGCONT)
        first = logs.logger(a, first)
    svc("d", a)
    assert scan.stop() == 0
    found = logs.numbers(a / "log/main")
    assert found == list(range(1, len(found) + 1))
    assert not is_alive(first)
    assert scan.lines() == []


def test_other_kinds_of_log(scan: Scan) -> None:
    """[log] that goes makes room for log/run, and takes its place when it comes back."""
    a = logs.service(scan.path / "a", logs.count(scan.path / "a", 200, "sleep 0.01"))
    executable(a / "log/run", "exec multilog ./main")
    run(scan)
    first = logs.logger(a)
    (a / "service.toml").unlink()
    second = logs.logger(a, first)
    wait_until(lambda: comm(second) == "multilog")
    logs.replace(a / "service.toml", logs.settings("./main"))
    scan.look()
    third = logs.logger(a, second)
    wait_until(lambda: not is_alive(second))
    wait_until(lambda: comm(third) != "multilog")
    wait_until(lambda: logs.numbers(a / "log/main") == list(range(1, 201)))
    assert status(a / "log")
    assert scan.lines() == []


def comm(number: int) -> str:
    """Give the name of a process."""
    return Path(f"/proc/{number}/comm").read_text().strip()


def test_own_process(scan: Scan) -> None:
    """`own` gives a log its own process, at once; a service that gets a log later is joined."""
    a, b = (logs.service(scan.path / name) for name in "ab")
    (a / "log/run").unlink()
    service(scan.path / "c")
    run(scan)
    first, second = logs.ready(scan, "a", "b")
    assert first == second
    logs.replace(b / "service.toml", logs.settings("./main", own=True))
    own = logs.logger(b, second)
    assert own != first
    assert logs.ready(scan, "a") == [first]
    logs.replace(scan.path / "c/service.toml", logs.settings("./main"))
    command(scan.path / "c", b"t")
    scan.wait_said("svscan: warning: c/log has no run, which C svscan needs")
    assert logs.logger(scan.path / "c") == first
    os.kill(first, signal.SIGKILL)
    logs.logger(scan.path / "c", first)
    assert logs.ready(scan, "b") == [own]
    assert "svscan: warning: a/log has no run, which C svscan needs" in scan.lines()


@pytest.mark.root
def test_accounts(scan: Scan, nobody_path: Path, nobody: str) -> None:
    """Each account has its logger, which is that account; an unknown one is its log's trouble."""
    shutil.rmtree(scan.path)
    scan.path = nobody_path / "scan"
    for name, user in (("a", "root"), ("b", nobody), ("c", "no-such-account")):
        lines = 0 if name == "c" else 3
        logs.service(scan.path / name, logs.count(scan.path / name, lines), user=user)
    logs.service(scan.path / "d", script="./new", user=nobody)
    (scan.path / "b/log/main").mkdir(mode=0o700)
    shutil.chown(scan.path / "b/log/main", nobody)
    run(scan)
    first, second = logs.ready(scan, "a", "b")
    scan.wait_said("logger: fatal: unknown account no-such-account")
    scan.wait_said("svscan: warning: the logger of c/log died of an error")
    assert [uid(first), uid(second)] == [0, pwd.getpwnam(nobody).pw_uid]
    for name in "ab":
        wait_until(lambda name=name: logs.numbers(scan.path / name / "log/main") == [1, 2, 3])
    assert (scan.path / "b/log/main").stat().st_uid == uid(second)
    assert pid(scan.path / "c/log") == 0
    scan.wait_said("logger: warning: d/log: unable to make directory ./new: access denied")
    assert scan.stop() == 0


@pytest.mark.root
def test_log_of_another_account_is_refused(scan: Scan, tmp_path: Path) -> None:
    """Who may write SERVICE/log could have root write anywhere, by a link; nothing is followed."""
    (tmp_path / "secret").mkdir(mode=0o700)
    (tmp_path / "secret/counters").write_text("root's")
    for name, mode, owner in (("a", 0o755, "nobody"), ("b", 0o777, "root"), ("c", 0o755, "root")):
        logs.service(scan.path / name)
        (scan.path / name / "log").chmod(mode)
        shutil.chown(scan.path / name / "log", owner)
    (scan.path / "a/log/supervise").symlink_to(tmp_path / "secret")
    run(scan)
    for name in "ab":
        where = f"{name}/log can be written by others than root"
        scan.wait_said(f"supervise: fatal: {where}, who own {name}/log/supervise")
    logs.ready(scan, "c")
    assert [it.name for it in (tmp_path / "secret").iterdir()] == ["counters"]
    assert (tmp_path / "secret/counters").read_text() == "root's"


def uid(number: int) -> int:
    """Give the account of a process."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    ids = next(line for line in lines if line.startswith("Uid:")).split()[1:]
    assert len(set(ids)) == 1
    return int(ids[0])


def test_stderr_and_stdout(scan: Scan, tmp_path: Path) -> None:
    """`stderr` takes that as well; `stdout` copies what is selected, with the service's name."""
    run_lines = "echo out; echo err >&2; echo no; exec sleep 1000"
    logs.service(scan.path / "a", run_lines, "-no ./main", stderr=True, stdout=True)
    logs.service(scan.path / "b", run_lines, "-no ./main")
    with (tmp_path / "stdout").open("wb") as stdout:
        run(scan, stdout=stdout)
        logs.ready(scan, "a", "b")
    wait_until(lambda: logs.text(scan.path / "a/log/main") == b"out\nerr\n")
    wait_until(lambda: logs.text(scan.path / "b/log/main") == b"out\n")
    wait_until(lambda: (tmp_path / "stdout").read_text() == "a: out\na: err\n")
    assert scan.lines() == ["err"]


def test_logger_that_cannot_be_recorded(scan: Scan) -> None:
    """Where the next svscan could not find it, a logger ends with its svscan; the pipe waits."""
    a = logs.service(scan.path / "a", logs.count(scan.path / "a", 10**9, "sleep 0.01"))
    (scan.path / ".svscan/loggers").mkdir(parents=True)
    run(scan)
    scan.wait_said("svscan: warning: unable to record a logger, it will end with svscan")
    first = logs.logger(a)
    wait_longer(a / "log/main")
    scan.process.kill()
    scan.process.wait()
    wait_until(lambda: not is_alive(first))
    scan.start()
    logs.logger(a, first)
    wait_longer(a / "log/main")
    assert scan.stop() == 0
    found = logs.numbers(a / "log/main")
    assert found == list(range(1, len(found) + 1))


def test_log_without_a_line_ever(scan: Scan) -> None:
    """Svscan's stop does not wait for a log that cannot be opened, if nothing is in its pipe."""
    a = logs.service(scan.path / "a")
    (a / "log/main").write_text("")
    run(scan)
    scan.wait_said("logger: warning: a/log: unable to open directory ./main: not a directory")
    assert scan.stop() == 0
    assert len(scan.lines()) == 1


def test_service_that_is_given_up(scan: Scan, tmp_path: Path) -> None:
    """With a service that is not listed any more its log ends too, when all is read."""
    outside, kept = tmp_path / "outside", logs.service(scan.path / "kept")
    logs.service(outside, logs.count(outside, 9))
    (outside / "log/down").touch()
    (scan.path / "a").symlink_to(outside)
    run(scan)
    wait_up(outside)
    logs.ready(scan, "kept")
    wait_until(lambda: svstat(outside / "log").startswith("down"))
    wait_until((outside / "counted").exists)
    scan.stop_service(outside)
    wait_until(lambda: not is_supervised(outside / "log"))
    assert logs.numbers(outside / "log/main") == list(range(1, 10))
    assert is_supervised(kept / "log")
    assert scan.lines() == []
