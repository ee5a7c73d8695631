"""logreader: windows, last lines and merged logs are what reading everything would give.

Not tested here: the command (tests/test_svlog.py), following (tests/test_following.py).
"""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import stamp, tai
from pysvscan.core.logline import EARLIEST
from pysvscan.logfile import BLOCK_BYTES
from pysvscan.logfiles import Logfiles, look
from pysvscan.logreader import LATEST, Logreader, Window
from pysvscan.strerr import Fatal
from pysvscan.svlog import merged
from tests import logdirs
from tests.logdirs import SECOND_NS

BEGIN_NS = 1_795_000_000 * SECOND_NS
WEEK_NS = 7 * 86400 * SECOND_NS
SUFFIXES = ("", ".gz", ".zst")


@contextmanager
def reader(path: Path, which: int = 0) -> Iterator[tuple[Logreader, list[str]]]:
    """Look at a log directory; what it says goes into a list."""
    said: list[str] = []
    fd = os.open(path, os.O_RDONLY)
    files = Logfiles(os.fsencode(path), fd)
    try:
        yield Logreader(files, which, stamp.utc, lambda message, _: said.append(message)), said
    finally:
        files.close()
        os.close(fd)


def texts(path: Path, window: Window | None = None) -> tuple[list[bytes], list[str]]:
    """Read a window; what was said, with the directory's name left out."""
    window = window or Window()
    with reader(path) as (log, said):
        entries = [*log.entries(window), *log.rest(window)]
    return [entry[3] for entry in entries], [it.replace(f"{path}/", "") for it in said]


class Log:
    """A log directory, and all lines in it with their moments; Hypothesis shows little of it."""

    def __init__(self, path: Path, lines: list[tuple[int, bytes]]) -> None:
        self.path = path
        self.lines = lines

    def __repr__(self) -> str:
        return self.path.name


def week(path: Path, draw: random.Random, count: int, action: bytes = b"t") -> Log:
    """Make a log of a week: archives of any size, half of them compressed."""
    moments = sorted(BEGIN_NS + draw.randrange(WEEK_NS) // 10**6 * 10**6 for _ in range(count))
    lines = [(it, b"%b %d" % (path.name.encode(), at)) for at, it in enumerate(moments)]
    parts: list[tuple[int, bytes, str]] = []
    at = 0
    while at < count - 5:
        end = min(at + draw.randrange(1, 80), count - 5)
        data = b"".join(logdirs.stamped(lines[at:end], action))
        parts.append((moments[end - 1] + 1, data, draw.choice(SUFFIXES)))
        at = end
    rest = b"".join(logdirs.stamped(lines[at:], action))
    return Log(logdirs.make(path, parts, rest), lines)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Log]:
    """Give a week of ten services, whose stamps have different forms."""
    draw = random.Random(5)  # noqa: S311 (a week like any other)
    path = tmp_path_factory.mktemp("week")
    return [week(path / f"s{it}", draw, 400, b"ttttdmtTtt"[it : it + 1]) for it in range(10)]


moments = st.integers(BEGIN_NS - SECOND_NS, BEGIN_NS + WEEK_NS)


@given(moments, moments)
def test_merged_week_is_a_naive_sort(logs: list[Log], since_ns: int, until_ns: int) -> None:
    """Ten services: every line of the window, in the order of time, and no other."""
    every = [(it, which) for which, log in enumerate(logs) for it in log.lines]
    every.sort(key=lambda it: (it[0][0], it[1]))
    expected = [line[1] for line, _ in every if since_ns <= line[0] < until_ns]
    window = Window(tai.label(since_ns), tai.label(until_ns))
    got = []
    said: list[str] = []
    for which, log in enumerate(logs):
        with reader(log.path, which) as (one, warnings):
            got.append(list(one.entries(window)))
            assert not one.unfinished or not one.rest(window)
            said += warnings
    assert ([it[3] for it in merged([*got])], said) == (expected, [])


@given(st.integers(0, 500), moments, st.sampled_from([None, b"7", b"zz", b"s0 1.*9$"]))
def test_last_lines_are_the_last_of_all(
    logs: list[Log], count: int, since_ns: int, pattern: bytes | None
) -> None:
    """However many, from whenever on, with or without a pattern."""
    import re

    match = re.compile(pattern).search if pattern else None
    window = Window(tai.label(since_ns), LATEST, match)
    for log in logs[:5]:
        lines = [text for at, text in log.lines if at >= since_ns and (not match or match(text))]
        with reader(log.path) as (one, _):
            assert [it[3] for it in one.last(count, window)] == (lines[-count:] if count else [])
            assert not one.unfinished


