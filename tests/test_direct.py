"""The road in C: what is its own. What it has in common with the others is in test_starter.py."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.direct import Direct
from tests import scan
from tests.conftest import ROOT
from tests.hosted import Host, hosting

PAGE = resource.getpagesize()
MANY = 2000


@pytest.fixture
def host() -> Iterator[Host]:
    """Give a host that starts by this road."""
    with hosting(None, "direct") as made:
        yield made


@pytest.fixture
def direct(host: Host) -> Direct:
    """Give its road."""
    assert isinstance(host.starter.road, Direct)
    return host.starter.road


def memory() -> int:
    """Give the size of our memory in pages."""
    return int(Path("/proc/self/statm").read_text().split()[0])


def test_direct_keeps_no_stack_of_a_service(direct: Direct) -> None:
    """Each service holds on to its process's error, and not to the page that it waited on."""
    before, held = memory(), []
    for _ in range(MANY):
        pid, pidfd, handle = direct.part.wait(direct.given)
        direct.part.cancel(handle)
        os.waitpid(pid, 0)
        os.close(pidfd)
        held.append(handle)
    assert memory() - before < MANY / 2


def test_direct_survives_handles_that_are_dropped(direct: Direct) -> None:
    """Nobody cancels, nobody asks: the process exits when its handle goes, in any order."""
    waiting = [direct.part.wait(direct.given) for _ in range(50)]
    pids = [pid for pid, pidfd, _ in waiting if os.close(pidfd) is None]
    del waiting[::2]
    waiting.clear()
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    pid, pidfd, handle = direct.part.wait(direct.given)  # takes back what they left
    direct.part.cancel(handle)
    os.waitpid(pid, 0)
    os.close(pidfd)


def test_direct_refuses_what_is_no_handle(direct: Direct) -> None:
    """Another object, or one of the other kind, is an error and nothing else."""
    part = direct.part
    for wrong in (None, direct.given):
        for call in (part.cancel, part.failure):
            with pytest.raises((TypeError, ValueError)):
                call(wrong)
        with pytest.raises((TypeError, ValueError)):
            part.go(wrong, 0, -1, -1, -1)
    names = (None, b"./run")
    pairs = bytes(16)
    wrongs = [
        ((b"A=b\0c",), names, b""),
        (("A=b",), names, b""),
        (b"A=b", names, b""),
        ((), None, b""),
        ((), (None,), b""),
        ((), (None, None), b""),
        ((), (b"a\0b", b"./run"), b""),
        ((), (None, b"./r\0n"), b""),
        ((), ("a", b"./run"), b""),
        ((), names, None),
        ((), names, pairs[1:]),
        ((), names, pairs * 33),
    ]
    for environment, two, limits in wrongs:
        with pytest.raises((TypeError, ValueError, SystemError)):
            part.given(environment, 0, 0, 1, 1, two, limits, -1, -1, 0, -1, 100)
    assert part.given((), 0, 0, 1, 1, names, pairs * 32, -1, -1, 0, -1, 100)


CHAIN = """
import os, resource
from tests.hosted import Host
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
host = Host(None, "best")
print(type(host.starter.road).__name__)
waiting = host.starter.take(0)
waiting.cancel()
host.close()
"""


@pytest.mark.root
@pytest.mark.usefixtures("direct")
def test_direct_goes_through_after_a_change_of_account() -> None:
    """`setuidgid ACCOUNT svscan` is one process: no exec has made /proc the account's."""
    result = subprocess.run([sys.executable, "-c", CHAIN], cwd=ROOT, stdout=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (0, b"Direct\n")


REFUSED = """
import os, tomllib
from pathlib import Path
from pysvscan.core import settings
from pysvscan.waiting import Streams
from tests.hosted import Host
host = Host(None, "direct")
directory = os.open(os.environ["SERVICE"], os.O_RDONLY | os.O_DIRECTORY)
for toml in ("user = 'daemon'", "nice = -7", "directory = 'no'"):
    table = settings.parse(tomllib.loads("[run]\\n" + toml), is_root=True).run
    waiting = host.starter.take(directory, table)
    assert waiting.go(directory, Streams())
    host.until(lambda: not Path(f"/proc/{waiting.pid}").exists())
    print(type(waiting).__name__, waiting.failure(), waiting.refusal)
host.close()
"""


@pytest.mark.root
@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize(("lost", "step"), [("setgid", "setgid"), ("setuid", "setuid")])
def test_direct_never_executes_run_where_something_is_refused(
    tmp_path: Path, lost: str, step: str
) -> None:
    """Where root lacks something, as in a container, the kernel's refusal is told."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    path = scan.service(tmp_path / "a", "echo >>ran")
    program = ["setpriv", f"--bounding-set=-{lost},-sys_nice", sys.executable, "-c", REFUSED]
    env = {**os.environ, "SERVICE": str(path)}
    result = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, env=env, text=True)
    assert result.stdout.splitlines() == [
        f"Process 1 unable to {step}",
        "Process 13 unable to set nice -7",
        "Process 2 unable to chdir to no",
    ]
    assert not (path / "ran").exists()


def test_direct_gives_way_where_it_does_not_go_through(
    host: Host, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process to be had, or an unexpected end of it: another road is taken."""
    for failure in (0, errno.ENOSYS):
        monkeypatch.setattr(direct, "try_it", lambda failure=failure: failure)
        assert not direct.goes_through()
    with monkeypatch.context() as patch:
        patch.setenv("PYSVSCAN_PURE", "1")
        assert Direct.find(host.loop, host.starter.kernel, host.inherited) is None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert Direct.find(host.loop, host.starter.kernel, host.inherited) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_direct_has_no_descriptor_left(host: Host, direct: Direct) -> None:
    """Without room for its pidfd no process comes to be, and nothing is left of the attempt."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            direct.take(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert host.is_reaped()
