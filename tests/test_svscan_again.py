"""svscan after svscan: what comes back after a stop, a death and an exec; as any user."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import logs
from tests.conftest import ROOT, Installed
from tests.scan import (
    SLEEP,
    Scan,
    command,
    is_supervised,
    kill_session,
    pid,
    read,
    scanning,
    service,
    status,
    untouched,
    wait_started,
    wait_up,
)
from tests.test_reexec import reexecute
from tests.wait import wait_until

pytestmark = pytest.mark.slow

ENTRY = ROOT / "contrib/container/entry"
DELIVERING = "trap 'sleep 1.5; touch delivered; exit' TERM; touch up; sleep 1000 & wait"
CRITICAL = "[stop]\ncritical = true\n[restart]\ntries = 1\n"


@pytest.fixture
def started() -> Iterator[list[Scan]]:
    """Collect what is started, to be ended."""
    found: list[Scan] = []
    yield found
    for scan in found:
        scan.close()
        kill_session(scan.process.pid)


def test_what_is_up_again(tmp_path: Path, started: list[Scan]) -> None:
    """After a death all is as it was wanted; after a stop `down` decides; a stop gives time.

    At last a critical service ends for good, and svscan with its code; an exec changes no such
    thing.
    """
    path = tmp_path / "service"
    plain, slow = service(path / "plain"), service(path / "slow", DELIVERING)
    held, downed = service(path / "held"), service(path / "downed")
    critical = service(path / "critical", f"[ -e go ] && exit 7; {SLEEP}")
    (critical / "service.toml").write_text(CRITICAL)
    (held / "down").touch()
    scan = Scan(path)
    started.append(scan)
    first = wait_up(plain)
    wait_up(critical)
    wait_up(downed)
    wait_until((slow / "up").exists)
    command(downed, b"d")
    command(held, b"u")
    wait_until(lambda: pid(downed) == 0)
    number = wait_up(held)
    scan.process.kill()
    scan.wait_end()
    (slow / "up").unlink()

    scan.start()
    for where in (plain, slow, held, downed, critical):
        wait_until(lambda where=where: is_supervised(where))
    scan.barrier()
    assert [pid(plain), pid(held), pid(downed)] == [first, number, 0]
    (path / "barrier1").unlink()
    assert scan.stop() == 0
    assert (slow / "delivered").exists()

    scan.start()
    for where in (plain, slow, downed, critical):
        wait_up(where)
    assert (pid(held), status(held).want) == (0, b"d")  # type: ignore[union-attr]
    wait_until((slow / "up").exists)
    reexecute(scan)
    (critical / "go").touch()
    command(critical, b"t")
    assert scan.wait_end() == 7
    assert [pid(where) for where in (plain, slow, held, downed, critical)] == [0] * 5
    assert scan.lines()[-1] == "svscan: info: critical has ended for good: stopping"


def test_reexec_as_an_ordinary_user(nobody_path: Path, installed: Installed) -> None:
    """By the shell and the fork, too: services are kept, and started after it."""
    path = nobody_path / "service"
    plain, forked = service(path / "plain"), service(path / "forked")
    (forked / "service.toml").write_text("[run]\nnice = 1\n")
    logged = service(path / "logged", f"echo hello; {SLEEP}")
    (logged / "log").mkdir()
    (logged / "service.toml").write_text("[log]\nscript = './main'\n")
    nobody_path.chmod(0o777)
    subprocess.run(["chown", "-R", "nobody", path], check=True)
    settings = {
        "program": (str(installed.python), "-I", "-m", "pysvscan"),
        "user": "nobody", "group": "nogroup", "extra_groups": (),
        "env": {"PATH": "/usr/bin:/bin", "PYSVSCAN_PURE": "1"},
    }  # fmt: skip
    with scanning(path, **settings) as scan:
        logger = wait_up(logged / "log")
        with untouched(scan, "plain", "forked", "logged"):
            reexecute(scan)
            wait_up(logged / "log", but=logger)
        for where in (plain, forked, logged):
            before = pid(where)
            command(where, b"k")
            wait_up(where, but=before)
        wait_until(lambda: logs.text(logged / "log/main") == b"hello\nhello\n")


def test_container_entry(nobody_path: Path, installed: Installed, started: list[Scan]) -> None:
    """A directory that cannot be written is copied; options are handed on."""
    path, copy = nobody_path / "service", nobody_path / "run"
    logs.service(path / "a", f"echo hello; {SLEEP}")
    (path / "a/service.toml").write_text("[log]\nscript = './main'\n")
    copy.mkdir()
    shutil.chown(copy, "nobody")
    entry = nobody_path / "entry"
    shutil.copy(ENTRY, entry)
    scan = Scan(
        path,
        ("sh", "-c", 'shift; exec "$0" "$@"', str(entry)),  # without the word svscan
        options=("--stop-budget", "8"),
        user="nobody",
        group="nogroup",
        extra_groups=(),
        env={"PATH": f"{installed.bin}:/usr/bin:/bin", "PYSVSCAN_RUN": str(copy / "svscan")},
    )
    started.append(scan)
    wait_until(lambda: read(copy / "svscan/a/log/main/current") == "hello\n")
    wait_started(copy / "svscan/a")
    assert not (path / "a/supervise").exists()
    words = Path(f"/proc/{scan.process.pid}/cmdline").read_bytes().split(b"\0")
    assert words[-4:-1] == [b"--stop-budget", b"8", os.fsencode(copy / "svscan")]
    scan.process.send_signal(signal.SIGTERM)
    assert scan.wait_end() == 0
    assert scan.lines() == []
