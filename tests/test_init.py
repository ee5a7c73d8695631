"""contrib/init, contrib/container: what systemd and a shell make of it.

By hand: busybox's init, openrc-run, a read-only root.
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
        ("", "/service\n"),
        ("--json", "--json /service\n"),
        ("--stop-budget 5", "--stop-budget 5 /service\n"),
        ("--json --stop-budget 5 .", "--json --stop-budget 5 .\n"),
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
