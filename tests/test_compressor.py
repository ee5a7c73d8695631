"""Compression of archives: beside the log, crash-safe, and never of what is not multilog's."""

import errno
import gzip
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pysvscan import compressor, cyclog, strerr
from pysvscan.keeping import Keeping
from pysvscan.sync import Sync
from tests.cyclogs import LINES, FailingOs, names, opened, outlets, text, use_gzip, wait, work
from tests.wait import wait_until

GZIP = Keeping(compress="gzip")
OLD = "@400000003b9ac9ff00000000.s"
WAITING = "while ! test -e {}/go; do sleep 0.02; done; gzip -c"
ONE = LINES[:3500]  # fills a file, and no second one
COMPRESS = (sys.executable, "-I", "-m", "pysvscan.compress")


def suffixes(path: Path) -> list[str]:
    """List what the archives' names end in."""
    return [file.name[25:] for file in names(path)]


def use_program(monkeypatch: pytest.MonkeyPatch, path: Path, script: str) -> None:
    """Compress with a shell script."""
    program = path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def at_work(path: Path, sync: Sync | None = None) -> cyclog.Cyclog:
    """Open a log and have its compressor at work."""
    log = opened(path, keeping=GZIP, sync=sync)
    log.put(ONE)
    while not log.pid:
        log.advance()
        wait_if_syncing(log)
    return log


def wait_if_syncing(log: cyclog.Cyclog) -> None:
    """Wait for the disk, not for a child."""
    if not log.pid:
        wait(log)


def test_compressor_compresses_what_is_rotated(tmp_path: Path) -> None:
    """With the real child: named, marked and readable; the old name is gone, the order kept."""
    log = opened(tmp_path / "d", keeping=GZIP, sync=Sync())
    log.put(LINES)
    assert work(log) == []
    log.archives.suffix = b".log"  # as by `wlog`
    log.put(LINES)
    assert work(log) == []
    log.finish()
    assert work(log) == []
    assert set(suffixes(tmp_path / "d")) == {".s.gz", ".log.gz"}
    assert text(tmp_path / "d") == LINES * 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in names(tmp_path / "d")} == {0o744}
    kinds = {file.name for file in (tmp_path / "d").iterdir()} - {
        f.name for f in names(log_path(log))
    }
    assert kinds == {"current", "lock", "state"}


def log_path(log: cyclog.Cyclog) -> Path:
    """Say where a log is."""
    return Path(os.fsdecode(log.path))


def test_compressor_brings_each_step_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complete before it is named, and the new name is there before the old one goes."""
    use_gzip(monkeypatch, tmp_path)
    log = at_work(tmp_path / "d")
    calls = FailingOs().plant(monkeypatch).calls
    assert work(log) == []
    assert calls == [
        *("open", "fchmod", "fsync"),
        *("stat", "rename", "fsync", "unlink"),
        "listdir",
    ]


def test_compress_zstd(tmp_path: Path) -> None:
    """With the library of the extra, the same as zstd."""
    zstandard = pytest.importorskip("zstandard")
    log = opened(tmp_path / "d", keeping=Keeping(compress="zstd"))
    log.put(ONE)
    assert work(log) == []
    assert suffixes(tmp_path / "d") == [".s.zst"]
    data = names(tmp_path / "d")[0].read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(data) == ONE


def test_compress_is_nice_and_streams(tmp_path: Path) -> None:
    """It runs at the lowest priority, takes what it gets, and ends with its input."""
    with (
        (tmp_path / "out").open("wb") as out,
        subprocess.Popen([*COMPRESS, "gzip"], stdin=subprocess.PIPE, stdout=out) as process,
    ):
        assert process.stdin
        process.stdin.write(LINES)
        process.stdin.flush()
        wait_until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) == 19)
        process.stdin.write(LINES)
    assert process.returncode == 0
    assert gzip.decompress((tmp_path / "out").read_bytes()) == LINES * 2


@pytest.mark.parametrize(
    ("redirections", "said"),
    [("0>/dev/null", "EBADF"), ("</dev/null >/dev/full", "ENOSPC")],
    ids=["input", "output"],
)
def test_compress_says_what_fails(redirections: str, said: str) -> None:
    """Its exit code tells why, and nothing else: the logger says it, and not at each archive."""
    argv = ["sh", "-c", f'exec "$@" {redirections}', "sh", *COMPRESS, "gzip"]
    result = subprocess.run(argv, stderr=subprocess.PIPE)
    assert result.stderr == b""
    cause = compressor.reason(result.returncode << 8)
    assert isinstance(cause, OSError)
    assert cause.errno == getattr(errno, said)


def test_compressor_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs the log is busy, not blocking, and goes on; what it rotates waits its turn."""
    use_program(
        monkeypatch, tmp_path, f"while ! test -e {tmp_path}/go; do sleep 0.02; done; gzip -c"
    )
    log = at_work(tmp_path / "d")
    first = log.pid
    assert (log.is_busy(), log.is_blocking(), log.is_waiting()) == (True, False, True)
    log.put(ONE)
    assert log.is_blocking()
    log.advance()
    assert (log.is_blocking(), log.pid) == (False, first)
    (tmp_path / "go").touch()
    assert work(log) == []
    assert set(suffixes(tmp_path / "d")) == {".s.gz"}
    assert text(tmp_path / "d") == ONE * 2


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", "unable to compress archives in "),
        ("echo half; kill -9 $$", "unable to compress archives in "),
        ("rm -f newstate", "unable to open newstate, leaving it"),
    ],
)
def test_compressor_that_fails_leaves_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """It is said once, the log goes on, and the next rotation is the next attempt."""
    use_program(monkeypatch, tmp_path, script)
    log = opened(tmp_path / "d", keeping=GZIP)
    log.put(ONE)
    assert [message.replace(f"{tmp_path}/d/", "")[: len(said)] for message in work(log)] == [said]
    assert suffixes(tmp_path / "d") == [".s"]
    assert not (tmp_path / "d/newstate").exists()
    assert text(tmp_path / "d") == ONE
    use_gzip(monkeypatch, tmp_path)
    log.put(ONE)
    assert work(log) == []
    assert set(suffixes(tmp_path / "d")) == {".s.gz"}
    assert text(tmp_path / "d") == ONE * 2


