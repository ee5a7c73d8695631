"""Anything happens to svscan, loggers, services, disk and limits: nothing is lost or doubled.

SEED and CHAOS_S replay or lengthen a run; contrib/soak/chaos draws a new seed each time.
"""

import os
import sys
from pathlib import Path

import pytest

from pysvscan.core import history
from tests import scan
from tests.chaos import events
from tests.chaos.world import Event, World
from tests.wait import wait_until

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_S", "12"))
RESTARTS = int(os.environ.get("RESTARTS", "500"))
ENDING = 50  # services, of which each is started each second
GROWTH_KB = 500  # what the allocator may keep; 500 restarts that each left a kB would be seen


@pytest.mark.parametrize("but", [None, events.kill_logger], ids=["all", "no KILL of the logger"])
def test_nothing_is_lost_whatever_happens(tmp_path: Path, but: Event | None) -> None:
    """No pid changes but of what was killed, no two copies, each line once, in order, untorn.

    As a KILL of the logger may cost lines, there is a turn without it.
    """
    chosen = {event: weight for event, weight in events.ALL.items() if event is not but}
    world = World(tmp_path / "scan", SEED)
    try:
        world.run(SECONDS, chosen, events.ALONE)
        shown = ", ".join(map(str, world.finish()))
    finally:
        (tmp_path / "happened").write_text("\n".join(world.happened))
        world.close()
    sys.stderr.write(f"SEED={SEED}: {len(world.happened)} events, {shown}\n")


def test_restarts_leave_no_growth(tmp_path: Path) -> None:
    """Services that end at once, again and again: no descriptor more, and no memory."""
    with scan.scanning(tmp_path / "scan", program=scan.hurried()) as running:
        for number in range(ENDING):
            scan.service(tmp_path / f"s{number}", "exit 0").rename(running.path / f"s{number}")
        wait_until(lambda: ends(running.path) >= RESTARTS // 5)
        before = used(running.process.pid)
        begun = ends(running.path)
        wait_until(lambda: ends(running.path) >= begun + RESTARTS, 60 + RESTARTS)
        after = used(running.process.pid)
    sys.stderr.write(f"{RESTARTS} restarts: descriptors, kB: {before}, {after}\n")
    assert after[0] <= before[0] + ENDING  # each may be in the middle of a start
    assert after[1] <= before[1] + GROWTH_KB


def ends(path: Path) -> int:
    """Count the ends of all services that end at once."""
    found = 0
    for number in range(ENDING):
        file = path / f"s{number}/supervise/history"
        data = file.read_bytes() if file.exists() else b""  # it is made, then written
        found += history.unpack(data).count if data else 0
    return found


def used(pid: int) -> tuple[int, int]:
    """Say how many descriptors a process has, and how many kB of its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = [int(line.split()[1]) for line in lines if line.startswith(("Private_D", "Private_C"))]
    return len(os.listdir(f"/proc/{pid}/fd")), sum(own)
