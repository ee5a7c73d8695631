"""watch: what the kernel's events become; real inotify on real directories."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.watch import Watch, events
from tests.wait import wait_until


def pack(number: int, mask: int, name: bytes) -> bytes:
    """Encode an event as the kernel does: the name filled up with NUL."""
    padded = name + b"\0" * (-len(name) % 16) if name else b""
    return struct.pack("iIII", number, mask, 0, len(padded)) + padded


@pytest.mark.parametrize(
    "name", [b"", b"x", b"a" * 16, b"a" * 255, b"\xff\xfe", b"new\nline"], ids=repr
)
def test_events_keep_each_name(name: bytes) -> None:
    """Whatever its bytes and length, also between others."""
    data = pack(1, 2, b"before") + pack(3, 4, name) + pack(5, 6, b"")
    assert events(data) == [(1, 2, b"before"), (3, 4, name), (5, 6, b"")]


class Watched:
    """A watched directory, and what was said of it."""

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self.seen: list[tuple[bytes, bool]] = []
        self.watch = Watch(self.note_lost)
        self.watch.open()
        self.path = path
        self.directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.number = self.watch.add(self.directory, lambda *change: self.seen.append(change))

    def note_lost(self) -> None:
        """Note that events may be missing."""
        self.lost += 1

    def read(self) -> list[tuple[bytes, bool]]:
        """Read what has come, and list all so far."""
        self.watch.read()
        return self.seen

    def close(self) -> None:
        """Let go."""
        self.watch.close()
        if self.directory >= 0:
            os.close(self.directory)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Watch a directory."""
    path = tmp_path / "watched"
    path.mkdir()
    found = Watched(path)
    yield found
    found.close()


def test_watch_tells_a_rename_from_a_making(watched: Watched, tmp_path: Path) -> None:
    """A directory moved in came complete; one made there did not."""
    (tmp_path / "moved").mkdir()
    (watched.path / "made").mkdir()
    (tmp_path / "moved").rename(watched.path / "moved")
    assert wait_until(lambda: len(watched.read()) == 2)
    assert watched.seen == [(b"made", False), (b"moved", True)]


def test_watch_removed_is_silent(watched: Watched) -> None:
    """After `remove` nothing is called, and removing twice does no harm."""
    watched.watch.remove(watched.number)
    watched.watch.remove(watched.number)
    (watched.path / "made").mkdir()
    assert watched.read() == []


def test_watch_of_a_removed_directory_ends(watched: Watched) -> None:
    """The kernel ends it; nothing of it is kept."""
    os.close(watched.directory)
    watched.directory = -1
    watched.path.rmdir()
    wait_until(lambda: watched.read() is not None and not watched.watch.changed)


def test_watch_says_when_events_are_lost(watched: Watched) -> None:
    """An overflow of the queue means: look at everything."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for name in ("0", "1"):
        (watched.path / name).touch()
    for number in range(limit + 2):  # the same twice in a row would be one event
        (watched.path / str(number % 2)).chmod(0o600)
    wait_until(lambda: watched.read() and watched.lost)


def test_watch_is_not_inherited(watched: Watched) -> None:
    """No service gets its descriptor."""
    assert not os.get_inheritable(watched.watch.fd)
