"""What a log does where nothing can be written: block, drop its oldest archives, or drop lines.

The system calls are made to fail; on a real full disk, a small tmpfs, where that can be mounted.
"""

import contextlib
import errno
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import cyclog
from pysvscan.keeping import Keeping
from pysvscan.stuck import Stuck
from tests.cyclogs import LINES, FailingOs, names, opened, outlets, text, work

NOTICE = re.compile(rb"pysvscan: (\d+) lines, (\d+) bytes lost\n")
FILES = ("write",)
DROP_LINES = Keeping("drop-lines")
DROP_ARCHIVES = Keeping("drop-archives")


def stuck(log: cyclog.Cyclog) -> str:
    """Advance to where it fails; returns what it says."""
    with pytest.raises(Stuck) as failure:
        log.advance()
    return str(failure.value)


def ready(path: Path, keeping: Keeping, data: bytes = b"first\n") -> cyclog.Cyclog:
    """Open a log and write something."""
    log = opened(path, keeping=keeping)
    log.put(data)
    assert work(log) == []
    return log


def test_full_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As multilog: what was read is held, and no more is to be read."""
    log = ready(tmp_path / "d", Keeping())
    failing = FailingOs(failing=FILES, number=errno.ENOSPC).plant(monkeypatch)
    log.put(b"second\n")
    assert stuck(log) == f"unable to write to {tmp_path}/d/current, pausing"
    assert (log.is_busy(), log.is_blocking(), log.is_waiting()) == (True, True, False)
    assert log.unwritten() == b"second\n"
    failing.failing.clear()
    assert work(log) == []
    assert text(tmp_path / "d") == b"first\nsecond\n"


# What is put while nothing can be written, in pieces; and after that, again in pieces.
DROPPED = {
    "whole lines": ([b"2\n", b"3\n4\n", b"5\n"], [b"6\n"], b"1\n2\n", b"6\n", 3),
    "line that was not begun": ([b"2\n3", b"3\n4\n"], [b"5\n"], b"1\n2\n", b"5\n", 2),
    "line that goes on": ([b"2\n3", b"3", b"3"], [b"3", b"3\n4\n"], b"1\n2\n", b"4\n", 1),
    "nothing": ([b"2\n3"], [b"3\n"], b"1\n2\n33\n", b"", 0),
    "one long line": ([b"2", b"2", b"2\n"], [b"3\n"], b"1\n", b"3\n", 1),
}


@pytest.mark.parametrize("name", DROPPED)
def test_full_drops_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It reads on, and counts; when it can write again, a line says what is missing."""
    pieces, later, before, after, lines = DROPPED[name]
    log = ready(tmp_path / "d", DROP_LINES, b"1\n")
    failing = FailingOs(failing=FILES, number=errno.ENOSPC).plant(monkeypatch)
    for piece in pieces:
        log.put(piece)
        with contextlib.suppress(Stuck):
            log.advance()
            assert not log.is_busy()
        assert not log.is_blocking()
    failing.failing.clear()
    for piece in [b"", *later]:
        log.put(piece)
        assert work(log) == []
    lost = len(b"1\n" + b"".join(pieces + later)) - len(before + after)
    notice = b"pysvscan: %d lines, %d bytes lost\n" % (lines, lost) if lines else b""
    assert text(tmp_path / "d") == before + notice + after
    assert (log.losses.total_lines, log.losses.total_bytes) == (lines, lost)


def test_full_ends_a_line_that_is_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line whose beginning was written the rest is lost: it is ended, and counted."""
    log = ready(tmp_path / "d", Keeping("drop-lines", stamp=lambda: b"@stamp "), b"1\n2")
    failing = FailingOs(failing=FILES, number=errno.EIO).plant(monkeypatch)
    log.put(b"2")
    stuck(log)
    log.put(b"2\n3\n")
    failing.failing.clear()
    assert work(log) == []
    log.put(b"4\n")
    assert work(log) == []
    expected = b"1\n2\n@stamp pysvscan: 2 lines, 5 bytes lost\n4\n"
    assert text(tmp_path / "d") == expected


def test_full_says_at_the_end_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end comes in the middle of a line that was dropped: it counts as one."""
    log = ready(tmp_path / "d", DROP_LINES, b"1\n")
    failing = FailingOs(failing=FILES, number=errno.ENOSPC).plant(monkeypatch)
    log.put(b"2\n")
    stuck(log)
    log.put(b"3\n4")
    failing.failing.clear()
    assert work(log) == []
    assert text(tmp_path / "d") == b"1\n2\n"
    log.finish()
    assert work(log) == []
    assert text(tmp_path / "d") == b"1\n2\npysvscan: 2 lines, 3 bytes lost\n"
    assert (tmp_path / "d/current").stat().st_mode & 0o777 == 0o744


