"""svlog plan: what it finds, prints, and says by its exit code.

Not tested here: what follows from it (tests/core/test_retention.py).
"""

import json
import os
import time
from pathlib import Path

import pytest

from pysvscan import counters
from pysvscan.commands import svlog as command
from pysvscan.pathexec import Chain
from pysvscan.strerr import Usage
from tests import logdirs
from tests.logdirs import SECOND_NS

DAY_NS = 86400 * SECOND_NS
SCRIPT = "[log]\nscript = 't s100000 n5 ./main s4096 n9 ./errors'\nuser = 'root'\n"


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a scan directory: `smtp` with four archives, one an hour, and what is counted."""
    monkeypatch.setenv("SVDIR", str(tmp_path))
    now_ns = time.time_ns()
    base = tmp_path / "smtp/log"
    parts = []
    for at in range(4, 0, -1):
        lines = [(now_ns - at * DAY_NS // 24 - 10 + it, b"x" * 70) for it in range(1000)]
        data = b"".join(logdirs.stamped(lines))[:99_000]
        parts.append((lines[-1][0], data, ("", ".gz", ".zst")[at % 3]))
    logdirs.make(base / "main", parts, b"")
    (tmp_path / "smtp/run").touch()
    (tmp_path / "smtp/service.toml").write_text(SCRIPT)
    (tmp_path / "unlogged").mkdir()
    (base / "supervise").mkdir()
    directory = os.open(base, os.O_RDONLY)
    fd = counters.open_file(directory, b"supervise/counters", b"counters")
    counted = counters.Counters(fd, now_ns)
    counted.counts.bytes_in, counted.counts.bytes_kept = 3000, 1000
    counted.close()
    os.close(fd)
    os.close(directory)
    return tmp_path


def plan(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run it."""
    code = command.main([b"svlog", b"plan", *map(os.fsencode, words)], Chain({}))
    return code, *capfd.readouterr()


def test_plan_is_a_table(scan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A row for each service with a log, and 0: nobody asked for anything."""
    code, out, err = plan(capfd)
    head, row = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split("  ")[0] == "service"
    assert row.split()[0] == "smtp"
    assert " 3.0 " in row
    assert row.split("  ")[-1].strip() == "-"
    for path in ("smtp", "smtp/log", "smtp/log/main"):
        assert " 3.0 " in plan(capfd, str(scan / path))[1]
    found = json.loads(plan(capfd, "-o", "json")[1])
    assert (found["size"], found["count"], found["ratio"]) == (100_000, 5, 3.0)
    assert 2_300_000 < found["kept_a_day"] < 2_400_000
    assert 3 * 3600 < found["reaches"] < 5 * 3600
    assert found["misses"] is False


def test_plan_says_who_misses(scan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By option or by service.toml: 1, and what it takes."""
    code, out, _ = plan(capfd, "--retain", "30d", "smtp")
    assert code == 1
    assert "30d MISSED" in out
    assert "smtp: misses 30d: that takes s2000000 n" in out
    assert out.endswith("it has s100000 n5\n")
    assert plan(capfd, "--retain", "1h")[0] == 0
    (scan / "smtp/service.toml").write_text(f"{SCRIPT}retain = '7d'\n")
    assert plan(capfd)[0] == 1
    assert plan(capfd, "--retain", "1h")[0] == 0
    (scan / "smtp/service.toml").write_text(f"{SCRIPT}max_age = '2h'\n")
    assert ", and no max_age below 30d; it has" in plan(capfd, "--retain", "30d")[1]


def test_plan_goes_on_without_what_cannot_be_read(
    scan: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A warning, and 111; that some service misses its retain counts more."""
    code, out, err = plan(capfd, "nowhere", "smtp")
    assert (code, out.count("\n"), err.count("\n")) == (111, 2, 1)
    assert plan(capfd, "nowhere", "smtp", "--retain", "9d")[0] == 1
    logdirs.make(scan / "young/log/main", [], b"no stamp\n")
    code, out, _ = plan(capfd, "young", "--retain", "9d")
    assert (code, out.split()[-1]) == (0, "unknown")
    (scan / "smtp/service.toml").write_text(f"{SCRIPT}retain = '7'\n")
    code, out, err = plan(capfd)
    assert (code, out.count("smtp")) == (111, 0)
    assert f"{scan}/smtp/service.toml: log.retain: " in err


@pytest.mark.parametrize(
    "words", [["--retain", "x"], ["--retain"], ["-f"], ["-o", "utc"]], ids=" ".join
)
def test_plan_refuses_wrong_usage(words: list[str]) -> None:
    """With a usage line."""
    with pytest.raises(Usage):
        command.main([b"svlog", b"plan", *map(os.fsencode, words)], Chain({}))
