"""What logrun makes, run by a shell: C's multilog gets the very words of [log], and logs alike."""

import os
import subprocess
from pathlib import Path

import pytest

from pysvscan import logrun, servicetoml
from pysvscan.core.settings import Log
from tests.conftest import Installed
from tests.oracle.runner import c_program, count, environment, run
from tests.wait import wait_until

pytestmark = pytest.mark.oracle

SCRIPTS: dict[str, tuple[str, ...]] = {
    "plain": ("t", "s1000000", "n20", "-*", "+*tcpserver*", "./main"),
    "quotes": ("-*", "+*it's*", '+*say "a"*', "+'", '+"', "-''", "./main", "+\\", "./it's"),
    "shell": (
        "-$HOME",
        "+`id`",
        "-#",
        "+~",
        "-a;b|c&d",
        "+(x)<y>",
        "-!",
        "+{a,b}",
        "-[a-z]?",
        "./m",
    ),
    "blanks": ("+* a  b *", "-\t", "+a\nb", "-\\\n", "-", "./with blank", "+", "./main"),
    "bytes": ("+*\u00e9*", "-\u20ac", "./\u00e9"),
    "all": ("t", "e", "=status", "s4096", "n2", "!exec cat", "./main", "+*", "./all"),
}


def start(directory: Path) -> "subprocess.Popen[bytes]":
    """Start a log/run as C's supervise does, with C's programs."""
    return subprocess.Popen(
        ["./run"], cwd=directory / "log", stdin=subprocess.PIPE, env=environment()
    )


def words_of(process: "subprocess.Popen[bytes]") -> list[bytes] | None:
    """Read the words of a process that has become C's multilog; what it is comes first."""
    exe = os.path.realpath(f"/proc/{process.pid}/exe")
    found = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[:-1]
    is_multilog = exe == os.path.realpath(c_program("multilog")) and found[:1] == [b"multilog"]
    return found if is_multilog else None


@pytest.mark.parametrize("name", SCRIPTS)
def test_c_multilog_gets_the_same_words(tmp_path: Path, name: str) -> None:
    """[log] to log/run to C's multilog to [log]: the same words at each point."""
    c_program("multilog")
    log = Log(tuple(word.encode() for word in SCRIPTS[name]), "root" if os.geteuid() == 0 else None)
    script = ", ".join(f'"{word}"' for word in escaped(SCRIPTS[name]))
    user = f'user = "{log.user}"\n' if log.user else ""
    (tmp_path / "service.toml").write_text(f"[log]\nscript = [{script}]\n{user}")
    logrun.convert(os.fsencode(tmp_path))
    with start(tmp_path) as process:
        found = wait_until(lambda: words_of(process))
        assert process.stdin
        process.stdin.write(b"tcpserver it's a b\n")
        process.stdin.close()
    assert process.returncode == 0
    assert found[1:] == list(log.words)
    for directory in log.script.directories:
        assert (tmp_path / "log" / os.fsdecode(directory.path) / "current").exists()
    (tmp_path / "service.toml").unlink()
    logrun.convert(os.fsencode(tmp_path))
    here = os.open(tmp_path, os.O_RDONLY)
    assert servicetoml.read(here, b"x").log == log
    os.close(here)
    count("scripts through log/run and back")


def escaped(script: tuple[str, ...]) -> list[str]:
    """Escape words for TOML, not by our own code."""
    return [
        word.encode("unicode_escape").decode().replace('"', '\\"').replace("\\x", "\\u00")
        for word in script
    ]


def test_pysvscan_logrun_is_installed(installed: Installed, tmp_path: Path) -> None:
    """`pysvscan logrun DIR` runs as installed; there is no logrun on PATH."""
    result = run([installed.program("pysvscan"), "logrun", "."], cwd=tmp_path)
    said = b"logrun: warning: unable to find ./log/run, or [log] in ./service.toml\n"
    assert (result.code, result.out, result.err) == (111, b"", said)
    assert not Path(installed.program("logrun")).exists()
