"""following: every line once, whoever writes the log, however it is rotated meanwhile.

Not tested here: waiting (tests/test_svlog.py).
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pysvscan.core import stamp, tai
from pysvscan.following import Follower
from pysvscan.logfiles import Logfiles
from pysvscan.logreader import Logreader, Window
from tests import logdirs
from tests.conftest import Installed
from tests.logdirs import PACK
from tests.test_logreader import BEGIN_NS
from tests.wait import wait_until

ROTATIONS = 100
C_MULTILOG = "/usr/bin/multilog"


class Following:
    """A follower, and the texts that it gave."""

    def __init__(self, path: Path, count: int | None = None) -> None:
        """Begin behind all lines, of which so many are read; None: all."""
        self.said: list[str] = []
        fd = os.open(path, os.O_RDONLY)
        files = Logfiles(os.fsencode(path), fd)
        reader = Logreader(files, 0, stamp.utc, lambda message, _: self.said.append(message))
        window = Window()
        found = reader.entries(window) if count is None else reader.last(count, window)
        self.got = [entry[3] for entry in found]
        self.follower = Follower(reader, None)

    def poll(self) -> list[bytes]:
        """Poll once; all that came so far."""
        self.got += [entry[3] for entry in self.follower.poll()]
        return self.got

    def close(self) -> None:
        """Let go of all."""
        self.follower.close()


@contextmanager
def following(path: Path, count: int | None = None) -> Iterator[Following]:
    """Follow a log from its begin, or from its last lines on."""
    found = Following(path, count)
    try:
        yield found
    finally:
        found.close()


def line(number: int) -> bytes:
    """Write one line of a log."""
    return logdirs.stamped([(BEGIN_NS + number * 1000, b"%d" % number)])[0]


def archive(path: Path, number: int, suffix: str = ".s") -> Path:
    """Name an archive that ended after a line."""
    return path / (os.fsdecode(tai.label(BEGIN_NS + number * 1000 + 1)) + suffix)


class Log:
    """A log written by hand, line by line, with a rotation in the steps of multilog."""

    def __init__(self, path: Path) -> None:
        self.path = logdirs.make(path, [])
        self.current = path / "current"
        self.last = -1

    def add(self, count: int = 1) -> None:
        """Write lines."""
        with self.current.open("ab") as file:
            for _ in range(count):
                self.last += 1
                file.write(line(self.last))

    def rotate(self) -> list[Callable[[], object]]:
        """List the steps of a rotation."""
        previous, target = self.path / "previous", archive(self.path, self.last)
        return [
            lambda: self.current.rename(previous),
            self.current.touch,
            lambda: os.link(previous, target),
            previous.unlink,
        ]

    def process(self, make: Callable[[bytes], bytes]) -> list[Callable[[], object]]:
        """List the steps of a rotation with a processor."""
        previous, processed = self.path / "previous", self.path / "processed"
        target = archive(self.path, self.last)
        return [
            lambda: self.current.rename(previous),
            self.current.touch,
            lambda: processed.write_bytes(make(previous.read_bytes())),
            lambda: processed.chmod(0o744),
            previous.unlink,
            lambda: os.link(processed, target),
            processed.unlink,
        ]

    def compress(self) -> list[Callable[[], object]]:
        """List the steps of a rotation and a compression."""
        target = archive(self.path, self.last)
        packed = self.path / f"{target.name}.gz"
        new = self.path / "newstate"
        return [
            *self.rotate(),
            lambda: new.write_bytes(PACK[".gz"](target.read_bytes())),
            lambda: new.rename(packed),
            target.unlink,
        ]


def shortened(data: bytes) -> bytes:
    """Do what a processor may do: leave out a line, and end each other with three dots."""
    return b"".join(it + b"...\n" for it in data.splitlines()[1:])


ROADS: dict[str, Callable[[Log], list[Callable[[], object]]]] = {
    "plain": Log.rotate,
    "compressed": Log.compress,
    "processed by gzip": lambda log: log.process(PACK[".gz"]),
    "processed": lambda log: log.process(shortened),
    "processed to nothing": lambda log: log.process(lambda _: b""),
    "processed to something else": lambda log: log.process(lambda _: b"3 lines\n"),
}


@pytest.mark.parametrize("road", ROADS)
def test_every_line_once_whenever_one_looks(tmp_path: Path, road: str) -> None:
    """A look after any step of a rotation, any two, none: the lines, as they were written."""
    steps = len(ROADS[road](Log(tmp_path / "count")))
    for looks in range(2 ** min(steps, 7)):
        log = Log(tmp_path / f"main{looks}")
        log.add(2)
        with following(log.path) as it:
            for _ in range(2):
                log.add(2)
                for number, step in enumerate(ROADS[road](log)):
                    if looks >> number & 1:
                        it.poll()
                    step()
                log.add()
                it.poll()
            assert it.poll() == [b"%d" % number for number in range(log.last + 1)], f"{looks:b}"
            assert it.said == []
        shutil.rmtree(log.path)


@pytest.mark.parametrize("road", ["plain", "compressed", "processed by gzip"])
def test_several_rotations_between_two_looks(tmp_path: Path, road: str) -> None:
    """All archives made since are read, in their order."""
    log = Log(tmp_path / "main")
    log.add(3)
    with following(log.path) as it:
        for _ in range(4):
            log.add(3)
            for step in ROADS[road](log):
                step()
        log.add()
        assert it.poll() == [b"%d" % number for number in range(log.last + 1)]


def test_archives_deleted_before_anybody_looked_are_gone(tmp_path: Path) -> None:
    """The first one after ours is not taken for ours."""
    log = Log(tmp_path / "main")
    log.add(3)
    with following(log.path) as it:
        for _ in range(3):
            log.add(3)
            for step in log.rotate():
                step()
        for path in sorted(log.path.glob("@*"))[:2]:
            path.unlink()
        log.add()
        assert it.poll() == [b"%d" % number for number in (*range(6), *range(9, 13))]


@pytest.mark.parametrize(
    "make", [bytes, lambda data: data.replace(b" ", b" 0")], ids=["copy", "change"]
)
def test_empty_file_that_became_nothing_is_not_waited_for(
    tmp_path: Path, make: Callable[[bytes], bytes]
) -> None:
    """A killed multilog's empty current gets no name; what a processor makes later is known."""
    log = Log(tmp_path / "main")
    log.add(2)
    with following(log.path) as it:
        for step in log.process(make)[:2]:
            step()
        for count in (1, 0):
            it.poll()
            log.current.unlink()  # by the next multilog: nothing was in it
            log.add(count)
            for step in log.process(make) if count else [log.current.touch]:
                step()
                it.poll()
        assert it.poll() == [b"0", b"1", b"2"]


