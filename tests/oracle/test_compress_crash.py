"""Compression beside C's multilog: killed at any call, both go on; C counts and removes `.s.gz`.

Not tested: a machine that loses its power; what is done in which order is the same.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan.cyclog import Cyclog
from pysvscan.keeping import Keeping
from tests import cyclogs
from tests.oracle import multilog_runner as runner
from tests.oracle.runner import Pair, count
from tests.oracle.test_multilog_crash import DeadlyOs

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]

LINES = cyclogs.LINES[:3500]  # one rotation
LATER = b"later\n" * 100
GZIP = Keeping(compress="gzip")


def run_forked(directory: Path, data: bytes, nth: int = 0) -> int:
    """Log in a fork of this process, which dies before the nth call (0: never)."""
    pid = os.fork()
    if not pid:
        try:
            deadly = DeadlyOs(nth)
            for module in cyclogs.MODULES:
                module.os = deadly  # type: ignore[attr-defined]
            log = cyclogs.opened(directory, keeping=GZIP)
            log.put(data)
            os._exit(bool(cyclogs.work(log)) or finish(log))
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def finish(log: Cyclog) -> bool:
    """End in order; says whether something failed."""
    log.finish()
    return bool(cyclogs.work(log))


def once(directory: Path) -> bytes:
    """Join all that a directory holds; of an archive and its successor one counts."""
    found = runner.archives(directory)
    for path in [path for path in found if path.with_name(f"{path.name}.gz") in found]:
        successor = path.with_name(f"{path.name}.gz")
        assert successor.stat().st_mode & 0o100, "in its place, and not complete"
        assert cyclogs.content(successor) == path.read_bytes()
        found.remove(path)
    linked = {path.stat().st_ino for path in found}
    rest = [directory / name for name in ("previous", "current")]
    rest = [path for path in rest if path.exists() and path.stat().st_ino not in linked]
    return b"".join(map(cyclogs.content, [*found, *rest]))


def deaths(path: Path) -> Iterator[Path]:
    """Kill our log at each call; yields the directory each time, the last one complete."""
    path.mkdir()
    for nth in range(1, 1000):
        directory = path / f"{nth}"
        code = run_forked(directory, LINES, nth)
        assert code in (0, -signal.SIGKILL)
        if directory.exists():
            yield directory
        if not code:
            return


def copied(directory: Path, name: str) -> Path:
    """Copy a directory, links within it included."""
    target = Path(f"{directory}-{name}")
    assert not os.spawnlp(os.P_WAIT, "cp", "cp", "-a", str(directory), str(target))
    return target


def test_compress_killed_at_each_call_loses_nothing(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We go on with each line once, wherever it was; so does C, but for names it cannot know."""
    cyclogs.use_gzip(monkeypatch, tmp_path)
    died = pairs = 0
    for directory in deaths(tmp_path / "d"):
        before = once(directory)
        assert before in (b"", LINES), directory.name
        ours, c = copied(directory, "ours"), copied(directory, "c")
        assert run_forked(ours, LATER) == 0
        assert cyclogs.text(ours) == before + LATER, directory.name
        assert not (ours / "newstate").exists()
        left = runner.run(oracle("multilog").c, ["n99", f"./{c.name}"], [LATER], c.parent)
        assert (left.code, left.err) == (0, b"")
        names = {path.name for path in runner.archives(c)}
        pairs += any(f"{name}.gz" in names for name in names)
        assert once(c) == before + LATER, directory.name
        count("compress: KILL at each system call")
        died += 1
    assert died > 30, "not one compression"
    assert 0 < pairs < 5, "only between the new name and the end of the old one"


def test_compressed_archives_are_counted_and_removed_by_c(
    oracle: Oracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C's multilog removes the oldest, compressed or not, until there are less than its count."""
    cyclogs.use_gzip(monkeypatch, tmp_path)
    log = cyclogs.opened(tmp_path / "d", keeping=GZIP)
    log.put(cyclogs.LINES * 3)
    assert cyclogs.work(log) == []
    log.finish()
    assert cyclogs.work(log) == []
    log.close()
    old = runner.archives(tmp_path / "d")
    assert {path.suffix for path in old} == {".gz"}
    words = ["s4096", f"n{len(old)}", "./d"]
    left = runner.run(oracle("multilog").c, words, [cyclogs.LINES], tmp_path)
    assert left.code == 0
    now = runner.archives(tmp_path / "d")
    assert len(now) == len(old) - 1
    assert set(now) & set(old) == set(old[-len(set(now) & set(old)) :]), "the oldest went"
    count("compress: archives removed by C")
