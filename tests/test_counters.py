"""counters: the file that a logger writes and anybody reads.

Not tested: a weakly ordered processor; the checksum is for that, too.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import counters, strerr
from pysvscan.core.counters import BYTES, CountersError
from pysvscan.counters import Counters

PATH = b"counters"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    """Give a directory's descriptor."""
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def open_counters(directory: int, now_ns: int) -> Counters:
    """Open the counters as a logger does."""
    fd = counters.open_file(directory, PATH, b"x/" + PATH)
    try:
        return Counters(fd, now_ns)
    finally:
        os.close(fd)


def test_counters_go_on(directory: int) -> None:
    """The next logger counts on from where the last one was, since the same moment."""
    open_descriptors = os.listdir("/proc/self/fd")
    first = open_counters(directory, 5)
    first.counts.lines_in += 3
    assert counters.read(directory, PATH).values() == (*[0] * 8, 5)
    first.write()
    assert counters.read(directory, PATH).lines_in == 3
    second = open_counters(directory, 7)  # the first one was killed
    second.counts.lines_in += 1
    second.close()
    found = counters.read(directory, PATH)
    assert (found.lines_in, found.since_ns) == (4, 5)
    first.close()
    assert os.listdir("/proc/self/fd") == open_descriptors


@pytest.mark.parametrize("data", [b"", b"x" * 10, b"x" * BYTES], ids=["empty", "short", "rubbish"])
def test_counters_begin_anew_after_rubbish(tmp_path: Path, directory: int, data: bytes) -> None:
    """A file without a record is overwritten, whole."""
    (tmp_path / "counters").write_bytes(data)
    open_counters(directory, 9).close()
    assert counters.read(directory, PATH).since_ns == 9
    assert (tmp_path / "counters").stat().st_size == BYTES


def test_write_survives_a_full_disk(directory: int) -> None:
    """Whatever refuses the write of a count, the logger goes on; it is seen with the next one."""
    them = open_counters(directory, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        them.counts.retries += 1
        them.write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert counters.read(directory, PATH).retries == 0
    them.close()
    assert counters.read(directory, PATH).retries == 1


def test_open_file_refuses_what_is_not_ours(tmp_path: Path, directory: int) -> None:
    """A link, or a second name, may lead to somebody else's file."""
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / "link").symlink_to("other")
    (tmp_path / "counters").hardlink_to(tmp_path / "other")
    for path in (b"link", PATH, b"."):
        with pytest.raises(strerr.Fatal, match=r"^unable to open x/counters$"):
            counters.open_file(directory, path, b"x/counters")
    assert (tmp_path / "other").read_bytes() == b""


def test_read_of_no_counters(tmp_path: Path, directory: int) -> None:
    """What is not there or is something else is said as such."""
    with pytest.raises(FileNotFoundError):
        counters.read(directory)
    (tmp_path / "counters").write_bytes(b"x" * BYTES)
    with pytest.raises(CountersError):
        counters.read(directory, PATH)


WRITER = """
import os, sys
from pysvscan.counters import Counters
them = Counters(os.open(sys.argv[1], os.O_RDWR), 1)
counts = them.counts
while True:
    counts.lines_in = counts.bytes_in = counts.lines_kept = counts.bytes_kept = counts.rotations = (
        counts.lines_in + 1
    )
    them.write()
"""


def test_read_is_never_torn(tmp_path: Path, directory: int) -> None:
    """All numbers are of one moment, while a logger counts, and after it was killed at it."""
    open_counters(directory, 1).close()
    words = [sys.executable, "-c", WRITER, str(tmp_path / "counters")]
    seen, last = set(), 0
    with subprocess.Popen(words) as writer:
        try:
            while len(seen) < 300:
                assert writer.poll() is None
                found = counters.read(directory, PATH)
                assert found.values() == (*[found.lines_in] * 4, 0, 0, found.lines_in, 0, 1)
                assert found.lines_in >= last
                seen.add(last := found.lines_in)
        finally:
            writer.send_signal(signal.SIGKILL)
    found = counters.read(directory, PATH)
    assert found.values() == (*[found.lines_in] * 4, 0, 0, found.lines_in, 0, 1)
    assert found.lines_in >= last
