"""svlog explain, the command: scripts and services, what it prints, how it ends.

Not tested here: what decides (tests/core/test_explain.py, tests/oracle/test_explain.py), which
traps there are (tests/core/test_lint.py).
"""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from pysvscan.commands import svlog
from pysvscan.pathexec import Chain
from pysvscan.strerr import Fatal, Usage
from tests.conftest import Installed

FIXTURES = Path(__file__).parent / "fixtures"
LABEL = "@400000006b05057c1573b10c"
POP3 = ["t", "-*", "+*tcpserver*", "+*USER*", "./main"]


def mail_filter() -> list[str]:
    """Read the SMTP filter of filters.md."""
    text = (FIXTURES / "filters.md").read_text()
    found = re.search(r"multilog (t s1000000 n20 .*?=status)", text, re.DOTALL)
    assert found
    return shlex.split(found[1].replace("\\\n", ""))


def explain(installed: Installed, words: list[str], text: bytes) -> list[str]:
    """Run the command."""
    argv = [installed.program("svlog"), "explain", *words]
    done = subprocess.run(argv, input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode(errors="surrogateescape").split("\n")


def service(path: Path, lines: bytes, toml: str) -> Path:
    """Make a service with a log."""
    (path / "log/main").mkdir(parents=True)
    (path / "log/main/current").write_bytes(lines)
    (path / "service.toml").write_text(toml)
    return path


def test_mail_filter(installed: Installed) -> None:
    """Of a mail host's log it says what C multilog has kept of it, line by line and in total."""
    raw = (FIXTURES / "qmail/smtp-raw.log").read_bytes()
    kept = (FIXTURES / "qmail/smtp-filtered.log").read_bytes()
    lines = explain(installed, mail_filter(), raw)
    assert "./main: kept 86 of 206 lines, 5177 of 11590 bytes: half" in lines
    assert "    '+*tcpserver*' decided 31" in lines
    assert "word 5, '+*ok*': matches about 1 of 100 lines of base64 by chance" in lines
    told = [line.partition(": @") for line in lines]
    ours = ["@" + it[2] for it in told if it[0].startswith("kept for ./main")]
    assert ours == kept.decode().split("\n")[:-1]


def test_stamps(installed: Installed) -> None:
    """Lines are seen with the script's stamp: the one they have, or now."""
    text = f"{LABEL} tcpserver: ok\n1 < USER foo\nno label\n@no label\n".encode()
    lines = explain(installed, POP3, text)
    assert lines[0] == f"kept by '+*tcpserver*': {LABEL} tcpserver: ok"
    assert re.fullmatch(r"kept by '\+\*USER\*': @[0-9a-f]{24} 1 < USER foo", lines[1])
    assert re.fullmatch(r"dropped by '-\*': @[0-9a-f]{24} no label", lines[2])
    assert explain(installed, ["./main"], b"a\n")[0] == "kept by no pattern: a"
    assert explain(installed, ["-q", "-a", "./main"], b"a\nb")[:4] == [
        "./main: kept 1 of 2 lines, 2 of 4 bytes: half",
        "    -a decided 1",
        "    no pattern matched 1",
        "",
    ]


def test_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Of a service, its script and the lines of its log are explained."""
    toml = "[log]\nscript = \"t '-*' '+*ok*' ./main\"\nuser = 'qmaill'\n"
    one = service(tmp_path / "one", f"{LABEL} it is ok\n".encode(), toml)
    monkeypatch.setenv("SVDIR", str(tmp_path))
    for word in (os.fsencode(one), b"one"):
        assert svlog.main([b"svlog", b"explain", word], Chain({})) == 0
        out = capfdbinary.readouterr().out.decode().split("\n")
        assert out[0] == f"kept by '+*ok*': {LABEL} it is ok"
        assert out[1] == "./main: kept 1 of 1 lines, 35 of 35 bytes: all"


def test_errors(tmp_path: Path) -> None:
    """Without words it is used wrongly; a service without a log is said."""
    with pytest.raises(Usage, match=r"svlog explain \[-q\]"):
        svlog.main([b"svlog", b"explain", b"-q"], Chain({}))
    one = service(tmp_path / "one", b"", "[log]\nscript = './other'\nuser = 'q'\n")
    (one / "log/main/current").unlink()
    (one / "log/main").rmdir()
    for toml, said in (
        (None, "unable to find a log of"),
        ("[log]\nscript = 5\n", r"one/service.toml: log.script: 5 is "),
        ("", "unable to find a script of .*one in service.toml or log/run"),
    ):
        if toml is not None:
            (one / "service.toml").write_text(toml)
        with pytest.raises(Fatal, match=said):
            svlog.main([b"svlog", b"explain", os.fsencode(one)], Chain({}))


def test_broken_pipe(installed: Installed) -> None:
    """Nobody reads any more: it ends without a word."""
    argv = [installed.program("svlog"), "explain", "./main"]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.write(b"line\n" * 10_000)
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(60)
