"""Starts with a [run]: which go by the direct road, and with whose rights they read and go."""

import errno
import os
import shutil
import signal
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import direct, passwd
from pysvscan.core import settings
from pysvscan.core.runsettings import Run
from pysvscan.direct import Direct, Process
from pysvscan.waiting import Streams, Waiting
from tests import scan
from tests.hosted import Host, hosting

HIDDEN = "known to root alone"
CAP_SYS_PTRACE = 19
USER = "user = 'daemon'\n"


def table(toml: str) -> Run:
    """Parse the lines of a [run] table."""
    found = settings.parse(tomllib.loads(f"[run]\n{toml}"), is_root=True).run
    assert found is not None
    return found


@pytest.fixture(params=["direct", "fork"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Give a host, for both roads that [run] may take."""
    with hosting(None, request.param) as made:
        yield made


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a service that every account can reach, with a secret of root's beside it."""
    with tempfile.TemporaryDirectory(prefix="orders", dir="/tmp") as name:
        place = Path(name)
        for path in (place / "a/env", place / "a/work", place / "out", place / "secrets"):
            path.mkdir(parents=True)
        run = f'{{ echo "$X"; pwd -P; }} >{place}/out/new; mv {place}/out/new {place}/out/seen'
        scan.executable(place / "a/run", f"{run}; exec sleep 1000")
        (place / "secrets/shadow").write_text(HIDDEN)
        for path, mode in (("", 0o755), ("out", 0o777), ("secrets", 0o700)):
            (place / path).chmod(mode)
        yield place


def start(host: Host, place: Path, toml: str) -> tuple[Waiting, list[str]]:
    """Start the service; give by what it came, and what it saw or why it did not run."""
    seen = place / "out/seen"
    seen.unlink(missing_ok=True)
    fd = os.open(place / "a", os.O_RDONLY | os.O_DIRECTORY)
    try:
        waiting = host.starter.take(fd, table(toml))
        assert waiting.go(fd, Streams())
        proc = Path(f"/proc/{waiting.pid}")
        host.until(lambda: seen.exists() or not proc.exists())
        if seen.exists():
            os.kill(waiting.pid, signal.SIGKILL)
            host.until(lambda: not proc.exists())
        number = waiting.failure()
    finally:
        os.close(fd)
    if seen.exists():
        assert (number, waiting.refusal) == (0, "")
        return waiting, seen.read_text().splitlines()
    return waiting, [waiting.refusal, errno.errorcode.get(number, "")]


def is_quick(waiting: Waiting) -> bool:
    """Say whether it came by the direct road."""
    return isinstance(waiting, Process)


ALWAYS = [  # by the direct road wherever there is one
    ("limits.o = 30", ["", "a"]),
    ("environment = {X = 'x'}", ["x", "a"]),
    ("directory = 'work'\numask = '077'\nsession = true", ["", "a/work"]),
    ("environment = 'env'\nnice = 3", ["kept", "a"]),
]


@pytest.mark.parametrize(("toml", "expected"), ALWAYS)
def test_a_start_is_quick(host: Host, place: Path, toml: str, expected: list[str]) -> None:
    """Nothing of it needs a copy of the interpreter; with an account, as little."""
    (place / "a/env/X").write_text("kept\n")
    expected = [expected[0], str(place / expected[1])]
    is_direct = isinstance(host.starter.road, Direct)
    waiting, found = start(host, place, toml)
    assert (is_quick(waiting), found) == (is_direct, expected)
    if os.geteuid() == 0:
        waiting, found = start(host, place, USER + toml)
        assert (is_quick(waiting), found) == (is_direct and can_become(host), expected)


def can_become(host: Host) -> bool:
    """Say whether the direct road can become another account here."""
    return isinstance(host.starter.road, Direct) and host.starter.road.can_become


@pytest.mark.root
def test_root_becomes_an_account_by_the_direct_road(host: Host) -> None:
    """Where root may all, it does; in a container without CAP_SYS_PTRACE the fork does."""
    capabilities = next(
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapEff")
    )
    may_trace = int(capabilities, 16) >> CAP_SYS_PTRACE & 1 and not direct.is_traceable()
    assert can_become(host) == (isinstance(host.starter.road, Direct) and bool(may_trace))


@pytest.mark.root
def test_the_account_reads_what_is_its_own(host: Host, place: Path) -> None:
    """A link that it has made shows it nothing that it may not see; what it may see, it gets."""
    own = place / "a/env"
    (own / "X").write_text("its own")
    shutil.chown(own, "daemon")
    toml = f"{USER}environment = 'env'"
    assert start(host, place, toml)[1] == ["its own", str(place / "a")]
    (own / "X").unlink()
    (own / "X").symlink_to("../../secrets/shadow")
    waiting, found = start(host, place, toml)
    assert (is_quick(waiting), found) == (False, ["unable to read env/X", "EACCES"])
    (place / "a/work/env").symlink_to("../../secrets")
    shutil.chown(place / "a/work", "daemon")
    _, found = start(host, place, f"{USER}environment = 'work/env'")
    assert found == ["unable to switch to directory work/env", "EACCES"]
    # what root has put there root reads, and may be for nobody else's eyes
    shutil.chown(own, "root")
    (own / "X").unlink()
    (own / "X").write_text(HIDDEN)
    (own / "X").chmod(0o600)
    assert start(host, place, toml)[1] == [HIDDEN, str(place / "a")]


@pytest.mark.root
def test_the_account_goes_where_it_may_go(host: Host, place: Path) -> None:
    """`directory` is entered with the account's rights: root's would take it anywhere."""
    shutil.chown(place / "a/work", "daemon")
    (place / "a/work/here").symlink_to("../../secrets")
    for name in ("work/here", "../secrets"):
        _, found = start(host, place, f"{USER}directory = '{name}'")
        assert found == [f"unable to chdir to {name}", "EACCES"]
    assert start(host, place, "directory = 'work/here'")[1][1] == str(place / "secrets")


@pytest.mark.root
def test_an_unclear_account_is_looked_up_by_who_may_wait(
    host: Host, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Svscan itself asks no directory service, which may take its time."""
    monkeypatch.setattr(passwd, "find", lambda _: None)
    waiting, found = start(host, place, USER)
    assert (is_quick(waiting), found) == (False, ["", str(place / "a")])


def test_a_service_directory_without_a_name_is_left_to_the_fork(host: Host, place: Path) -> None:
    """Its ./run has no path from `directory`; that is said, and nothing runs."""
    (place / "a").rename(place / "b")
    fd = os.open(place / "b", os.O_RDONLY | os.O_DIRECTORY)
    shutil.rmtree(place / "b")
    try:
        waiting = host.starter.take(fd, table("directory = '/'"))
        assert not is_quick(waiting)
        assert waiting.go(fd, Streams())
        host.until(lambda: not Path(f"/proc/{waiting.pid}").exists())
        assert waiting.failure() == errno.ENOENT
        assert waiting.refusal == "unable to find out the current directory"
    finally:
        os.close(fd)


TRACED = [(b"0\n", False), (b"1\n", True), (b"2\n", False), (None, True)]


@pytest.mark.parametrize(("data", "expected"), TRACED)
def test_no_account_shares_our_memory_where_the_kernel_lets_it_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None, expected: bool
) -> None:
    """fs.suid_dumpable = 1 lets anybody trace what has just become its own."""
    if data is not None:
        (tmp_path / "dumpable").write_bytes(data)
    monkeypatch.setattr(direct, "DUMPABLE", str(tmp_path / "dumpable"))
    assert direct.is_traceable() == expected
    with hosting(None, "direct") as host:
        assert can_become(host) <= (not expected)
