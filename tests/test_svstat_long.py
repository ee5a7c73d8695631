"""svstat -l and --json: of running services, of what is down and why, and of C's directories.

Not tested here: C's lines (tests/oracle/test_svstat.py), the lines about the past (tests/core).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pysvscan import logfacts
from pysvscan.commands import svstat
from pysvscan.core import tai
from pysvscan.detail import Detail
from tests import logs, manual, scan
from tests.scan import OURS, SLEEP, kill_session
from tests.wait import wait_until

SECOND_NS = 1_000_000_000
TREE = "sleep 1000 <run & exec sleep 1000"


def objects(*paths: Path) -> list[dict[str, Any]]:
    """Ask svstat --json."""
    words = [*OURS, "svstat", "--json", *map(str, paths)]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stderr == b""
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == max(1, len(paths))
    return found


def said(path: Path) -> list[str]:
    """List what svstat -l says, but for the first line; numbers left out."""
    start = os.open(b".", os.O_RDONLY)
    try:
        lines = svstat.look(os.fsencode(path), Detail().describe)
    finally:
        os.fchdir(start)
        os.close(start)
    return [re.sub(r"\d+", "N", line) for line in lines[1:]]


@pytest.mark.slow
def test_svstat_tells_all_of_ours(tmp_path: Path) -> None:
    """Processes, log, last ends, back-off and exec errors: one look, and one object each."""
    path = tmp_path / "scan"
    logs.service(path / "a", f"echo one; echo two; {TREE}", "t -* +*one ./main")
    scan.service(path / "b", "exit 3")
    (path / "b/service.toml").write_text("[restart]\ntries = 2\n")
    scan.service(path / "c")
    (path / "c/run").unlink()
    scan.service(path / "d", "exit 0")
    scan.executable(path / "d/finish", SLEEP)
    (path / "d/service.toml").write_text("[stop]\nfinish = './finish'\n")
    with scan.scanning(path) as running:
        wait_until(lambda: " finish: runs (pid N)" in said(path / "d"))
        wait_until(lambda: objects(path / "d")[0]["finish"])
        wait_until(lambda: (objects(path / "a")[0]["log"] or {}).get("lines_in") == 2)
        wait_until(lambda: objects(path / "b")[0]["backoff"]["gave_up"] is not None)
        wait_until(lambda: objects(path / "c")[0]["start_error"])
        a, b, c, log, none = objects(
            path / "a", path / "b", path / "c", path / "a/log", path / "none"
        )
        assert (a["state"], a["wanted"], a["restarts"], a["ends"]) == ("up", "up", 0, [])
        assert a["pid"] == scan.pid(path / "a")
        assert (a["uses"]["processes"], a["uses"]["memory"] > 0) == (2, True)
        assert a["uses"]["descriptors"] > 5
        assert (a["log"]["lines_kept"], a["log"]["kept_ratio"]) == (1, 0.5)
        assert a["since"] - 1 < a["log"]["oldest"] <= time.time()
        assert a["log"]["directories"] == ["log/main"]
        assert a["log"]["disk"] > 0
        assert log["log"]["directories"] == ["main"]
        assert log["log"]["lines_in"] == 2
        assert (b["state"], b["wanted"], b["normally"], b["restarts"]) == ("down", "down", "up", 2)
        assert [it["exit"] for it in b["ends"]] == [3, 3]
        assert (b["backoff"]["young"], b["backoff"]["next"]) == (2, None)
        assert c["start_error"]["message"] == "unable to start c/run: file does not exist"
        assert (c["state"], c["wanted"], c["start_error"]["next"] > 0) == ("down", "up", True)
        assert none["error"] == "unable to chdir: file does not exist"
        assert {name for name, it in none.items() if it is not None} == {"service", "error"}
        uses = "N processes, N seconds of CPU, N kB, N descriptors"
        kept = "N of N lines kept, N kB on disk, oldest N seconds ago"
        assert said(path / "a") == [f" uses: {uses}", f" logged: {kept}"]
        assert said(path / "b")[0].startswith(" restart: given up after N in a row that ended")
        keys = [set(it) for it in (a, b, c, log, none)]
        assert keys == [described()] * 5
        running.process.kill()
        running.process.wait()
        (left,) = objects(path / "a")
        assert (left["state"], left["pid"]) == ("unsupervised", a["pid"])
        assert said(path / "a")[0] == " left: runs on (pid N), the next svscan takes it over"
        subprocess.run(["cp", "-a", path / "a", path / "copy"], check=True)
        assert objects(path / "copy")[0]["pid"] is None
        kill_session(running.process.pid)
        running.process = running.start()


def described() -> set[str]:
    """List the keys that the manual page names."""
    text = (manual.MAN / "svstat.8").read_text()
    part = text[text.index(".It Fl -json") :].split(".El")[0]
    return set(re.findall(r"^\.It Li (\w+)", part, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("multilog"), reason="daemontools is not installed")
def test_svstat_tells_what_it_can_of_c(tmp_path: Path) -> None:
    """A directory of C's supervise with a log/run: processes, oldest line, disk; no past."""
    path = scan.service(tmp_path / "a", TREE, "exec multilog t ./lines")
    (path / "log/lines").mkdir()
    then_ns = time.time_ns() - 9 * SECOND_NS
    (path / "log/lines/current").write_bytes(tai.label(then_ns) + b" x\n")
    process = subprocess.Popen(["/usr/bin/supervise", "a"], cwd=tmp_path, start_new_session=True)
    try:
        scan.wait_started(path)
        (it,) = objects(path)
        lines = said(path)
    finally:
        process.kill()
        process.wait()
        kill_session(process.pid)
    assert (it["state"], it["restarts"], it["ends"], it["backoff"]) == ("up", None, None, None)
    assert it["uses"]["processes"] == 2
    assert it["log"]["lines_in"] is None
    assert it["log"]["oldest"] == then_ns // 1_000_000 / 1000
    assert it["log"]["directories"] == ["log/lines"]
    assert [line.split(":")[0] for line in lines] == [" uses", " logged"]
    (it,) = objects(path)  # its supervise is dead
    assert (it["state"], it["pid"], it["error"]) == ("unsupervised", None, None)


