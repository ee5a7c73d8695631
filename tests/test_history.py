"""supervise/history: written at each end and failed start, read by svstat -l."""

import os
import re
import signal
from pathlib import Path

import pytest

from pysvscan.commands import svstat
from pysvscan.core import history
from pysvscan.core.history import BYTES, History
from pysvscan.detail import Detail
from pysvscan.historyfile import HistoryFile
from tests import scan
from tests.hosted import Host, age


def written(path: Path) -> History:
    """Read what was written."""
    data = (path / "supervise/history").read_bytes()
    assert len(data) == BYTES
    return history.unpack(data)


def said(path: Path) -> list[str]:
    """List what svstat -l says of a service, times left out."""
    start = os.open(b".", os.O_RDONLY)
    try:
        lines = svstat.look(os.fsencode(path), Detail().describe)
    finally:
        os.fchdir(start)
        os.close(start)
    return [re.sub(r"\d+(?=\)| seconds)", "N", line) for line in lines]


def test_history_is_of_ends_and_of_failed_starts(host: Host, tmp_path: Path) -> None:
    """Exit and signal, why it does not start, and that it did; an adopted process ends unknown."""
    path = scan.service(tmp_path / "a", "exec sleep 1000")
    service = host.begin(path)
    host.until(lambda: service.pid)
    assert not (path / "supervise/history").exists()
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = service.pid
        age(service)
        os.kill(before, number)
        host.until(lambda before=before: service.pid not in (0, before))  # type: ignore[misc]
    assert [end.wstatus for end in written(path).ends] == [15, 9]
    service.close()  # as by death
    service = host.begin(path)
    (path / "run").unlink()
    os.kill(service.pid, signal.SIGTERM)
    host.until(lambda: written(path).failures == 2)
    adopted, *children = (end.wstatus for end in written(path).ends)
    assert children == [15, 9]
    assert adopted in (15, None)  # a kernel before 6.15 cannot say how it ended
    how = "signal TERM" if adopted else "unknown"
    assert said(path) == [
        ": down N seconds, normally up, want up",
        " start: unable to start a/run: file does not exist, N seconds ago, 2 in a row, "
        "next in N seconds",
        f" end 3: {how} after N seconds, N seconds ago",
        " end 2: signal TERM after N seconds, N seconds ago",
        " end 1: signal KILL after N seconds, N seconds ago",
    ]
    scan.executable(path / "run", "exit 3")
    scan.command(path, b"o")
    host.until(lambda: written(path).count == 4)
    assert said(path)[:2] == [
        ": down N seconds, normally up",
        " end 4: exit 3 after N seconds, N seconds ago",
    ]
    service.close()
    assert said(path)[:2] == [
        ": supervise not running",
        " end 4: exit 3 after N seconds, N seconds ago",
    ]


def rubbish(path: Path) -> None:
    """Leave a history that is none."""
    path.write_bytes(b"x" * 5000)


def link(path: Path) -> None:
    """Leave a link to a file that is nobody's business."""
    path.with_name("target").write_text("target")
    path.symlink_to("target")


def second(path: Path) -> None:
    """Leave a file with two names."""
    link(path)
    path.unlink()
    path.hardlink_to(path.with_name("target"))


@pytest.mark.parametrize("leave", [rubbish, link, second, os.mkfifo, Path.mkdir, Path.touch])
def test_history_is_never_in_the_way(tmp_path: Path, leave: object) -> None:
    """Whatever has its name: others' files are not written, rubbish is, and no error comes."""
    path = tmp_path / "supervise/history"
    path.parent.mkdir()
    assert callable(leave)
    leave(path)
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        file = HistoryFile(directory)
        file.load()
        file.ended(0, 256)
        again = HistoryFile(directory)
        again.load()
    finally:
        os.close(directory)
    assert again.history.count == (1 if leave in (rubbish, Path.touch) else 0)
    for target in path.parent.glob("target"):
        assert target.read_text() == "target"
