"""One log directory: sizes, names, and what happens where a system call fails."""

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pysvscan import archives as archives_module
from pysvscan import child, current, cyclog, logdir, pathexec, recovery, strand, strerr
from pysvscan import processor as processor_module
from pysvscan.core import tai
from pysvscan.stuck import Stuck
from tests.wait import wait_until

MODULES = (archives_module, child, current, logdir, processor_module, recovery, strand)
LINES = b"".join(b"%06d\n" % number for number in range(1000))


def opened(
    path: Path, size: int = 4096, count: int = 99, processor: bytes | None = None
) -> cyclog.Cyclog:
    """Open a directory."""
    chain = pathexec.Chain({b"PATH": b"/usr/bin:/bin"})
    return cyclog.Cyclog(os.fsencode(path), size, count, processor, chain)


def work(log: cyclog.Cyclog) -> None:
    """Advance until nothing is left to do, whatever fails on the way, as often as it fails."""
    failures = 0
    while log.is_busy():
        try:
            log.advance()
        except Stuck:
            failures += 1
            assert failures < 10
        if log.pid:
            log.reaped(os.waitpid(log.pid, 0)[1])


def archives(path: Path) -> list[Path]:
    """List the archives, oldest first."""
    return sorted(path.glob("@*"))


def text(path: Path) -> bytes:
    """Join archives and current."""
    return b"".join(file.read_bytes() for file in [*archives(path), path / "current"])


class FailingOs:
    """The module os, whose nth call of a function fails."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.failed = ""
        self.pid = os.getpid()  # a processor's calls do not count

    def __getattr__(self, name: str) -> Any:
        """Return a name of os; a function is counted when it is called."""
        value = getattr(os, name)
        harmless = not callable(value) or name in ("fsencode", "WIFSIGNALED", "fstat", "close")
        return value if harmless else self.counted(name, value)

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.nth -= os.getpid() == self.pid
            if not self.nth and not self.failed:
                self.failed = name
                raise OSError(errno.EIO, "")
            return function(*args, **kwargs)

        return call


@pytest.mark.parametrize("processor", [None, b"cat"], ids=["plain", "processor"])
def test_cyclog_resumes_at_the_failed_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor: bytes | None
) -> None:
    """Each system call fails once: a start that fails says so, anything else is done again."""
    failed = set()
    for nth in range(1, 1000):
        path = tmp_path / str(nth)
        failing = FailingOs(nth)
        for module in MODULES:
            monkeypatch.setattr(module, "os", failing)
        try:
            log = opened(path, processor=processor)
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
            assert {file.stat().st_mode & 0o777 for file in archives(path)} == {0o744}
        failed.add(failing.failed)
        if not failing.failed:
            break
    assert failed >= {"", "mkdir", "open", "write", "fsync", "rename", "chmod", "stat", "link"}
    assert failed >= {"listdir", "unlink", "fchmod"} | ({"posix_spawn"} if processor else set())


def test_cyclog_archives_end_on_lines_below_the_size(tmp_path: Path) -> None:
    """Each archive ends in a newline and is within 2000 bytes of the size."""
    log = opened(tmp_path / "d")
    for at in range(0, len(LINES), 100):
        log.put(LINES[at : at + 100])
        work(log)
    assert text(tmp_path / "d") == LINES
    for file in archives(tmp_path / "d"):
        assert file.read_bytes().endswith(b"\n")
        assert 2096 <= file.stat().st_size <= 4096


def test_cyclog_splits_a_line_longer_than_the_size(tmp_path: Path) -> None:
    """A line that no file can hold fills files to the byte."""
    log = opened(tmp_path / "d")
    log.put(b"x" * 9000 + b"\n")
    work(log)
    assert [file.stat().st_size for file in archives(tmp_path / "d")] == [4096, 4096]
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
    names = [file.name for file in archives(path)]
    assert "@short" in names
    assert len(names) == 1 + 2
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
    new = [file.name.encode()[:25] for file in archives(path) if file.name != name]
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
    labels = [file.name.encode()[:25] for file in archives(path)]
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
    assert [file.name[25:] for file in archives(tmp_path / "d")] == [".s"]


def test_cyclog_keeps_what_an_abandoned_processor_did_not_finish(tmp_path: Path) -> None:
    """More rotations after it lose nothing, and start no processor; the next owner goes on."""
    log = opened(tmp_path / "d", processor=b"exec sleep 1000")
    log.put(LINES)
    log.advance()
    os.kill(log.pid, signal.SIGKILL)
    os.waitpid(log.pid, 0)
    log.abandon_processor()
    log.finish()
    log.advance()
    assert (log.pid, log.is_busy()) == (0, False)
    assert {file.name[25:] for file in archives(tmp_path / "d")} == {".u"}
    log.close()
    work(opened(tmp_path / "d"))
    assert text(tmp_path / "d") == LINES


def test_cyclog_directory_has_one_owner(tmp_path: Path) -> None:
    """A locked directory cannot be opened again, until its owner closes it."""
    log = opened(tmp_path / "d")
    with pytest.raises(strerr.Fatal, match=r"unable to lock directory .*/d$"):
        opened(tmp_path / "d")
    log.close()
    assert wait_until(lambda: opened(tmp_path / "d"))
