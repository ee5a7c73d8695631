"""One log directory: sizes, names, and what happens where a system call fails."""

import os
import select
import signal
import time
import tracemalloc
from pathlib import Path

import pytest

from pysvscan import pathexec, strerr
from pysvscan.core import tai
from pysvscan.cyclog import Cyclog
from pysvscan.keeping import Keeping
from pysvscan.stuck import Stuck
from pysvscan.sync import Sync
from tests.cyclogs import LINES, PATIENCE_S, FailingOs, names, opened, text, use_gzip, wait, work
from tests.wait import wait_until

WAYS = {
    "plain": (None, None, False),
    "processor": (b"cat", None, False),
    "sync": (b"cat", None, True),
    "gzip": (None, "gzip", True),
}
ALWAYS = {"", "mkdir", "open", "write", "fsync", "rename", "chmod", "stat", "link", "listdir"}
ALWAYS |= {"unlink", "fchmod"}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_cyclog_resumes_at_the_failed_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Each system call fails once: a start that fails says so, anything else is done again."""
    processor, compress, is_synced = WAYS[way]
    use_gzip(monkeypatch, tmp_path)
    failed = set()
    for nth in range(1, 1000):
        path = tmp_path / str(nth)
        sync = Sync() if is_synced else None
        failing = FailingOs(nth).plant(monkeypatch)
        try:
            log = opened(path, processor=processor, keeping=Keeping(compress=compress), sync=sync)
            log.put(LINES)
            work(log)
            log.finish()
            work(log)
        except strerr.Fatal:
            assert failing.failed in ("mkdir", "open", "stat", "fchmod")
        else:
            log.close()
            assert text(path) == LINES, failing.failed
            assert (path / "current").stat().st_mode & 0o777 == 0o744
            assert {file.stat().st_mode & 0o777 for file in names(path)} == {0o744}
            assert not (path / "newstate").exists()
        if sync:
            sync.close()
        failed.add(failing.failed)
        if not failing.failed:
            break
    assert failed >= ALWAYS | ({"posix_spawn"} if processor or compress else set())
    assert failed >= ({"dup"} if is_synced else set())


@pytest.mark.parametrize(("kind", "size"), [(bytes, 100), (memoryview, 3000)])
def test_cyclog_archives_end_on_lines_below_the_size(tmp_path: Path, kind: type, size: int) -> None:
    """Each archive ends in a newline and is within 2000 bytes of the size."""
    log = opened(tmp_path / "d")
    for at in range(0, len(LINES), size):
        log.put(kind(LINES[at : at + size]))
        work(log)
    assert text(tmp_path / "d") == LINES
    for file in names(tmp_path / "d"):
        assert file.read_bytes().endswith(b"\n")
        assert 2096 <= file.stat().st_size <= 4096


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_cyclog_splits_a_line_longer_than_the_size(tmp_path: Path, kind: type) -> None:
    """A line that no file can hold fills files to the byte."""
    log = opened(tmp_path / "d")
    log.put(kind(b"x" * 9000))
    log.put(kind(b"\n"))
    work(log)
    assert [file.stat().st_size for file in names(tmp_path / "d")] == [4096, 4096]
    assert (tmp_path / "d" / "current").stat().st_size == 809


def test_cyclog_keeps_one_archive_less_than_count(tmp_path: Path) -> None:
    """Count is that of all files, current included; what is not an archive's name is left alone."""
    path = tmp_path / "d"
    path.mkdir()
    (path / "@short").write_bytes(b"")
    (path / "@400000000000000000000000.odd").write_bytes(b"")
    log = opened(path, count=3)
    log.put(LINES)
    work(log)
    found = [file.name for file in names(path)]
    assert "@short" in found
    assert len(found) == 1 + 2
    assert LINES.endswith(text(path)), "the oldest go first"


@pytest.mark.parametrize("name", ["@ffffffffffffffff3b9ac9ff.s", "@4000000000000000zzzzzzzz.s"])
def test_cyclog_takes_names_for_what_they_are(tmp_path: Path, name: str) -> None:
    """A name that is no moment does not set the next archive's."""
    path = tmp_path / "d"
    path.mkdir()
    (path / name).write_bytes(b"")
    log = opened(path)
    log.put(LINES)
    before = tai.label(time.time_ns())
    work(log)
    new = [file.name.encode()[:25] for file in names(path) if file.name != name]
    assert new
    assert all(before <= label <= tai.label(time.time_ns()) for label in new)


