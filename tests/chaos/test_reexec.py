"""svscan re-executed again and again under load: nobody notices, and nothing is lost.

REEXECS sets how often, SEED the random choices; contrib/soak/reexec does more, with a new seed.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import logs
from tests.chaos import flood
from tests.chaos.flood import Found
from tests.chaos.services import pause
from tests.scan import (
    OURS,
    Scan,
    command,
    executable,
    is_alive,
    kill_session,
    pid,
    scanning,
    service,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SEED", "1"))
REEXECS = int(os.environ.get("REEXECS", "5"))
TERMS = int(os.environ.get("TERMS", "4"))
SCRIPT = "s16777215 n1000 ./main"
# Each USR1 is answered by a line; blocked while that is written, so that none is merged unseen.
ANSWERING = f"""exec {sys.executable} -ISc '
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
fd = os.open("answers", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(fd, b"r")
while True:
    signal.sigwait([signal.SIGUSR1])
    os.write(fd, b"1")
'"""


@contextlib.contextmanager
def loaded(path: Path) -> Iterator[Scan]:
    """Run svscan with logs that flow, services that end, and one that answers."""
    flood.make(path / "built-in", logs.settings(SCRIPT), 0.01)
    flood.make(path / "classic", "", 0.01)
    service(path / "classic/log", "exec multilog s16777215 n1000 ./main")
    service(path / "answering", ANSWERING)
    service(path / "quick", "echo >>starts; exec sleep 0.3")
    service(path / "at-once", "echo >>starts; exit 1")
    with scanning(path) as scan:
        wait_until(lambda: answers(scan) >= 1)
        for name in ("quick", "at-once"):
            wait_until((path / name / "starts").exists)
        wait_up(path / "built-in/log")
        yield scan


def answers(scan: Scan) -> int:
    """Count what the answering service was sent, and that it is ready."""
    with contextlib.suppress(FileNotFoundError):
        return (scan.path / "answering/answers").stat().st_size
    return 0


def exercise(scan: Scan, draw: random.Random, told: int) -> None:
    """Send commands and HUPs, each obeyed before the next, while svscan may be anywhere."""
    for number in range(told):
        before = answers(scan)
        if draw.random() < 0.5:
            scan.process.send_signal(signal.SIGHUP)
        letters = draw.choice((b"1", b"o1u", b"+1"))
        command(scan.path / "answering", letters)
        wait_until(lambda: answers(scan) > before)  # noqa: B023
        assert answers(scan) == before + 1, f"SEED={SEED}, command {number}"
        pause(draw, 0.1)


def are_restarted(scan: Scan, sizes: dict[str, int]) -> bool:
    """Say whether each service that ends by itself has been started again since."""
    return all(sizes[name] < size for name, size in starts(scan).items())


def starts(scan: Scan) -> dict[str, int]:
    """Say how often those that end by themselves were started."""
    return {name: (scan.path / name / "starts").stat().st_size for name in ("quick", "at-once")}


def test_reexecutions_under_load_are_not_noticed(tmp_path: Path) -> None:
    """No service's pid changes, each command is obeyed once, and no line is lost or torn."""
    draw = random.Random(SEED)  # noqa: S311
    path = tmp_path / "scan"
    names = ("built-in", "classic", "classic/log", "answering")
    with loaded(path) as scan:
        before = scan.pids(*names)
        for _ in range(REEXECS):
            before_it = starts(scan)
            logger = wait_up(path / "built-in/log")
            scan.process.send_signal(signal.SIGUSR2)
            exercise(scan, draw, draw.randrange(1, 6))
            wait_up(path / "built-in/log", but=logger)  # the new image's
            wait_until(lambda: are_restarted(scan, before_it))  # noqa: B023
        assert scan.pids(*names) == before, f"SEED={SEED}"
        assert all(map(is_alive, before))
        assert [line for line in scan.lines() if "has no run" not in line] == []
        for name in ("built-in", "classic"):
            command(path / name, b"d")
            wait_until(lambda: pid(path / name) == 0)  # noqa: B023
        for name in ("built-in", "classic"):
            done = flood.written(path / name)
            wait_until(lambda: Found(path / name / "log/main").last + 1 >= done)  # noqa: B023
            found = Found(path / name / "log/main")
            assert (found.torn, found.twice, found.back, found.gaps) == (0, 0, 0, []), f"{SEED=}"


def test_term_at_random_in_a_reexecution_is_obeyed(tmp_path: Path) -> None:
    """Whenever TERM comes, svscan stops in order: the service is ended, the log read."""
    draw = random.Random(SEED)  # noqa: S311
    for number in range(TERMS):
        path = tmp_path / f"scan{number}"
        flood.make(path / "built-in", logs.settings(SCRIPT), 0.01)
        scan = Scan(path)
        try:
            wait_up(path / "built-in/log")
            wait_until(lambda: flood.written(path / "built-in"))  # noqa: B023
            scan.process.send_signal(signal.SIGUSR2)
            if number % 2:
                pause(draw, 1)
            else:  # the new image is there, and no more
                words = Path(f"/proc/{scan.process.pid}/cmdline")
                wait_until(lambda: b"\0take\0" in words.read_bytes())  # noqa: B023
                pause(draw, 0.02)
            assert scan.stop() == 0, f"SEED={SEED}, {number}: {scan.lines()}"
            found = Found(path / "built-in/log/main")
            assert (found.torn, found.twice, found.back, found.gaps) == (0, 0, 0, []), f"{SEED=}"
            assert found.last + 1 >= flood.written(path / "built-in")
        finally:
            scan.close()
            kill_session(scan.process.pid)


def words_below(scan: Scan) -> bytes:
    """Give the command line of the process that unshare started."""
    number = scan.process.pid
    child = Path(f"/proc/{number}/task/{number}/children").read_text().split()[0]
    return Path(f"/proc/{child}/cmdline").read_bytes()


@pytest.mark.root
def test_process_1_reexecutes_itself(tmp_path: Path) -> None:
    """The container lives on, with its services."""
    unshare = ("unshare", "-pf", "--mount-proc", "--kill-child")
    if subprocess.run([*unshare, sys.executable, "-c", ""], capture_output=True).returncode:
        pytest.skip("no pid namespace can be had here")
    path = tmp_path / "scan"
    service(path / "one", "echo $PPID >parent; exec sleep 1000")
    executable(tmp_path / "ask", f'exec {" ".join(OURS)} svscanctl -r "$1"')
    scan = Scan(path, (*unshare, *OURS))
    try:
        before = wait_up(path / "one")
        parent = path / "one/parent"
        wait_until(lambda: parent.exists() and parent.read_text() == "1\n")
        for _ in range(3):
            subprocess.run([tmp_path / "ask", path], check=True)
            command(path / "one", b"p")
            wait_until(lambda: b"\0take\0" in words_below(scan))
            scan.barrier()
        assert pid(path / "one") == before
        command(path / "one", b"ct")
        wait_up(path / "one", but=before)
        subprocess.run([*OURS, "svscanctl", "-t", path], check=True)
        assert scan.wait_end() == 0, scan.lines()
    finally:
        scan.process.kill()
        scan.process.wait()
