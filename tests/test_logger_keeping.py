"""What the logger does beside writing: processors and compressors, as its children."""

import resource
from pathlib import Path

import pytest

from tests import logs
from tests.cyclogs import content
from tests.scan import Scan
from tests.wait import wait_until

pytestmark = [pytest.mark.slow]
NUMBERS = list(range(1, 2001))


def numbers(directory: Path) -> list[int]:
    """List the numbers in a log; none if it is being rotated."""
    files = [*sorted(directory.glob("@*")), directory / "current"]
    try:
        return [int(line) for line in b"".join(map(content, files)).split()]
    except (FileNotFoundError, ValueError):  # a file that has another name now, half a number
        return []


def is_compressed(directory: Path) -> bool:
    """Say whether all archives are."""
    found = list(directory.glob("@*"))
    return bool(found) and all(it.suffix == ".gz" for it in found)


def test_logger_has_processors_and_compressors(tmp_path: Path) -> None:
    """Both do their work, one that hangs holds its own log, and all get what C's would get."""
    path = tmp_path / "scan"
    path.mkdir()
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    wait = f"until test -e {tmp_path}/%s; do sleep 0.02; done; ulimit -Sn >%s; cat"
    words = {
        "a": ("s4096 n99 ./main", {"compress": "gzip"}),
        "b": (f's4096 n99 "!{wait % ("b", "limit")}" ./main', {}),
        "c": (f's4096 n99 "!{wait % ("c", "limit")}" ./main', {}),
    }
    for name, (script, more) in words.items():
        logs.service(path / name, logs.count(path / name, len(NUMBERS)), script, **more)
    scan = Scan(path, umask=0o077)
    try:
        a, b, c = (path / name / "log/main" for name in words)
        wait_until(lambda: is_compressed(a) and numbers(a) == NUMBERS)
        wait_until(lambda: (b / "previous").exists() and (c / "previous").exists())
        assert not list(b.glob("@*"))
        (tmp_path / "b").touch()
        wait_until(lambda: list(b.glob("@*")) and numbers(b) == NUMBERS)
        assert (b / "limit").read_text() == f"{soft}\n"
        modes = {it.name: it.stat().st_mode & 0o777 for it in (b / "state", b / "current")}
        assert modes == {"state": 0o644, "current": 0o644}
        assert not list(c.glob("@*"))
        (tmp_path / "c").touch()
        wait_until(lambda: list(c.glob("@*")) and numbers(c) == NUMBERS)
    finally:
        scan.close()
    assert scan.lines() == []
