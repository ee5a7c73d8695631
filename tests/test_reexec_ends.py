"""svscan executes itself anew while things end: none of it is forgotten, or begun once more."""

import os
import signal
from pathlib import Path

import pytest

from pysvscan.core import history
from tests import logs
from tests.scan import (
    LOGGER,
    SLEEP,
    Scan,
    command,
    executable,
    is_alive,
    kill_session,
    pid,
    read,
    service,
    wait_started,
    wait_up,
)
from tests.test_reexec import reexecute
from tests.wait import wait_until

pytestmark = pytest.mark.slow

STRAY = f"(trap '' TERM; exec sleep 1000) & echo hello; {SLEEP}"


def make(path: Path) -> tuple[Path, Path, Path, Path]:
    """Make services that end in all ways."""
    finishing = service(path / "finishing", f"echo $$ >> started; {SLEEP}")
    (finishing / "service.toml").write_text('[stop]\nfinish = "./finish"\n')
    executable(finishing / "finish", "echo $$ >> finishing; read line < go")
    os.mkfifo(finishing / "go")
    timed = service(path / "timed", f"trap '' TERM; {SLEEP}")
    (timed / "service.toml").write_text("[stop]\ntimeout = 2\n")
    rotated = logs.service(path / "rotated", f"echo hello; {SLEEP}")
    return finishing, timed, rotated, service(path / "stray", STRAY, LOGGER)


def test_reexec_forgets_no_end(tmp_path: Path) -> None:
    """A ./finish, a [stop] timeout, a rotation that was ordered, a stop: each comes to its end."""
    finishing, timed, rotated, stray = make(tmp_path / "service")
    scan = Scan(tmp_path / "service")
    try:
        for where in (finishing, timed):
            wait_started(where)
        (logger,) = logs.ready(scan, "rotated")
        wait_until(lambda: read(rotated / "log/main/current") == "hello\n")
        wait_until(lambda: read(stray / "log/main/current") == "hello\n")

        command(finishing, b"t")
        number = int(wait_until(lambda: read(finishing / "finishing")))
        (finishing / "supervise/finish").unlink()  # only svscan knows of it now
        os.kill(logger, signal.SIGSTOP)
        command(rotated / "log", b"a")
        command(timed, b"d")
        scan.barrier()
        reexecute(scan)
        os.kill(logger, signal.SIGCONT)
        wait_until(lambda: pid(timed) == 0)
        last = history.unpack((timed / "supervise/history").read_bytes()).ends[0]
        assert last.wstatus == signal.SIGKILL
        wait_until(lambda: list((rotated / "log/main").glob("@*.s")))
        assert (is_alive(number), pid(finishing)) == (True, 0)  # long after 1 s, and no other copy
        assert len(read(finishing / "started").splitlines()) == 1
        (finishing / "go").write_text("\n")
        wait_up(finishing)

        scan.process.send_signal(signal.SIGTERM)
        wait_until(lambda: len(read(finishing / "finishing").splitlines()) == 2)
        wait_until(lambda: pid(stray) == 0)
        reexecute(scan)
        (finishing / "go").write_text("\n")
        assert scan.wait_end() == 0
        assert (pid(rotated / "log"), pid(stray / "log")) == (0, 0)
        assert [line for line in scan.lines() if "C svscan needs" not in line] == []
    finally:
        scan.close()
        kill_session(scan.process.pid)