def test_cyclog_names_never_go_back(tmp_path: Path) -> None:
    """After an archive from the future the next ones are named one nanosecond later each."""
    path = tmp_path / "d"
    path.mkdir()
    later_ns = time.time_ns() + 10**18
    (path / (tai.label(later_ns).decode() + ".s")).write_bytes(b"")
    log = opened(path)
    log.put(LINES)
    work(log)
    labels = [file.name.encode()[:25] for file in names(path)]
    assert labels == [tai.label(later_ns + at) for at in range(len(labels))]


def test_cyclog_waits_for_a_processor_without_blocking(tmp_path: Path) -> None:
    """While it runs, advance() does nothing; a failure is said and it is started again."""
    script = b"while ! test -e ../go; do sleep 0.05; done; test -e ../good"
    log = opened(tmp_path / "d", processor=script)
    log.put(LINES[:3500])
    log.advance()
    first = log.pid
    assert first
    log.advance()
    assert (log.pid, log.is_busy()) == (first, True)
    (tmp_path / "go").write_bytes(b"")
    log.reaped(os.waitpid(first, 0)[1])
    with pytest.raises(Stuck, match=r"processor failed in .*/d, pausing"):
        log.advance()
    (tmp_path / "good").write_bytes(b"")
    log.advance()
    assert log.pid not in (0, first)
    log.reaped(os.waitpid(log.pid, 0)[1])
    log.advance()
    assert not log.is_busy()
    assert [file.name[25:] for file in names(tmp_path / "d")] == [".s"]


def test_cyclog_brings_a_processors_work_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of its files, before what they were made from goes."""
    log = opened(tmp_path / "d", processor=b"cat")
    log.put(LINES[:3500])
    log.advance()
    calls = FailingOs().plant(monkeypatch).calls
    assert work(log) == []
    assert calls == [
        *("open", "fsync", "chmod"),
        *("open", "fsync"),
        *("unlink", "rename"),
        *("stat", "listdir", "link", "unlink", "listdir"),
    ]


@pytest.mark.parametrize("size_bytes", [7000, 3500], ids=["more", "one"])
def test_cyclog_keeps_what_an_abandoned_processor_did_not_finish(
    tmp_path: Path, size_bytes: int
) -> None:
    """More rotations after it lose nothing, and start no processor; the next owner goes on."""
    log = opened(tmp_path / "d", processor=b"exec sleep 1000")
    log.put(LINES[:size_bytes])
    log.advance()
    os.kill(log.pid, signal.SIGKILL)
    os.waitpid(log.pid, 0)
    log.abandon_processor()
    log.finish()
    log.advance()
    assert (log.pid, log.is_busy()) == (0, False)
    assert {file.name[25:] for file in names(tmp_path / "d")} == (
        {".u"} if size_bytes == 7000 else set()
    )
    log.close()
    work(opened(tmp_path / "d"))
    assert text(tmp_path / "d") == LINES[:size_bytes]


def test_cyclog_directory_has_one_owner(tmp_path: Path) -> None:
    """A locked directory cannot be opened again, until its owner closes it."""
    log = opened(tmp_path / "d")
    with pytest.raises(strerr.Fatal, match=r"unable to lock directory .*/d$"):
        opened(tmp_path / "d")
    log.close()
    assert wait_until(lambda: opened(tmp_path / "d"))


def test_cyclog_path_begins_at_a_descriptor(tmp_path: Path) -> None:
    """A relative path is relative to at_fd, and the directory may be renamed meanwhile."""
    chain = pathexec.Chain({})
    fd = os.open(tmp_path, os.O_RDONLY)
    log = Cyclog(b"d", 4096, 99, None, chain, at_fd=fd)
    os.close(fd)
    (tmp_path / "d").rename(tmp_path / "e")
    log.put(LINES)
    assert work(log) == []
    assert (log.name, text(tmp_path / "e")) == ("d", LINES)


@pytest.mark.parametrize("way", WAYS)
def test_cyclog_closed_lets_go_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Done or not, it can be opened again at once; descriptors do not become more."""
    processor, compress, is_synced = WAYS[way]
    use_gzip(monkeypatch, tmp_path)
    sync = Sync() if is_synced else None
    keeping = Keeping(compress=compress)
    before = len(os.listdir("/proc/self/fd"))
    pids: list[int] = []
    for _ in range(5):
        log = opened(tmp_path / "d", processor=processor, keeping=keeping, sync=sync)
        with pytest.raises(strerr.Fatal):
            opened(tmp_path / "d")
        log.put(LINES)
        log.advance()
        pids += [log.pid] if log.pid else []
        log.close()
        assert not log.is_waiting()
    for pid in pids:
        os.waitpid(pid, 0)
    while sync and sync.pending:
        assert select.select([sync.fd], [], [], PATIENCE_S)[0]
        assert sync.collect() == []
    assert len(os.listdir("/proc/self/fd")) == before
    if sync:
        sync.close()


