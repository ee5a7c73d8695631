"""contrib/init: what systemd and a shell make of it. By hand: busybox's init, openrc-run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

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
