"""What Ansible's community.general.svc runs and reads: svc and svstat, as a program uses them.

Not tested: the module itself; contrib/soak/ansible runs it.
"""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import Installed
from tests.oracle.runner import environment, run
from tests.scan import executable, is_supervised, scanning, service
from tests.wait import wait_until

# Ends at its first USR1, once it is ready, and says so.
RUN = """trap 'echo >reloaded; kill $!; exit' USR1
sleep 1000 &
echo >ready
wait"""


class Client:
    """A service as the module sees it: a link in the scan directory, its source, four patterns."""

    def __init__(self, installed: Installed, link: Path, source: Path) -> None:
        self.installed = installed
        self.link = link
        self.source = source

    def run(self, name: str, *words: str | Path) -> str:
        """Run a command by its absolute path; the module takes any word on stderr for an error."""
        argv = [self.installed.program(name), *map(str, words)]
        result = run(argv, cwd="/", env=environment(LANG="C", LC_MESSAGES="C", LC_CTYPE="C"))
        assert (result.code, result.err) == (0, b"")
        return result.out.decode()

    def svc(self, option: str) -> None:
        """Send a command to the service by its link."""
        assert self.run("svc", option, self.link) == ""

    def state(self) -> str:
        """Give the module's word for what svstat says."""
        said = self.run("svstat", self.link)
        found = "start" if " up " in said else "stopp" if " down " in said else ""
        if not found:
            return "unknown"
        return found + ("ing" if " want " in said else "ed")

    def number(self, pattern: str) -> int:
        """Give the number that is reported: of the process, or of seconds."""
        found = re.search(pattern, self.run("svstat", self.link))
        return int(found[1]) if found else 0

    def pid(self) -> int:
        """Give the pid of the service."""
        return self.number(r"\(pid (\d+)\)")

    def wait_another(self, pid: int) -> int:
        """Wait until the service has another process."""
        return wait_until(lambda: (number := self.pid()) != pid and number)


@pytest.mark.slow
def test_ansible_manages_a_service(installed: Installed, tmp_path: Path) -> None:
    """Enabled, reloaded, restarted, killed, stopped, run once, started, downed, disabled."""
    source = service(tmp_path / "src/x", RUN, log="exec cat >/dev/null")
    (tmp_path / "scan").mkdir()
    client = Client(installed, tmp_path / "scan/x", source)
    with scanning(tmp_path / "scan"):
        client.link.symlink_to(source)  # enabled
        wait_until((source / "ready").exists)
        pid = client.pid()
        assert client.state() == "started"
        assert client.number(r"(\d+) seconds") >= 0
        client.svc("-1")
        wait_until((source / "reloaded").exists)
        executable(source / "run", "exec sleep 1000")
        pid = client.wait_another(pid)
        for option in ("-t", "-k"):
            client.svc(option)
            pid = client.wait_another(pid)
        client.svc("-d")
        wait_until(lambda: client.state() == "stopped")
        client.svc("-o")
        wait_until(lambda: client.state() == "started")
        client.svc("-d")
        wait_until(lambda: client.pid() == 0)
        client.svc("-u")
        wait_until(lambda: client.state() == "started")
        (client.link / "down").touch()
        assert client.state() == "started"
        assert "normally down" in client.run("svstat", client.link)
        client.link.unlink()  # disabled
        client.run("svc", "-dx", source)
        client.run("svc", "-dx", source / "log")
        wait_until(lambda: not is_supervised(source) and not is_supervised(source / "log"))


def test_ansible_hears_of_what_is_not_there(installed: Installed, tmp_path: Path) -> None:
    """A service that nobody supervises is "unknown": in svstat's stdout, not on stderr."""
    client = Client(installed, service(tmp_path / "x"), tmp_path / "x")
    assert client.state() == "unknown"
    (tmp_path / "x/supervise").mkdir()
    for name in ("ok", "control"):
        os.mkfifo(tmp_path / "x/supervise" / name)
    assert client.state() == "unknown"
    assert client.run("svstat", client.link) == f"{client.link}: supervise not running\n"