def test_svstat_json_of_nothing() -> None:
    """No directory: an array that is empty."""
    assert objects() == []


def test_svstat_shows_signals_and_unknown_ends() -> None:
    """An end by signal has its name, one that nobody was told has neither code nor signal."""
    from pysvscan import asjson
    from pysvscan.core.history import End

    ends = [asjson.end(End(0, SECOND_NS, it)) for it in (signal.SIGTERM | 0x80, None, 111 << 8)]
    assert [(it["exit"], it["signal"], it["core"]) for it in ends] == [
        (None, "TERM", True),
        (None, None, None),
        (111, None, False),
    ]


@pytest.mark.parametrize(
    ("line", "moment_ns"),
    [
        (tai.label(5 * SECOND_NS) + b" x", 5 * SECOND_NS),
        (b"1795541925.123456 x", 1795541925 * SECOND_NS),
        (b"1970-01-01 12:00:00.001 x", None),
        (b"", None),
        (b"@40000000", None),
        (b"@zz", None),
        (b"2026-99-01 12:00:00 x", None),
        (b"\xff-\xff \xff", None),
        (b"12.5 x", None),
    ],
)
def test_first_moment_reads_stamps(tmp_path: Path, line: bytes, moment_ns: int | None) -> None:
    """t, T, d and m; rubbish is nothing. What local time is, the zone says."""
    path = tmp_path / "current"
    path.write_bytes(line)
    if line.startswith(b"1970"):
        noon = time.mktime((1970, 1, 1, 12, 0, 0, 0, 1, -1))
        moment_ns = int(noon) * SECOND_NS
    assert logfacts.first_moment(os.fsencode(path)) == moment_ns


def test_oldest_is_of_the_first_archive(tmp_path: Path) -> None:
    """The first line of the oldest archive; one without a stamp is as old as its name."""
    assert logfacts.oldest(os.fsencode(tmp_path)) is None
    (tmp_path / "current").write_bytes(b"no stamp\n")
    assert logfacts.oldest(os.fsencode(tmp_path)) is None
    first = tmp_path / (tai.label(7 * SECOND_NS) + b".s").decode()
    first.write_bytes(b"\x1f\x8b compressed")
    assert logfacts.oldest(os.fsencode(tmp_path)) == 7 * SECOND_NS
    first.write_bytes(tai.label(3 * SECOND_NS) + b" x\n")
    assert logfacts.oldest(os.fsencode(tmp_path)) == 3 * SECOND_NS