def test_window_reads_few_archives_and_little_of_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 50 archives two are opened, and of one with a million bytes not a fifth is read."""
    lines = [(BEGIN_NS + it * SECOND_NS, b"x" * 50) for it in range(50 * 100)]
    parts = [
        (lines[it + 99][0] + 1, b"".join(logdirs.stamped(lines[it : it + 100])), "")
        for it in range(0, 5000, 100)
    ]
    end_ns = BEGIN_NS + 5000 * SECOND_NS
    large = [(end_ns + it * SECOND_NS, b"y" * 74) for it in range(13000)]
    log = logdirs.make(tmp_path / "main", parts, b"".join(logdirs.stamped(large)))
    opened: list[bytes] = []
    plain_open = Logfiles.open
    monkeypatch.setattr(
        Logfiles, "open", lambda self, it: opened.append(it.name) or plain_open(self, it)
    )
    early = Window(tai.label(lines[1150][0]), tai.label(lines[1160][0]))
    assert (len(texts(log, early)[0]), len(opened)) == (10, 2)
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda *it: read.append(it[1]) or pread(*it))
    late = Window(tai.label(large[9000][0]), tai.label(large[9010][0]))
    assert len(texts(log, late)[0]) == 10
    assert len(read) < 12
    assert sum(read) < 6 * BLOCK_BYTES + 4096


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_window_ends_at_its_end(tmp_path: Path, suffix: str) -> None:
    """Before a file that is later and read in more than one piece, and within such a file."""
    lines = [(BEGIN_NS + it * SECOND_NS, b"%04d" % it + b"x" * 99) for it in range(4000)]
    data = logdirs.stamped(lines)
    parts = [
        (lines[it + 1999][0], b"".join(data[it : it + 2000]), suffix) for it in range(0, 4000, 2000)
    ]
    log = logdirs.make(tmp_path / "main", parts, b"")
    for end in (1, 500, 1999, 2000, 2001, 3999):
        got = texts(log, Window(until=tai.label(lines[end][0])))
        assert got == ([text for _, text in lines[:end]], [])


def test_lines_that_were_split_are_whole(tmp_path: Path) -> None:
    """A line longer than a file goes on in the next; one of a killed logger ends where it ends."""
    first, second = logdirs.stamped([(BEGIN_NS, b"a" * 90), (BEGIN_NS + 5, b"b")])
    log = logdirs.make(tmp_path / "main", [(BEGIN_NS + 1, first[:50], "")], first[50:] + second)
    assert texts(log) == ([b"a" * 90, b"b"], [])
    name = os.fsdecode(tai.label(BEGIN_NS + 1))
    (log / f"{name}.s").rename(log / f"{name}.u")
    assert texts(log) == ([b"a" * 24, first[50:-1], b"b"], [])
    (log / "current").write_bytes(second + b"unfinished")
    assert texts(log)[0][1:] == [b"b", b"unfinished"]


def test_what_a_rotation_left_is_read_once(tmp_path: Path) -> None:
    """`previous`, not what is being made of it; `processed` when it is complete."""
    one, two, three = logdirs.stamped([(BEGIN_NS + it, b"%d" % it) for it in range(3)])
    log = logdirs.make(tmp_path / "main", [(BEGIN_NS + 1, one, "")], three)
    (log / "previous").write_bytes(two)
    (log / "processed").write_bytes(b"half")
    (log / "state").write_bytes(b"no line")
    (log / "newstate").write_bytes(b"no line")
    (log / "lock").touch()
    assert texts(log) == ([b"0", b"1", b"2"], [])
    os.link(log / "previous", log / (os.fsdecode(tai.label(BEGIN_NS + 2)) + ".s"))
    assert texts(log) == ([b"0", b"1", b"2"], [])
    for name in (log / "previous", *log.glob("@*")):
        name.unlink()
    assert texts(log) == ([b"2"], [])
    (log / "processed").write_bytes(two)
    (log / "processed").chmod(0o744)
    assert texts(log) == ([b"1", b"2"], [])


def test_what_is_there_twice_is_read_once(tmp_path: Path) -> None:
    """An archive and what it was compressed to; also where the name says nothing of it."""
    one = b"".join(logdirs.stamped([(BEGIN_NS, b"1")]))
    log = logdirs.make(tmp_path / "main", [(BEGIN_NS + 1, one, ""), (BEGIN_NS + 1, one, ".gz")])
    assert texts(log) == ([b"1"], [])
    (gz,) = log.glob("*.gz")
    gz.rename(gz.with_suffix(""))
    assert texts(log) == ([b"1"], [])


def test_damage_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    """Torn, damaged, foreign, empty, unreadable: one line each."""
    draw = random.Random(6)  # noqa: S311 (what cannot be compressed)
    lines = [
        (BEGIN_NS + it * SECOND_NS, b"%d" % it + draw.randbytes(300).hex().encode())
        for it in range(900)
    ]
    data = logdirs.stamped(lines)
    parts = [
        (lines[it + 99][0], b"".join(data[it : it + 100]), (".gz", ".zst", "")[it // 100 % 3])
        for it in range(0, 900, 100)
    ]
    log = logdirs.make(tmp_path / "main", parts, b"@400000000xyz bad\n@400000000xyz bad\n")
    torn, torn_zst, _, damaged, *_ = sorted(log.glob("@*"))
    torn.write_bytes(torn.read_bytes()[:-500])
    torn_zst.write_bytes(torn_zst.read_bytes()[:-500])
    broken = bytearray(damaged.read_bytes())
    broken[len(broken) // 2] ^= 255
    damaged.write_bytes(broken)
    sorted(log.glob("@*"))[4].unlink()
    sorted(log.glob("@*"))[4].rename(log / "gone")
    name = os.fsdecode(tai.label(lines[0][0] - 5))
    (log / f"{name}.u").touch()
    (log / f"{name[:-1]}0.s").mkdir()
    (log / f"{name[:-1]}1.s").symlink_to("nowhere")
    (log / "@short").touch()
    (log / f"@{'z' * 24}.s").touch()
    got, said = texts(log)
    assert set(got) >= {it for _, it in (*lines[200:300], *lines[600:])}
    assert got[-2:] == [b"@400000000xyz bad"] * 2
    assert len(got) > 500
    assert sorted(said) == sorted(
        [
            f"unable to read {name[:-1]}0.s",
            f"unable to open {name[:-1]}1.s",
            f"unable to read all of {torn.name}: it ends too early",
            f"unable to read all of {torn_zst.name}: it ends too early",
            f"unable to read all of {damaged.name}: it is damaged",
            f"unable to read stamp @400000000xyz bad in {log}",
        ]
    )


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Who owns a log cannot have root print another file by a link."""
    (tmp_path / "secret").write_bytes(b"secret\n")
    path = logdirs.make(tmp_path / "main", [(BEGIN_NS, b"one\n", "")])
    for name in (os.fsdecode(tai.label(BEGIN_NS + 1)) + ".s", "current", "previous"):
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(tmp_path / "secret")
    got, said = texts(path)
    assert got == [b"one"]
    assert len(said) == 2


