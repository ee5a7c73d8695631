"""What a processor finds: files, directory, limits and signals are those that C's would find."""

import os
import resource
import signal
from pathlib import Path

import pytest

from pysvscan import cyclog, pathexec
from pysvscan.stuck import Stuck
from tests.cyclogs import LINES, text, work

SOFT = 123
ORDINARY = (1 << 31) - 1  # the signals that are no business of libc's own
LIMITS = {
    "none": [],
    "descriptors": [(resource.RLIMIT_NOFILE, SOFT)],
    "beyond the hard limit": [(resource.RLIMIT_NOFILE, 1 << 30)],
    "softlimit": [(resource.RLIMIT_NOFILE, SOFT), (resource.RLIMIT_FSIZE, 1 << 30)],
}
# The limit is asked for last: it may come a moment after the start.
PROCESSOR = b"""
files=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/4 /proc/$$/fd/5)
signals=$(grep -E '^Sig(Blk|Ign)' /proc/$$/status)
printf '%s\\n' "$PWD" "$files" "$signals" "$VARIABLE" >report
cat
until test -e ../go; do sleep 0.02; done
ulimit -Sn >>report
"""


@pytest.mark.parametrize("name", LIMITS)
def test_child_gets_what_c_gives(tmp_path: Path, name: str) -> None:
    """Files 0, 1, 4, 5 and no more, the log directory, no signal blocked or ignored."""
    env = {b"PATH": b"/usr/bin:/bin", b"VARIABLE": b"value"}
    chain = pathexec.Chain(env)
    chain.limits = LIMITS[name]
    log = cyclog.Cyclog(os.fsencode(tmp_path / "d"), 4096, 9, PROCESSOR, chain)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    here = Path.cwd()
    try:
        log.put(LINES[:3500])
        log.advance()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert Path.cwd() == here
    (tmp_path / "go").touch()
    assert work(log) == []
    path = tmp_path / "d"
    report = (path / "report").read_text().splitlines()
    files = [f"{path}/{file}" for file in ("previous", "processed", "state", "newstate")]
    assert report[:5] == [str(path), *files]
    assert report[7] == "value"
    signals = dict(line.split(":\t") for line in report if line.startswith("Sig"))
    hup = 1 << signal.SIGHUP - 1
    assert int(signals["SigBlk"], 16) & hup == (hup if name == "softlimit" else 0)
    assert int(signals["SigIgn"], 16) & ORDINARY == ignored()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    expected = {"none": soft, "beyond the hard limit": hard}.get(name, SOFT)
    assert report[-1] == str(expected)
    assert text(path) == LINES[:3500]


def ignored() -> int:
    """Return the set of signals that we were given as ignored: what only Python ignores is not."""
    numbers = set(range(1, 32)) - {signal.SIGPIPE, signal.SIGXFSZ}
    return sum(1 << it - 1 for it in numbers if signal.getsignal(it) == signal.SIG_IGN)


def test_child_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """A directory that is in the way of its output: said, and once it is gone, done."""
    chain = pathexec.Chain({b"PATH": b"/usr/bin:/bin"})
    log = cyclog.Cyclog(os.fsencode(tmp_path / "d"), 4096, 9, b"cat", chain)
    (tmp_path / "d/newstate").mkdir()
    log.put(LINES)
    with pytest.raises(Stuck, match=r"unable to fork for processor in .*/d, pausing") as said:
        log.advance()
    assert isinstance(said.value.__cause__, IsADirectoryError)
    (tmp_path / "d/newstate").rmdir()
    assert work(log) == []
    assert text(tmp_path / "d") == LINES