def test_full_in_a_rotation_drops_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails is as good a reason as a write; all that was put before stays."""
    log = ready(tmp_path / "d", DROP_LINES)
    failing = FailingOs(failing=("rename",), number=errno.EROFS).plant(monkeypatch)
    log.put(LINES)
    stuck(log)
    held = len(log.unwritten())
    for _ in range(1000):
        log.put(LINES)
    assert len(log.unwritten()) == held, "one read at most is held"
    failing.failing.clear()
    assert work(log) == []
    found = NOTICE.search(text(tmp_path / "d"))
    assert found
    assert text(tmp_path / "d") == b"first\n" + LINES + found.group()
    assert found.groups() == (b"1000000", b"7000000")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["disk", "quota"])
def test_full_drops_the_oldest_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As many as it takes, down to two; then it blocks."""
    log = ready(tmp_path / "d", DROP_ARCHIVES, LINES * 3)
    before = names(tmp_path / "d")
    assert len(before) > 4
    failing = FailingOs(failing=FILES, number=number).plant(monkeypatch)
    log.put(b"more\n")
    assert stuck(log) == f"unable to write to {tmp_path}/d/current, pausing"
    assert names(tmp_path / "d") == before[-2:]
    assert (log.lost_archives, log.is_blocking()) == (len(before) - 2, True)
    failing.failing.clear()
    assert work(log) == []
    assert text(tmp_path / "d").endswith(b"000999\nmore\n")


def test_full_says_which_archives_it_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The logger's stderr tells that, and how many, whether it helped or not."""
    log = ready(tmp_path / "d", DROP_ARCHIVES, LINES * 3)
    said: list[str] = []
    found = outlets(log, said)
    count = len(names(tmp_path / "d")) - 2
    FailingOs(failing=FILES, number=errno.ENOSPC).plant(monkeypatch)
    log.put(b"more\n")
    found.advance()
    assert said == [
        f"out of disk space, removed {count} archives in {tmp_path}/d",
        f"unable to write to {tmp_path}/d/current, pausing",
    ]


def test_full_drops_archives_for_no_other_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that room would not help against costs no archive."""
    log = ready(tmp_path / "d", DROP_ARCHIVES, LINES * 3)
    before = names(tmp_path / "d")
    FailingOs(failing=FILES, number=errno.EIO).plant(monkeypatch)
    log.put(b"more\n")
    stuck(log)
    assert (names(tmp_path / "d"), log.lost_archives) == (before, 0)


# On a real full disk.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 kB; its first page is taken by an archive of somebody's."""
    path = tmp_path / "small"
    path.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "pysvscan-test", str(path)]
    if os.geteuid() or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("mount is not permitted")
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "-l", str(path)], check=True)
        yield path


def fill(path: Path) -> Path:
    """Take all the room that is left."""
    file = path / "others"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4096)
    return file


def log_on(log: cyclog.Cyclog, beside: cyclog.Cyclog) -> int:
    """Put lines into both as a reader would, the first one being on a full disk.

    Returns:
        How often the first one could not write.
    """
    refused: list[BaseException | None] = []
    for number in range(20):
        if not log.is_blocking():
            log.put(LINES)
        try:
            log.advance()
        except Stuck as exc:
            refused.append(exc.__cause__)
        beside.put(b"%d\n" % number)
        assert work(beside) == []
    assert {getattr(cause, "errno", None) for cause in refused} <= {errno.ENOSPC}
    assert len(log.unwritten()) <= len(LINES), "one read at most is held"
    return len(refused)


@pytest.mark.root
@pytest.mark.parametrize("full", ["block", "drop-archives", "drop-lines"])
def test_full_disk_of_its_own(small_disk: Path, tmp_path: Path, full: str) -> None:
    """The one that is full follows its policy; the log beside it does not notice."""
    beside = ready(tmp_path / "beside", Keeping(full))
    log = ready(small_disk / "d", Keeping(full), LINES * 2)
    others = fill(small_disk)
    refused = log_on(log, beside)
    assert bool(refused) == (full != "drop-archives"), "there are always archives to drop"
    assert log.is_blocking() == (full == "block")
    others.unlink()
    assert work(log) == []
    log.finish()
    assert work(log) == []
    found = text(small_disk / "d")
    notice = NOTICE.search(found)
    lines = found.replace(notice.group(), b"") if notice else found
    assert lines.endswith(LINES)
    assert lines in LINES * 22
    assert bool(notice) == (full == "drop-lines")
    if notice:
        lost = int(notice.group(2))
        assert (int(notice.group(1)) * 7, len(lines) + lost) == (lost, 22 * len(LINES))
        assert lost == log.losses.total_bytes
    assert bool(log.lost_archives) == (full == "drop-archives")
    assert text(tmp_path / "beside").endswith(b"18\n19\n")
    log.close()