def test_endless_line_comes_in_pieces(tmp_path: Path) -> None:
    """A line of megabytes is neither held as a whole nor copied with each block."""
    path = logdirs.make(tmp_path / "main", [], b"x" * 3_000_000 + b"\n" + b"y" * 3_000_000)
    got, said = texts(path)
    assert b"".join(got) == b"x" * 3_000_000 + b"y" * 3_000_000
    assert max(map(len, got)) < 2_000_000
    assert said == []


def test_lines_without_stamps_are_bounded_by_names(tmp_path: Path) -> None:
    """An archive is in a window if some of its lines may be; each stands where it may begin."""
    ends = [BEGIN_NS + it * SECOND_NS for it in (10, 20, 30)]
    parts = [(end, b"a%d\nb%d\n" % (end, end), "") for end in ends]
    log = logdirs.make(tmp_path / "main", parts, b"c\nd\n")
    window = Window(tai.label(ends[0] + 1), tai.label(ends[1]))
    assert texts(log, window) == ([b"a%d" % ends[1], b"b%d" % ends[1]], [])
    assert texts(log, Window(tai.label(ends[2] + 5)))[0] == [b"c", b"d"]
    assert len(texts(log)[0]) == 8
    with reader(log) as (one, _):
        orders = [entry[0] for entry in one.entries(Window())]
    assert orders == sorted(orders)
    assert orders[2:4] == [tai.label(ends[0])] * 2


