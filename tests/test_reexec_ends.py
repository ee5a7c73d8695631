"""svscan executes itself anew while things end: none of it is forgotten, or begun once more."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pysvscan.core import history
from tests import logs, pidns
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
from tests.test_reexec import pipes_of, reexecute
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
    rotated = logs.service(path / "rotated", STRAY)
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


KILLING = """
import os, select, signal, sys
from pysvscan import reexec
whole = reexec.Reexec.become

def become(self, scan, material):
    (dying,) = (it.main.pid for it in self.scan.entries.values() if it.label == b"dying")
    os.kill(dying, signal.SIGKILL)
    select.select([os.pidfd_open(dying)], [], [])
    whole(self, scan, material)

reexec.Reexec.become = become
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""
DEAF = "trap 'echo asked >> asked' TERM; touch up; while :; do sleep 0.02; done"


def test_reexec_in_a_stop_meets_deaths(tmp_path: Path) -> None:
    """Who dies meanwhile ends neither the patience for the others nor, the last one, is missed."""
    dying, deaf = (service(tmp_path / f"service/{name}", DEAF) for name in ("dying", "deaf"))
    program = (sys.executable, "-I", "-c", KILLING)
    path, budget = tmp_path / "service", ("--stop-budget", "600")
    with pidns.contained(path, *budget, program=program) as (running, number):
        wait_until(lambda: (dying / "up").exists() and (deaf / "up").exists())
        last = next(it for it in pidns.below(number) if os.readlink(f"/proc/{it}/cwd") == str(deaf))
        os.kill(number, signal.SIGTERM)
        wait_until(lambda: read(dying / "asked") and read(deaf / "asked"))
        os.kill(number, signal.SIGUSR2)
        wait_until(lambda: pid(dying) == 0)
        os.kill(number, signal.SIGUSR2)
        before = pipes_of(number)
        wait_until(lambda: not pipes_of(number) & before)
        assert read(deaf / "asked") == "asked\n"
        os.kill(last, signal.SIGKILL)
        assert running.wait_end() == 0
        assert running.lines() == []