def test_cyclog_closed_is_unlocked_whoever_has_its_descriptors(tmp_path: Path) -> None:
    """A child that is just being executed has them a moment longer: that holds no lock."""
    log = opened(tmp_path / "d")
    held = os.dup(log.directory.lock_fd)
    log.close()
    opened(tmp_path / "d").close()
    os.close(held)


def test_cyclog_takes_a_line_that_never_ends(tmp_path: Path) -> None:
    """A line of 100 MB passes in pieces: never is more than one of them in memory."""
    log = opened(tmp_path / "d", size=16_000_000, count=2)
    piece = b"x" * 65536
    tracemalloc.start()
    for _ in range(1600):
        log.put(piece)
        assert work(log) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(piece)
    assert (log.unwritten(), log.text) == (b"", b"")
    assert log.rotations >= 6


def test_cyclog_holds_no_text_that_is_written(tmp_path: Path) -> None:
    """900 idle logs must not keep 900 reads."""
    log = opened(tmp_path / "d")
    log.put(LINES[:700])
    work(log)
    assert (log.text, log.is_busy(), log.is_blocking()) == (b"", False, False)
    assert not log.is_empty()


def test_cyclog_waits_for_the_disk_off_the_loop(tmp_path: Path) -> None:
    """While a file goes to the disk the log blocks its pipe, and nothing else."""
    sync = Sync()
    log = opened(tmp_path / "d", sync=sync)
    log.put(LINES)
    log.advance()
    assert (log.is_busy(), log.is_blocking(), log.is_waiting()) == (True, True, True)
    log.advance()
    assert names(tmp_path / "d") == []
    assert work(log) == []
    assert (log.is_busy(), log.is_blocking(), log.is_waiting()) == (False, False, False)
    assert text(tmp_path / "d") == LINES
    sync.close()


def test_cyclog_says_what_the_disk_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a thread's fsync is this log's error, and it is tried again."""
    sync = Sync()
    log = opened(tmp_path / "d", sync=sync)
    failing = FailingOs(failing=("fsync",)).plant(monkeypatch)
    log.put(LINES)
    log.advance()
    wait(log)
    with pytest.raises(Stuck, match=r"unable to write .*/d/current to disk, pausing") as stuck:
        log.advance()
    assert isinstance(stuck.value.__cause__, OSError)
    assert (log.is_waiting(), log.is_blocking()) == (False, True)
    failing.failing.clear()
    failing.calls.clear()
    assert work(log) == []
    assert failing.calls[:3] == ["dup", "fsync", "rename"]
    assert text(tmp_path / "d") == LINES
    sync.close()


@pytest.mark.parametrize("full", ["block", "drop-lines"])
def test_cyclog_writes_at_once_what_fits(tmp_path: Path, full: str) -> None:
    """Whole lines that fill no file need no advance(); anything else does, nothing included."""
    log = opened(tmp_path / "d", keeping=Keeping(full))
    assert not log.put(b"1\n")
    log.advance()
    assert log.put(b"2\n")
    assert not log.is_busy()
    for piece in (b"3", b"", b"3\n" + LINES):
        assert not log.put(piece)
        log.advance()
    assert text(tmp_path / "d") == b"1\n2\n33\n" + LINES


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_cyclog_goes_on_behind_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    """A disk that takes a part of a text gets the rest, and nothing twice."""
    log = opened(tmp_path / "d")
    work(log)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    assert not log.put(kind(b"one\ntwo\n"))
    log.put(kind(b"three\n"))
    assert log.unwritten() == b"\ntwo\nthree\n"
    work(log)
    assert text(tmp_path / "d") == b"one\ntwo\nthree\n"