def test_compressor_fails_by_one_archive_for_the_same_reason_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be compressed is tried last: the others are; its line is always the same."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / OLD).write_bytes(b"bad\n")
    use_program(monkeypatch, tmp_path, "read line; case $line in bad) exit 128; esac; exec gzip -c")
    log = opened(tmp_path / "d", keeping=GZIP)
    said = [f"unable to compress archives in {tmp_path}/d, leaving them"]
    assert work(log) == said
    for _ in range(2):
        log.put(ONE)
        assert work(log) == said
    assert suffixes(tmp_path / "d") == [".s", ".s.gz", ".s.gz"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(100, "its library is not installed"), (128, "out of disk space"), (1, None)],
)
def test_compressor_knows_the_reason(code: int, reason: str | None) -> None:
    """From the exit code; what our program does not exit with is not explained."""
    cause = compressor.reason(code << 8)
    assert (cause and strerr.reason(cause)) == reason


def test_compressor_that_fails_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the logger it is said, and the next lines are written without a pause."""
    use_program(monkeypatch, tmp_path, "exit 1")
    log = opened(tmp_path / "d", keeping=GZIP)
    said: list[str] = []
    found = outlets(log, said)
    log.put(ONE)
    while found.advance():
        wait(log)
    assert len(said) == 1
    log.put(b"more\n" * 100)
    assert not found.advance()
    assert (found.due_ns(), text(tmp_path / "d")) == (None, ONE + b"more\n" * 100)


def test_compressors_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all logs together one child runs; the others wait, and nobody else's log does."""
    use_program(
        monkeypatch, tmp_path, f"while ! test -e {tmp_path}/go; do sleep 0.02; done; gzip -c"
    )
    sync = Sync()
    first = at_work(tmp_path / "a", sync)
    second = opened(tmp_path / "b", keeping=GZIP, sync=sync)
    second.put(ONE)
    second.advance()
    while second.is_blocking():
        wait(second)
        second.advance()
    assert (second.pid, second.is_busy(), second.is_waiting()) == (0, True, True)
    (tmp_path / "go").touch()
    assert work(first) == []
    assert work(second) == []
    assert suffixes(tmp_path / "a") == suffixes(tmp_path / "b") == [".s.gz"]
    first.close()
    second.close()
    sync.close()


def test_compressor_ends_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its child is killed, the log is clean, and the next owner compresses what is left."""
    use_program(monkeypatch, tmp_path, "exec sleep 1000")
    log = at_work(tmp_path / "d")
    pid = log.pid
    log.finish()
    log.advance()
    assert not log.is_busy()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    log.reaped(9)
    log.close()
    assert stat.S_IMODE((tmp_path / "d/current").stat().st_mode) == 0o744
    assert not (tmp_path / "d/newstate").exists()
    use_gzip(monkeypatch, tmp_path)
    assert work(opened(tmp_path / "d", keeping=GZIP)) == []
    assert suffixes(tmp_path / "d") == [".s.gz"]


def test_compressor_does_not_bring_back_what_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that had to make room meanwhile stays away."""
    use_gzip(monkeypatch, tmp_path)
    log = at_work(tmp_path / "d")
    names(tmp_path / "d")[0].unlink()
    assert work(log) == []
    assert names(tmp_path / "d") == []
    assert not (tmp_path / "d/newstate").exists()


@pytest.mark.parametrize("mode", [0o744, 0o644], ids=["complete", "incomplete"])
@pytest.mark.parametrize("compress", ["gzip", None])
def test_compressor_trusts_what_is_marked_as_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, compress: str | None
) -> None:
    """Both are there after a crash: then the old one goes; somebody's gzip at work: both stay."""
    use_gzip(monkeypatch, tmp_path)
    path = tmp_path / "d"
    path.mkdir()
    (path / OLD).write_bytes(b"old\n")
    (path / f"{OLD}.gz").write_bytes(gzip.compress(b"old\n"))
    (path / f"{OLD}.gz").chmod(mode)
    (path / "@400000003b9ac9ff00000001.t").write_bytes(b"somebody's\n")
    assert work(opened(path, keeping=Keeping(compress=compress))) == []
    expected = [".s.gz", ".t"] if mode == 0o744 else [".s", ".s.gz", ".t"]
    assert suffixes(path) == expected
