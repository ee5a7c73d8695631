"""Which archives go: by count, by age, and never all of them."""

import time
from pathlib import Path

import pytest

from pysvscan import archives, logdir
from pysvscan.core import tai
from pysvscan.keeping import Keeping
from tests.cyclogs import LINES, names, opened, text, work

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
ONE = LINES[:3500]  # fills a file, and no second one


class Clock:
    """The module time, telling what a test wants."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def time_ns(self) -> int:
        """Tell the time."""
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the clock."""
    clock = Clock(time.time_ns())
    monkeypatch.setattr(archives, "time", clock)
    return clock


def aged(path: Path, clock: Clock, *ages_ns: int) -> list[str]:
    """Make archives of these ages; returns their names."""
    path.mkdir()
    found = [tai.label(clock.now_ns - age_ns).decode() + ".s" for age_ns in ages_ns]
    for name in found:
        (path / name).write_bytes(b"old\n")
    return found


def remaining(path: Path, old: list[str]) -> list[int]:
    """Say which of the old archives are still there."""
    left = {file.name for file in names(path)}
    return [number for number, name in enumerate(old) if name in left]


def test_archives_go_one_at_a_time_by_age(tmp_path: Path, clock: Clock) -> None:
    """Each rotation removes one that is too old, the oldest first, and none that is not."""
    old = aged(tmp_path / "d", clock, 40 * DAY_NS, 35 * DAY_NS, 31 * DAY_NS, 29 * DAY_NS)
    log = opened(tmp_path / "d", keeping=Keeping(max_age_ns=30 * DAY_NS))
    found = []
    for _ in range(4):
        log.put(ONE)
        work(log)
        found.append(remaining(tmp_path / "d", old))
    assert found == [[1, 2, 3], [2, 3], [3], [3]]


def test_archives_take_a_file_once(tmp_path: Path) -> None:
    """What was linked before a crash, and not yet unlinked, is no archive twice."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/current").write_bytes(b"old\n")
    (tmp_path / "d/@400000003b9ac9ff00000000.s").hardlink_to(tmp_path / "d/current")
    work(opened(tmp_path / "d"))
    assert len(names(tmp_path / "d")) == 1
    assert text(tmp_path / "d") == b"old\n"


def test_archives_of_a_directory_outlive_a_wrong_clock(tmp_path: Path, clock: Clock) -> None:
    """A clock that is years ahead for an hour costs one archive a rotation, the last two none."""
    log = opened(tmp_path / "d", keeping=Keeping(max_age_ns=30 * DAY_NS))
    for _ in range(5):
        log.put(ONE)
        work(log)
        clock.now_ns += HOUR_NS
    assert len(names(tmp_path / "d")) == 5
    clock.now_ns += 10000 * DAY_NS
    for _ in range(2):
        log.put(ONE)
        work(log)
    assert len(names(tmp_path / "d")) == 5
    clock.now_ns += 10000 * DAY_NS
    for _ in range(9):
        log.put(ONE)
        work(log)
        clock.now_ns += 10000 * DAY_NS
        assert len(names(tmp_path / "d")) >= 3, "the last two, and the new one"


def test_archives_that_are_the_last_two_have_no_age(tmp_path: Path, clock: Clock) -> None:
    """However old: beside the new one, the one before it stays."""
    old = aged(tmp_path / "d", clock, 40 * DAY_NS)
    log = opened(tmp_path / "d", keeping=Keeping(max_age_ns=30 * DAY_NS))
    log.put(ONE)
    work(log)
    assert (remaining(tmp_path / "d", old), len(names(tmp_path / "d"))) == ([0], 2)


def test_archives_of_no_legal_name_have_no_age(tmp_path: Path, clock: Clock) -> None:
    """What nobody can tell the age of goes by count only."""
    path = tmp_path / "d"
    aged(path, clock, DAY_NS, DAY_NS - 1, DAY_NS - 2)
    (path / "@0000000000000000zzzzzzzz.odd").write_bytes(b"")
    log = opened(path, keeping=Keeping(max_age_ns=1))
    log.put(ONE)
    work(log)
    assert "@0000000000000000zzzzzzzz.odd" in {file.name for file in names(path)}


def test_archives_go_by_count_and_age_together(tmp_path: Path, clock: Clock) -> None:
    """One for its age besides those that are too many."""
    old = aged(tmp_path / "d", clock, *(days * DAY_NS for days in (50, 45, 40, 35, 20, 10)))
    log = opened(tmp_path / "d", count=6, keeping=Keeping(max_age_ns=30 * DAY_NS))
    log.put(ONE)
    work(log)
    assert remaining(tmp_path / "d", old) == [3, 4, 5], "two by count, one by age"


def test_archives_count_a_compressed_one_once(tmp_path: Path) -> None:
    """Between the two names of compression no other archive has to go."""
    path = tmp_path / "d"
    path.mkdir()
    directory = logdir.Logdir(str(path).encode())
    labels = [tai.label(number * HOUR_NS).decode() for number in (1, 2, 3)]
    for name in (f"{labels[0]}.s", f"{labels[1]}.s", f"{labels[1]}.s.gz", f"{labels[2]}.s"):
        (path / name).write_bytes(b"")
    archives.Archives(directory, 4, None).prune()
    assert len(names(path)) == 4
    archives.Archives(directory, 3, None).prune()
    assert labels[0] not in {file.name[:25] for file in names(path)}
    directory.close()