def test_window_is_found_beside_many_lines_without_stamps(tmp_path: Path) -> None:
    """In a large file, by halves, where the middle has none."""
    lines = [(BEGIN_NS + it * SECOND_NS, b"%d" % it + b"x" * 99) for it in range(6000)]
    data = logdirs.stamped(lines)
    log = logdirs.make(
        tmp_path / "main", [], b"".join([*data[:2900], b"trace\n" * 60_000, *data[2900:]])
    )
    for at in (10, 2890, 5000):
        window = Window(tai.label(lines[at][0]), tai.label(lines[at + 1][0]))
        assert texts(log, window) == ([lines[at][1]], [])


def test_lines_between_stamps_stay_where_they_are(tmp_path: Path) -> None:
    """A line without a stamp goes with the one before, into a window and out of it."""
    data = logdirs.stamped([(BEGIN_NS + it * SECOND_NS, b"%d" % it) for it in range(4)])
    log = logdirs.make(tmp_path / "main", [], b"x\n".join(data))
    window = Window(tai.label(BEGIN_NS + SECOND_NS), tai.label(BEGIN_NS + 3 * SECOND_NS))
    assert texts(log, window)[0] == [b"1", b"x", b"2", b"x"]


def test_log_whose_clock_was_set_back_stays_as_written(tmp_path: Path) -> None:
    """Its order is never that of stamps that go back."""
    lines = [(BEGIN_NS + it * SECOND_NS, b"%d" % it) for it in (0, 5, 3, 6)]
    log = logdirs.make(tmp_path / "main", [], b"".join(logdirs.stamped(lines)))
    with reader(log) as (one, _):
        entries = list(one.entries(Window()))
    assert [it[3] for it in entries] == [b"0", b"5", b"3", b"6"]
    assert [it[0] for it in entries] == sorted(it[0] for it in entries)
    assert entries[2][2] == tai.label(lines[2][0])


def test_rotation_during_the_look_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening current and listing the names: no line twice, none missing."""
    one, two = logdirs.stamped([(BEGIN_NS, b"1"), (BEGIN_NS + 5, b"2")])
    log = logdirs.make(tmp_path / "main", [], one)
    names = Logfiles.names

    def rotating(self: Logfiles) -> list[bytes]:
        if not list(log.glob("@*")):
            (log / "current").rename(log / (os.fsdecode(tai.label(BEGIN_NS + 1)) + ".s"))
            (log / "current").write_bytes(two)
        return names(self)

    monkeypatch.setattr(Logfiles, "names", rotating)
    assert texts(log) == ([b"1", b"2"], [])


def test_archive_that_is_compressed_or_deleted_meanwhile(tmp_path: Path) -> None:
    """It is read under its new name, or not at all; nothing is said."""
    data = logdirs.stamped([(BEGIN_NS + it, b"%d" % it) for it in range(4)])
    parts = [(BEGIN_NS + it, data[it], "") for it in range(3)]
    log = logdirs.make(tmp_path / "main", parts, data[3])
    with reader(log) as (one, said):
        first, second, _ = sorted(log.glob("@*"))
        packed = logdirs.PACK[".gz"](second.read_bytes())
        first.unlink()
        second.unlink()
        (log / f"{second.name}.gz").write_bytes(packed)
        assert [it[3] for it in one.entries(Window())] == [b"1", b"2", b"3"]
        assert said == []


def test_log_without_anything_is_empty(tmp_path: Path) -> None:
    """No current, no archives; or an empty one."""
    (tmp_path / "main").mkdir()
    assert texts(tmp_path / "main") == ([], [])
    (tmp_path / "main/current").touch()
    assert texts(tmp_path / "main", Window(EARLIEST, EARLIEST)) == ([], [])
    shutil.rmtree(tmp_path / "main")


def test_log_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """What stands there may be a file, or nothing."""
    path = os.fsencode(tmp_path / "main")
    with pytest.raises(Fatal, match=r"unable to read .*/main"):
        look(path)
    (tmp_path / "main").touch()
    with pytest.raises(Fatal, match=r"unable to read .*/main"):
        look(path)
