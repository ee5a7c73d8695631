"""Loggers killed and stopped while services write as fast as they can: what of it is lost.

KILLS sets how often, LOGGED how many services; contrib/soak/logger does more, and prints a TABLE.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import logs
from tests.chaos import flood
from tests.chaos.flood import Found
from tests.scan import Scan, kill_session
from tests.wait import wait_until

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("KILLS", "4"))
SERVICES = int(os.environ.get("LOGGED", "6"))
PAUSE_S = float(os.environ.get("PAUSE_S", "0.01"))
READ_BYTES = 65536
LONGEST = 120  # bytes of a line
MOST_BYTES = 4 << 30  # of all services together, at full speed
MOST = MOST_BYTES // SERVICES // 57  # lines of a service
EVERY_S = float(os.environ.get("EVERY_S", "0"))
SCRIPT = "s16777215 n1000 ./main"


@contextlib.contextmanager
def flooded(path: Path) -> Iterator[Scan]:
    """Run services that write as fast as is read."""
    path.mkdir()
    for number in range(SERVICES):
        flood.make(path / f"s{number}", logs.settings(SCRIPT), PAUSE_S, MOST)
    scan = Scan(path)
    try:
        yield scan
    finally:
        scan.close()
        kill_session(scan.process.pid)


def names() -> list[str]:
    """List the services."""
    return [f"s{number}" for number in range(SERVICES)]


def all_logged(scan: Scan, but: int = 0) -> int:
    """Wait until one logger has all logs open; give its pid."""
    (number,) = {logs.logger(scan.path / name, but) for name in names()}
    return number


def wait_more(scan: Scan, lines: int = 300) -> None:
    """Wait until each service has written more."""
    wanted = {path: flood.written(path) + lines for path in (scan.path / name for name in names())}
    wait_until(lambda: all(flood.written(path) >= more for path, more in wanted.items()), 60)


def judge(scan: Scan, kills: int) -> list[Found]:
    """Stop in order; assert that nothing but what KILLs may cost is missing."""
    assert scan.stop() == 0
    found = [Found(scan.path / name / "log/main") for name in names()]
    if "TABLE" in os.environ:
        show(found)
    for name, one in zip(names(), found, strict=True):
        assert (one.torn, one.twice, one.back) == (0, 0, 0)
        assert one.last + 1 >= flood.written(scan.path / name)
        assert one.cut <= kills
    gaps = [size for one in found for _, size in one.gaps]
    assert len([size for size in gaps if size > LONGEST]) <= kills  # the others: a line each
    assert all(size <= READ_BYTES + LONGEST for size in gaps)
    return found


def show(found: list[Found]) -> None:
    """Print what is in each log, and what is missing."""
    row = "{:8} {:>9} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}\n"
    head = ("service", "lines", "gaps", "torn", "twice", "back", "missing", "bytes")
    sys.stdout.write("\n" + row.format(*head))
    for name, one in zip(names(), found, strict=True):
        lines, size = (sum(gap[at] for gap in one.gaps) for at in (0, 1))
        cells = (one.lines, len(one.gaps), one.torn, one.twice, one.back, lines, size)
        sys.stdout.write(row.format(name, *cells))


def test_killed_loggers_lose_one_read(tmp_path: Path) -> None:
    """A KILL costs one read of one service, and each other's unfinished line at most."""
    with flooded(tmp_path / "scan") as scan:
        number = 0
        for _ in range(KILLS):
            number = all_logged(scan, number)
            wait_more(scan)
            time.sleep(EVERY_S)  # the soak's; 0 in the suite
            os.kill(number, signal.SIGKILL)
        all_logged(scan, number)
        judge(scan, KILLS)


def test_hand_over_loses_nothing(tmp_path: Path) -> None:
    """With svscan killed, and its logger stopped when the next one asks, no line is missing."""
    with flooded(tmp_path / "scan") as scan:
        number = all_logged(scan)
        for turn in range(3):
            wait_more(scan)
            scan.process.kill()
            scan.process.wait()
            if turn:
                os.kill(number, signal.SIGSTOP)
            scan.start()
            if turn:
                wait_until(scan.listens)
                os.kill(number, signal.SIGCONT)
            number = all_logged(scan, number)
        wait_more(scan)
        os.kill(number, signal.SIGTERM)  # by whom ever: it ends in order, and is started again
        all_logged(scan, number)
        found = judge(scan, 0)
        assert [one.gaps for one in found] == [[] for _ in found]
        assert [one.cut for one in found] == [0 for _ in found]
