"""control and ok as one FIFO: where it is made, where not, and that C's programs do not mind."""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import joined
from pysvscan.core.service import State
from pysvscan.strerr import Fatal
from tests.hosted import Host
from tests.scan import command, is_supervised, pid, scanning, service, wait_up
from tests.wait import wait_until

C_DIRECTORY = "/usr/bin"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let descriptors be short."""
    monkeypatch.setattr(joined, "is_short", lambda _: True)


def is_joined(path: Path) -> bool:
    """Say whether control and ok are one."""
    return (path / "supervise/control").samefile(path / "supervise/ok")


def c(name: str, *words: str, where: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run a C program."""
    return subprocess.run([f"{C_DIRECTORY}/{name}", *words], cwd=where, capture_output=True)


def test_many_services_fit_where_descriptors_are_few(tmp_path: Path) -> None:
    """The first have two FIFOs, the last one; each is up and obeys; nothing is said."""
    names = [f"s{number}" for number in range(66)]
    path = tmp_path / "service"
    limit = (400, 400)
    with scanning(
        path, *names, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    ) as running:
        found = [is_joined(path / name) for name in names]
        assert 20 < found.count(True) < 50
        for where in (path / names[found.index(True)], path / names[found.index(False)]):
            command(where, b"d")
            wait_until(lambda: not pid(where))  # noqa: B023
            command(where, b"u")
            wait_up(where)
        assert running.lines() == []


@pytest.mark.usefixtures("short")
def test_c_commands_and_takes_over_what_is_joined(host: Host, path: Path) -> None:
    """svc, svok, svstat and supervise of C work as with two FIFOs; nobody hears a question."""
    if not os.access(f"{C_DIRECTORY}/supervise", os.X_OK):
        pytest.skip("no C supervise")
    first = host.begin(path)
    host.until(lambda: first.pid)
    assert is_joined(path)
    assert c("svok", path.name, where=path.parent).returncode == 0
    assert b": up (pid " in c("svstat", path.name, where=path.parent).stdout
    c("svc", "-d", path.name, where=path.parent)
    host.until(lambda: first.state is State.DOWN)
    first.feed(ord("x"))
    assert c("svok", path.name, where=path.parent).returncode == 100
    with subprocess.Popen([f"{C_DIRECTORY}/supervise", path.name], cwd=path.parent):
        wait_until(lambda: is_supervised(path) and pid(path))
        assert is_joined(path)
        c("svc", "-dx", path.name, where=path.parent)
    assert not is_supervised(path)
    host.begin(path)
    assert is_joined(path)


@pytest.mark.usefixtures("short")
def test_what_there_was_is_joined_if_it_is_alike(host: Host, path: Path) -> None:
    """Two FIFOs of one owner and mode become one, also after one was removed."""
    (path / "supervise").mkdir()
    for name in ("control", "ok"):
        os.mkfifo(path / "supervise" / name, 0o600)
    (path / "supervise/ok.new").touch()
    first = host.begin(path)
    assert is_joined(path)
    (path / "supervise/ok").unlink()
    first.renew()
    assert is_joined(path)
    assert sorted(os.listdir(path / "supervise")) == [
        "child", "control", "lock", "ok", "status",
    ]  # fmt: skip


@pytest.mark.usefixtures("short")
def test_mode_of_ok_is_no_mode_of_control(host: Host, path: Path) -> None:
    """Whoever may ask, by an ok of its own mode, may not command."""
    (path / "supervise").mkdir()
    os.mkfifo(path / "supervise/ok")
    (path / "supervise/ok").chmod(0o622)
    host.begin(path)
    modes = [(path / "supervise" / name).stat().st_mode & 0o777 for name in ("control", "ok")]
    assert (modes, is_supervised(path)) == ([0o600, 0o622], True)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("how", ["no second names", "a directory", "a link elsewhere"])
def test_what_cannot_be_joined_is_as_ever(
    host: Host, path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system may have no hard links, and whatever is called ok is not replaced."""

    def refuse(_: int) -> None:
        raise PermissionError(errno.EPERM, "")

    where = path / "supervise"
    where.mkdir()
    if how == "no second names":
        monkeypatch.setattr(joined, "link", refuse)
        host.begin(path)
        assert (is_joined(path), is_supervised(path)) == (False, True)
        return
    (where / "elsewhere").mkdir()
    if how == "a directory":
        (where / "ok").mkdir()
    else:
        (where / "ok").symlink_to("elsewhere")
    service_of = host.supervise(path)
    with pytest.raises(Fatal, match=r"unable to (read|write) a/supervise/ok"):
        service_of.open()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Give a service directory."""
    yield service(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