def test_empty_file_has_no_archive(tmp_path: Path) -> None:
    """What the next multilog's processor makes, be it without a stamp, is not taken for it."""
    log = Log(tmp_path / "main")
    with following(log.path) as it:
        log.current.unlink()
        log.add(2)
        for step in log.process(lambda _: b"2 lines\n"):
            step()
        assert it.poll() == [b"2 lines"]


def test_what_was_not_read_before_following_is_not_read_later(tmp_path: Path) -> None:
    """Begun with `-n 0` during a rotation: what is compressed then is known by its content."""
    log = Log(tmp_path / "main")
    log.add(2)
    first, *others = log.process(PACK[".gz"])
    first()
    with following(log.path, 0) as it:
        for step in others:
            step()
        log.add()
        assert it.poll() == [b"2"]


def test_lines_written_between_read_and_rotation_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the file was read to its end, and before its new name is noticed."""
    log = Log(tmp_path / "main")
    log.add(2)
    with following(log.path) as it:
        inode = Logfiles.inode

        def rotating(self: Logfiles, file: bytes) -> tuple[int, int] | None:
            monkeypatch.setattr(Logfiles, "inode", inode)
            log.add()
            for step in log.rotate():
                step()
            log.add()
            return inode(self, file)

        monkeypatch.setattr(Logfiles, "inode", rotating)
        assert it.poll() == [b"0", b"1", b"2", b"3"]


def test_unfinished_lines_wait_for_their_end(tmp_path: Path) -> None:
    """In current, and over a rotation; what a killed logger left unfinished ends there."""
    log = Log(tmp_path / "main")
    with following(log.path) as it:
        whole = line(0)
        log.current.write_bytes(whole[:20])
        assert it.poll() == []
        log.last = 0
        for step in log.rotate():
            step()
        log.current.write_bytes(whole[20:] + line(1)[:27])
        assert it.poll() == [b"0"]
        log.last = 1
        log.current.rename(archive(log.path, 1, ".u"))
        log.current.write_bytes(line(2))
        assert it.poll() == [b"0", b"1", b"2"]


def test_directory_that_is_replaced_is_followed(tmp_path: Path) -> None:
    """Another one under the same name: its lines are all new. Meanwhile there may be none."""
    log = Log(tmp_path / "main")
    log.add(2)
    with following(log.path) as it:
        log.path.rename(tmp_path / "old")
        assert len(it.poll()) == 2
        (tmp_path / "main").mkdir()
        assert len(it.poll()) == 2
        log.add(2)
        assert it.poll() == [b"0", b"1", b"2", b"3"]
        log.current.write_bytes(line(9))  # emptied, and written anew
        assert it.poll()[-1] == b"9"


def numbers(count: int) -> bytes:
    """Write lines for a multilog."""
    return b"".join(b"%d\n" % number for number in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["ours", "C"])
def test_every_line_once_over_100_forced_rotations(
    installed: Installed, tmp_path: Path, whose: str
) -> None:
    """A multilog that writes, and rotates at ALRM, while we follow."""
    program = C_MULTILOG if whose == "C" else installed.program("multilog")
    if not os.access(program, os.X_OK):
        pytest.skip(f"no {program}")
    main = tmp_path / "main"
    words = [program, "t", "s4096", "n200", "./main"]
    process = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.stdin
    try:
        wait_until(lambda: (main / "current").exists())
        with following(main) as it:
            for number in range(ROTATIONS):
                for at in range(10):
                    process.stdin.write(b"%d\n" % (number * 10 + at))
                process.stdin.flush()
                want = b"%d" % (number * 10 + 9)
                if number % 3:
                    wait_until(lambda want=want: it.poll()[-1:] == [want])  # type: ignore[misc]
                before = len(list(main.glob("@*")))
                wait_until(lambda: (main / "current").stat().st_size)
                process.send_signal(signal.SIGALRM)
                wait_until(lambda before=before: len(list(main.glob("@*"))) > before)  # type: ignore[misc]
            process.stdin.close()
            assert process.wait(60) == 0
            wait_until(lambda: it.poll()[-1:] == [b"%d" % (ROTATIONS * 10 - 1)])
            assert it.poll() == numbers(ROTATIONS * 10).split()
            assert len(list(main.glob("@*"))) >= ROTATIONS
    finally:
        process.kill()
        process.wait()
