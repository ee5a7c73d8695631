"""Redaction in a logger, in this process: whatever a log writes to.

Not tested here: recordio itself, with servers and clients; see test_redact_recordio.py.
"""

import errno
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core.orders import Kind, Opening
from pysvscan.core.redact import DOUBT_NS, Redactor
from pysvscan.logpipe import Phase
from tests import logs
from tests.conversations import Maker, said, shown
from tests.scan import scanning
from tests.test_logpipe import LABEL, Host, text
from tests.test_logpipe import host as host
from tests.wait import wait_until

REDACT = (b"smtp-auth", b"pop3-auth")
WORDS = (b"t", b"e", b"=status", b"./main")
SECRET = b"c2VjcmV0c2VjcmV0"
STAMP = re.compile(rb"@[0-9a-f]{24} ")


def files(path: Path) -> Iterator[bytes]:
    """Give what every file below a directory holds."""
    for file in path.rglob("*"):
        if file.is_file():
            yield file.read_bytes()


def test_everywhere(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories, =files, alerts, counters and the copy to stdout hold no credential."""
    alerts: list[bytes] = []
    copied: list[bytes] = []
    monkeypatch.setattr(host.logger.stderr, "write", alerts.append)
    monkeypatch.setattr(host.logger.copyout, "offer", lambda _source, text: copied.append(text))
    pipe = host.open("a", *WORDS, redact=REDACT, stdout=True)
    lines = Maker(3).log(20, 5)
    for at in range(0, len(lines), 100):
        want = shown(lines[: at + 100])
        host.write(said(lines[at : at + 100])[:-1])
        host.write(b"\n")
        host.until(lambda want=want: STAMP.sub(b"", text(tmp_path / "a")) == want)
    assert STAMP.sub(b"", b"".join(copied)) == shown(lines)
    host.write(b"7 < AUTH PLAIN c2VjcmV0c2VjcmV0\r \n")
    host.until(lambda: b"7 < AUTH PLAIN [redacted]" in (tmp_path / "a/status").read_bytes())
    pipe.show_counts()
    everything = b"".join([*files(tmp_path), *alerts, *copied])
    assert b"c2VjcmV0c2VjcmV0" not in everything
    assert [it for line in lines for it in line.secrets if it in everything] == []
    assert b"[redacted]" in b"".join(alerts)


@pytest.mark.parametrize("full", ["block", "drop-lines"])
def test_full_disk(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    """What was read while nothing could be written is known, be it written later or never; a
    clock that is set makes no conversation older.
    """
    pipe = host.open("a", b"./main", redact=REDACT, full=full)
    host.until(lambda: pipe.phase is Phase.READING)
    write, ours = os.write, os.stat(tmp_path / "a/main/current").st_ino

    def write_badly(fd: int, data: bytes) -> int:
        if os.fstat(fd).st_ino == ours:
            raise OSError(errno.ENOSPC, "")
        return write(fd, data)

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", write_badly)
        host.write(b"tcpserver: pid 1 from x\n1 < AUTH LOGIN\r \n1 > 334 x\r \n")
        host.until(lambda: pipe.outlets.due)
        ahead_ns = time.time_ns() + 10 * DOUBT_NS
        monkeypatch.setattr(time, "time_ns", lambda: ahead_ns)
        host.write(b"2 < %b\r \n1 < %b\r \n" % (SECRET, SECRET))
        if full == "drop-lines":
            host.until(lambda: b"2" in pipe.feeding.redactor.talks)  # type: ignore[union-attr]
    pipe.outlets.due.clear()
    host.logger.boundary(pipe, pipe.go_on)
    host.write(b"1 > 535 no %b\r \n1 < QUIT\r \n" % SECRET)
    host.until(lambda: text(tmp_path / "a").endswith(b"1 < QUIT\r \n"))
    assert SECRET not in text(tmp_path / "a")
    assert (b"1 < [redacted]" in text(tmp_path / "a")) is (full == "block")


def test_change(host: Host, tmp_path: Path) -> None:
    """Other settings take no conversation's state away; who redacts no more, forgets it."""
    pipe = host.open("a", b"./main", redact=REDACT)
    host.write(
        b"tcpserver: pid 8 from x\ntcpserver: pid 7 from x\n"
        b"7 < AUTH LOGIN\r \n7 > 334 x\r \n7 < par"
    )
    host.until(lambda: b"334" in text(tmp_path / "a"))
    new = Opening(LABEL, (b"t", b"./main"), redact=REDACT)
    host.logger.order(Kind.CHANGE, 1, list(new.pack()))
    host.until(lambda: pipe.phase is Phase.LINE)
    host.write(b"tial\r \n7 < c2Vj\r \n8 < known\r \n")
    host.until(lambda: text(tmp_path / "a").endswith(b" 8 < known\r \n"))
    assert re.fullmatch(
        rb"tcp.*\ntcp.*\n7 < AUTH LOGIN\r \n7 > 334 x\r \n7 < \[redacted\]\r \n"
        rb"@[0-9a-f]{24} 7 < \[redacted\]\r \n"
        rb"@[0-9a-f]{24} 8 < known\r \n",
        text(tmp_path / "a"),
    )
    host.logger.order(Kind.CHANGE, 1, list(Opening(LABEL, (b"./main",)).pack()))
    host.until(lambda: pipe.feeding.redactor is None)
    host.write(b"7 < seen\r \n")
    host.until(lambda: text(tmp_path / "a").endswith(b"\n7 < seen\r \n"))


def test_unfinished(host: Host, tmp_path: Path) -> None:
    """At the end a line without its newline is written, redacted, with one; a killed logger's
    successor takes its rest for none.
    """
    pipe = host.open("a", b"./main", redact=REDACT)
    host.write(b"1 > 220 x\r \n1 < AUTH PLAIN c2Vj")
    host.until(lambda: pipe.feeding.redactor and pipe.feeding.redactor.held)
    assert host.logger.places[1] == 1
    host.logger.order(Kind.LEAVE, 1, [])
    host.until(lambda: pipe.phase is Phase.LINE)
    pipe.write_out()
    host.until(lambda: pipe.phase is Phase.OVER)
    assert text(tmp_path / "a") == b"1 > 220 x\r \n1 < AUTH PLAIN [redacted]\n"


def test_what_raises(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where redacting raises, nothing is written as it came; the read is kept and tried again."""
    pipe = host.open("a", b"./main", redact=REDACT)
    host.until(lambda: pipe.phase is Phase.READING)
    redact = Redactor.redact

    def raising(*_: object) -> bytes:
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(Redactor, "redact", raising)
    host.write(b"1 < AUTH PLAIN c2Vj\r \n")
    host.until(lambda: pipe.trouble == 1 and pipe.timer)
    assert text(tmp_path / "a") == b""
    monkeypatch.setattr(Redactor, "redact", redact)
    assert pipe.timer
    pipe.timer.cancel()
    host.logger.boundary(pipe, pipe.open)
    host.until(lambda: text(tmp_path / "a") == b"1 < AUTH PLAIN [redacted]\r \n")


BEFORE = (  # what a logger has read when it is killed, the end of it within a line
    b"1 > 220 x\r \n1 < AUTH PLAIN\r \n1 > 334 \r \n3 > +OK\r \n3 < PASS %b\r \n"
    b"4 < AUTH PLAIN %b\r \n4 > 501 b+\n2 > 220 x\r \n2 < AUTH PLAIN c2V"
)
AFTER = (
    b"j%b\r \n1 < %b\r \n1 > 235 ok\r \n2 > 535 no %b\r \n3 > -ERR bad %b\r \n4 > ad %b\r \n"
    b"4 < %b\r \nthe end\n"
)


@pytest.mark.slow
def test_killed_logger(tmp_path: Path) -> None:
    """Whatever a logger was killed in the middle of, nothing secret gets out afterwards."""
    words = tmp_path / "words"
    os.mkfifo(words)
    service = logs.service(tmp_path / "scan/a", f"exec cat <>{words}")
    toml = service / "service.toml"
    logs.replace(toml, toml.read_text() + 'redact = ["smtp-auth", "pop3-auth"]\n')
    with scanning(tmp_path / "scan") as scan, words.open("r+b", buffering=0) as writer:
        first = logs.logger(service)
        writer.write(BEFORE.replace(b"%b", SECRET))
        wait_until(lambda: b"2 > " in logs.text(service / "log/main"))
        os.kill(first, signal.SIGKILL)
        logs.logger(service, first)
        writer.write(AFTER.replace(b"%b", SECRET))
        wait_until(lambda: b"the end" in logs.text(service / "log/main"))
        lines = "".join(scan.lines()).encode()
    everything = b"".join([*files(tmp_path / "scan"), lines])
    assert SECRET not in everything
    assert everything.count(b"[redacted]") >= 6
