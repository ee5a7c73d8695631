"""What a service has written outlives it, svscan, and the hand-over to another logger."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pysvscan.unread import unread
from tests import logs, scan
from tests.scan import Scan
from tests.wait import wait_until

pytestmark = pytest.mark.slow
# Ours, which looks at nothing before the file .go is there; .waits says that it waits for it.
LATE = """
import os, sys, time
from pysvscan import svscan
look_first = svscan.Svscan.look_first
def late(self):
    open(".waits", "w").close()
    while not os.path.exists(".go"):
        time.sleep(0.01)
    look_first(self)
svscan.Svscan.look_first = late
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


AGAIN = "seq 1201 2600; until [ -e more ]; do sleep 0.02; done; echo 2601; >again; exec sleep 1000"


def test_dead_service_keeps_its_pipe_until_svscan_has_it(tmp_path: Path) -> None:
    """Service and svscan dead, and the logger at a processor: what it has not read is not lost."""
    path = tmp_path / "scan"
    run = f"[ -e ran ] || {{ >ran; seq 1 1200; exec sleep 1000; }}\n{AGAIN}"
    logs.service(path / "a", run, 's4096 n9 "!>busy; cat; sleep 1" ./main')
    main, directory = path / "a/log/main", os.open(path / "a", os.O_RDONLY)
    with scan.scanning(path) as running:
        wait_until((path / "a/log/main/busy").exists)
        (logger,) = logs.ready(running, "a")
        scan.command(path / "a", b"t")
        wait_until(lambda: unread(directory) == 0 and 1201 in logs.numbers(main))
        (path / "a/more").touch()
        wait_until((path / "a/again").exists)
        service = scan.pid(path / "a")
        running.process.kill()
        running.process.wait()
        os.kill(service, signal.SIGKILL)
        wait_until(lambda: not scan.is_alive(service))
        running.program = (sys.executable, "-I", "-c", LATE, *running.program[len(scan.OURS) :])
        running.start()
        wait_until((path / ".waits").exists)
        wait_until(lambda: not scan.is_alive(logger) or 2601 in logs.numbers(main))
        (path / ".go").touch()
        logs.logger(path / "a", but=logger)
        assert running.stop() == 0
        assert logs.numbers(main)[:2601] == list(range(1, 2602))
        resume(running)
    os.close(directory)


def resume(running: Scan) -> None:
    """Let the test's end find a svscan."""
    running.program = (*scan.OURS, "svscan", str(running.path))
    running.start()
    wait_until(running.listens)
