"""[restart] in service.toml: a service that dies young waits longer each time, or is given up.

In a hurry: the second that daemontools waits is 0.2 s here. Of times only what must have passed is
asserted, never what must not.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.commands import svstat
from pysvscan.core import history, restart
from pysvscan.core.restartsettings import Restart
from pysvscan.core.service import State
from pysvscan.detail import Detail
from pysvscan.supervise import Supervise
from tests import scan
from tests.hosted import Host, hosting
from tests.scan import command
from tests.wait import wait_until

GAP_NS = 200_000_000
DIES = "echo $$ >>starts"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Give a host in a hurry."""
    monkeypatch.setattr(restart, "GAP_NS", GAP_NS)
    with hosting() as made:
        yield made


def begin(host: Host, path: Path, table: Restart | None) -> Supervise:
    """Supervise a service that has this table."""
    service = host.supervise(path)
    service.open()
    service.restart = table
    service.begin()
    return service


def starts(path: Path) -> int:
    """Count the starts."""
    file = path / "starts"
    return file.read_text().count("\n") if file.exists() else 0


def young(service: Supervise) -> int:
    """Say how often it died young, as it is written down."""
    return history.unpack(
        (Path(f"/proc/self/fd/{service.directory}/supervise/history")).read_bytes()
    ).backoff.young


def given_up(host: Host) -> int:
    """Count how often something was given up."""
    return sum("unable to keep" in line for line in host.said)


def said(path: Path) -> list[str]:
    """List what svstat -l says."""
    start = os.open(b".", os.O_RDONLY)
    try:
        return svstat.look(os.fsencode(path), Detail().describe)
    finally:
        os.fchdir(start)
        os.close(start)


def test_restart_waits_longer_each_time(host: Host, tmp_path: Path) -> None:
    """Gaps of 1, 2, 4 units at least; a command that ends it, or a long life, begins afresh."""
    service = begin(host, scan.service(tmp_path / "a", DIES), Restart(healthy_ns=10**12))
    begun = time.monotonic_ns()
    host.until(lambda: starts(tmp_path / "a") == 4)
    assert time.monotonic_ns() - begun >= 7 * GAP_NS
    host.until(lambda: service.state is State.WAIT and service.backoff.young == 4)
    assert young(service) == 4
    assert said(tmp_path / "a")[1].startswith(" restart: ended young 4 times in a row")
    scan.executable(tmp_path / "a/run", "exec sleep 1000")
    service.feed(ord("u"))
    assert young(service) == 0
    host.until(lambda: service.pid)
    service.feed(ord("t"))
    host.until(lambda: service.state is State.WAIT)
    assert service.backoff.young == 0
    scan.executable(tmp_path / "a/run", DIES)  # that it was asked once is soon forgotten
    host.until(lambda: service.backoff.young == 1)


def test_restart_is_classic_without_the_table(host: Host, tmp_path: Path) -> None:
    """Each unit, and nothing about it in the history."""
    service = begin(host, scan.service(tmp_path / "a", DIES), None)
    host.until(lambda: starts(tmp_path / "a") == 4)
    assert service.backoff.gap_ns(service.restart) == GAP_NS
    assert young(service) == 0


@pytest.mark.parametrize("run", [DIES, None], ids=["dies", "no run"])
def test_restart_gives_up_after_tries(host: Host, tmp_path: Path, run: str | None) -> None:
    """Down after so many tries, which is said once and shown; a KILL of ours changes nothing."""
    path = scan.service(tmp_path / "a", run or "")
    if run is None:
        (path / "run").unlink()
    table = Restart(max_ns=GAP_NS, tries=3)
    service = begin(host, path, table)
    host.until(lambda: service.state is State.DOWN)
    assert starts(path) == (3 if run else 0)
    assert host.said[-1] == (
        "supervise: warning: unable to keep a up: it ended young 3 times in a row, "
        "svc -u tries again"
    )
    assert given_up(host) == 1
    assert any(" restart: given up after 3 in a row that ended young" in it for it in said(path))
    service.close()  # as by death
    again = begin(host, path, table)
    assert (again.state, again.want) == (State.DOWN, b"d")
    command(path, b"u")
    host.until(lambda: given_up(host) == 2)
    assert starts(path) == (6 if run else 0)
    again.feed(ord("x"))
    fresh = begin(host, path, table)  # after an ordered end `down` decides
    assert fresh.state is not State.DOWN


def test_restart_survives_us(host: Host, tmp_path: Path) -> None:
    """Whoever comes after our death starts no sooner, and goes on counting."""
    path = scan.service(tmp_path / "a", DIES)
    table = Restart(healthy_ns=10**12)
    for count in (1, 3):
        service = begin(host, path, table)
        host.until(lambda: service.backoff.young == count)  # noqa: B023
        due_ns = service.last_start_ns + (GAP_NS << count - 1)
        service.close()
        service = begin(host, path, table)
        host.until(lambda: service.pid)  # noqa: B023
        assert time.monotonic_ns() >= due_ns - 5_000_000  # the wall clock is what is written down
        host.until(lambda: service.backoff.young == count + 1)  # noqa: B023
        service.close()


def test_restart_waits_no_longer_where_the_clock_jumped(host: Host, tmp_path: Path) -> None:
    """A clock that was set back ten years keeps a service waiting for one gap at most."""
    path = scan.service(tmp_path / "a", DIES)
    table = Restart(healthy_ns=10**12)
    service = begin(host, path, table)
    host.until(lambda: service.backoff.young == 2)
    service.close()
    file = path / "supervise/history"
    written = history.unpack(file.read_bytes())
    for end in written.ends:
        end.at_ns += 10 * 365 * 86400 * 10**9
    file.write_bytes(history.pack(written))
    again = begin(host, path, table)
    assert again.left_ns() <= 2 * GAP_NS
    host.until(lambda: starts(path) == 3)


def test_restart_is_read_by_svscan(tmp_path: Path) -> None:
    """Given up by one svscan, which is killed: the next one leaves it down, until svc -u."""
    path = tmp_path / "scan/a"
    with scan.scanning(tmp_path / "scan") as running:
        made = scan.service(tmp_path / "a", DIES)
        (made / "service.toml").write_text("[restart]\ntries = 2\n")
        made.rename(path)
        wait_until(lambda: any("unable to keep a up" in line for line in running.lines()))
        assert starts(path) == 2
        running.process.kill()
        running.process.wait()
        running.start()
        running.barrier()
        assert (starts(path), scan.pid(path)) == (2, 0)
        scan.command(path, b"u")
        wait_until(lambda: starts(path) > 2)
