"""[run] of service.toml: refused starts, by each road; what svscan makes of the file.

What a service gets is compared with a chain of C programs in tests/oracle/test_runtable.py, what
may stand in the file is tested in tests/core/test_runsettings.py.
"""

import errno
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core import history, settings
from pysvscan.core.runsettings import Run
from tests import logs, scan
from tests.hosted import Host, age, hosting
from tests.scan import OURS, command, is_alive, wait_up
from tests.wait import wait_until

RUN = "echo $$ >>starts\numask >umask\nexec sleep 1000"


@pytest.fixture(params=["direct", "shell", "fork"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Give a host, for each road."""
    with hosting(None, request.param) as made:
        yield made


def table(toml: str) -> Run:
    """Parse the lines of a [run] table."""
    found = settings.parse(tomllib.loads(f"[run]\n{toml}"), is_root=True).run
    assert found is not None
    return found


def refuse(*_: object) -> None:
    """Do as the kernel where we are not root."""
    raise PermissionError(errno.EPERM, "")


def starts(path: Path) -> list[str]:
    """List the pids that ran."""
    file = path / "starts"
    return file.read_text().split() if file.exists() else []


REFUSED = [
    ("user = 'no-such-account'", "", "unknown account no-such-account"),
    ("user = 'daemon'", "setgroups", "unable to setgid: permission denied"),
    ("user = 'daemon'", "setgid", "unable to setgid: permission denied"),
    ("user = 'daemon'", "setuid", "unable to setuid: permission denied"),
    ("environment = 'no'", "", "unable to switch to directory no: file does not exist"),
    ("environment = 'run'", "", "unable to switch to directory run: not a directory"),
    ("directory = 'no'", "", "unable to chdir to no: file does not exist"),
    ("nice = -7", "setpriority", "unable to set nice -7: permission denied"),
    ("nice = -7\numask = '077'", "setpriority", "unable to set nice -7: permission denied"),
]


@pytest.mark.parametrize(("toml", "refused", "reason"), REFUSED)
def test_start_is_refused_where_one_thing_cannot_be_done(
    host: Host,
    tmp_path: Path,
    toml: str,
    refused: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """./run is never executed then; why is said and written down, and once right it runs."""
    if refused in ("setgid", "setuid") and os.geteuid():
        refused, reason = "setgroups", "unable to setgid: permission denied"
    if refused:  # of the direct road only the kernel can, see test_direct.py
        monkeypatch.setattr(host.starter, "road", host.starter.fork)
        monkeypatch.setattr(os, refused, refuse)
        if refused != "setgroups" and refused != "setpriority":
            monkeypatch.setattr(os, "setgroups", lambda _: None)
    path = scan.service(tmp_path / "a", RUN)
    service = host.supervise(path)
    service.on_start = lambda: setattr(service, "run", table(toml))
    service.open()
    service.begin()
    host.until(lambda: host.said)
    assert [line.split(": ", 2)[2] for line in host.said] == [f"unable to start a/run: {reason}"]
    written = history.unpack((path / "supervise/history").read_bytes())
    assert written.message == f"unable to start a/run: {reason}".encode()
    assert (service.pid, service.want, starts(path)) == (0, b"u", [])
    monkeypatch.undo()
    service.on_start = lambda: setattr(service, "run", table("umask = '0135'"))
    age(service)
    service.retry()
    host.until(lambda: (path / "umask").exists() and (path / "umask").read_text() == "0135\n")
    assert starts(path) == [str(service.pid)]


def test_svscan_follows_run_of_service_toml(tmp_path: Path) -> None:
    """The next start has it; a wrong file changes nothing, and what never was right never runs."""
    with scan.scanning(tmp_path / "s") as it:
        outside = tmp_path / "outside"
        paths = {name: scan.service(outside / name, RUN) for name in "abcd"}
        (paths["a"] / "service.toml").write_text("[run]\numask = '027'\n")
        (paths["b"] / "service.toml").write_text("[run]\nusr = 'daemon'\n")
        (paths["b"] / "log").mkdir()
        (paths["c"] / "service.toml").symlink_to("missing")
        (paths["d"] / "service.toml").write_text("[run]\nuser = 'no-such-account'\n")
        for name, path in paths.items():
            (it.path / name).symlink_to(path)
        first = wait_up(paths["a"])
        wrong = "run.usr: unknown key; known are user, environment, limits, session, directory, "
        wait_until(lambda: any(wrong in line and "b/service.toml" in line for line in it.lines()))
        it.wait_said("svscan: warning: unable to read c/service.toml: file does not exist")
        it.wait_said("supervise: fatal: unable to start d/run: unknown account no-such-account")
        assert not any((paths[name] / "supervise/pipe").exists() for name in "acd")
        assert not any("b/log/run" in line for line in it.lines())
        listed = subprocess.run(
            [*OURS, "svstat", "-l", *(str(paths[name]) for name in "bcd")],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        assert "service.toml: run.usr: unknown key" in listed
        assert "unable to read c/service.toml: file does not exist" in listed
        assert "unable to start d/run: unknown account no-such-account" in listed
        # a wrong file leaves the last good one in force
        wait_until(lambda: (paths["a"] / "umask").exists() and starts(paths["a"]))
        logs.replace(paths["a"] / "service.toml", "[run]\numask = 27\n")
        it.wait_said('svscan: warning: a/service.toml: run.umask: 27 is no umask; "022" is')
        assert is_alive(first)
        (paths["a"] / "umask").unlink()
        command(paths["a"], b"t")
        second = wait_up(paths["a"], but=first)
        wait_until(lambda: (paths["a"] / "umask").exists() and len(starts(paths["a"])) == 2)
        wait_until(lambda: (paths["a"] / "umask").read_text() == "0027\n")
        # another one is in force at the next start, and what did not run does as soon as it can
        logs.replace(paths["a"] / "service.toml", "[run]\numask = '0'\nnice = 3\n")
        command(paths["a"], b"t")
        wait_up(paths["a"], but=second)
        wait_until(lambda: (paths["a"] / "umask").read_text() == "0000\n")
        assert [starts(paths[name]) for name in "bcd"] == [[], [], []]
        for name in "bcd":
            logs.replace(paths[name] / "service.toml", "")
            wait_up(paths[name])


def test_supervise_gives_run_of_service_toml(tmp_path: Path) -> None:
    """The command as well: nothing runs as root because of who supervises it."""
    path = scan.service(tmp_path / "a", RUN)
    (path / "service.toml").write_text("[run]\numask = 7\n")
    program = [*OURS, "supervise", "a"]
    with subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            assert (
                line == 'supervise: warning: a/service.toml: run.umask: 7 is no umask; "022" is\n'
            )
            assert starts(path) == []
            logs.replace(path / "service.toml", "[run]\numask = '7'\n")
            wait_up(path)
            wait_until(lambda: (path / "umask").exists() and (path / "umask").read_text())
            assert (path / "umask").read_text() == "0007\n"
        finally:
            command(path, b"dx")
            process.wait(60)
