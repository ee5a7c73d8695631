"""contrib/init, contrib/container: what systemd and a shell make of it.

By hand: busybox's init, openrc-run.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scan import executable

INIT = ROOT / "contrib/init"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
def test_unit_is_understood(tmp_path: Path) -> None:
    """Nothing is wrong with the unit, and svscan alone gets the signal."""
    text = (INIT / "pysvscan.service").read_text().replace("/usr/local/bin/svscan", sys.executable)
    (tmp_path / "pysvscan.service").write_text(text)
    words = ["systemd-analyze", "verify", str(tmp_path / "pysvscan.service")]
    said = subprocess.run(words, capture_output=True, text=True)
    if "Failed to" in said.stderr and "pysvscan.service" not in said.stderr:
        pytest.skip(f"systemd-analyze cannot run here: {said.stderr}")
    assert (said.returncode, "pysvscan" in said.stderr) == (0, False), said.stderr
    assert {"KillMode=process", "Restart=always", "Type=exec"} <= set(text.splitlines())


def test_openrc_script_is_a_script() -> None:
    """A shell can read it."""
    words = ["sh", "-n", str(INIT / "pysvscan.openrc")]
    assert subprocess.run(words, capture_output=True).stderr == b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "--stop-budget 9 /service\n"),
        ("--json", "--stop-budget 9 --json /service\n"),
        ("--stop-budget 5", "--stop-budget 9 --stop-budget 5 /service\n"),
        ("--json --stop-budget 5 .", "--stop-budget 9 --json --stop-budget 5 .\n"),
        ("--stop-budget", ""),
        ("--stop", ""),
        (". --json", ""),
    ],
)
def test_container_entry_becomes_svscan_of_a_directory(
    tmp_path: Path, words: str, said: str
) -> None:
    """Of /service where none is named: never of the current directory, which may be the root."""
    executable(tmp_path / "svscan", 'echo "$@"')
    env = {"PATH": f"{tmp_path}:{os.defpath}"}
    entry = (ROOT / "contrib/container/entry", *words.split())
    found = subprocess.run(entry, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert (found.stdout, found.returncode) == (said, 0 if said else 100)


READ_ONLY = "mount --bind . . && mount -o remount,ro,bind . . && cd . &&"


def test_container_entry_copies_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """The copy's files have their owners, without whom no account could write its log."""
    (log := tmp_path / "service/x/log/main").mkdir(parents=True)
    executable(tmp_path / "svscan", 'exec stat -c "%u %g %n" "$3/x/log/main"')
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYSVSCAN_RUN": str(tmp_path / "copy")}
    unshare = ["unshare", "-m", "sh", "-c"]
    service = tmp_path / "service"
    if os.getuid() or not shutil.which("unshare"):
        pytest.skip("not root, or no unshare")
    if subprocess.run([*unshare, f"{READ_ONLY} true"], cwd=service).returncode:
        pytest.skip("nothing can be mounted here")
    os.chown(log, 1, 2)
    words = [*unshare, f'{READ_ONLY} exec "$0" "$PWD"', str(ROOT / "contrib/container/entry")]
    found = subprocess.run(words, capture_output=True, text=True, env=env, cwd=service)
    assert (found.stdout, found.stderr) == (f"1 2 {tmp_path}/copy/x/log/main\n", "")
