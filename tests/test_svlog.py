"""svlog, the command: which logs it finds, what it prints, how it ends.

Not tested here: which lines those are (tests/test_logreader.py, tests/test_following.py).
"""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pysvscan import logfinding, printing
from pysvscan.commands import svlog as command
from pysvscan.pathexec import Chain
from pysvscan.strerr import Fatal, Usage
from tests import logdirs
from tests.conftest import Installed
from tests.logdirs import SECOND_NS

BEGIN_NS = 1_795_488_722 * SECOND_NS  # 2026-11-24 02:52:02 UTC
TOML = "[log]\nscript = \"t '-*' '+*a b*' ./mail e ./errors\"\nuser = 'qmaill'\n"
RUN = "#!/bin/sh\ncd /tmp\nexec setuidgid qmaill multilog t '-*' \\\n  '+*x*' ./mail\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a directory with a scan directory, in UTC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SVDIR", str(tmp_path / "scan"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (tmp_path / "scan").mkdir()
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def log(path: Path, texts: str = "a b", begin_ns: int = BEGIN_NS) -> Path:
    """Make a log of some lines, a second apart."""
    lines = [(begin_ns + at * SECOND_NS, it.encode()) for at, it in enumerate(texts.split())]
    return logdirs.make(path, [], b"".join(logdirs.stamped(lines)))


def service(path: Path, toml: str = "", run: str = "", main: str = "mail") -> Path:
    """Make a service with a log."""
    log(path / "log" / main)
    (path / "run").touch()
    if toml:
        (path / "service.toml").write_text(toml)
    if run:
        (path / "log/run").write_text(run)
    return path


@pytest.mark.parametrize(
    ("toml", "run", "main"),
    [
        (TOML, "", "mail"),
        ("", RUN, "mail"),
        ("", "#!/bin/sh\nexec multilog t $X ./mail\n", "mail"),
        ("nonsense", RUN, "mail"),
        ("", "", "main"),
        ("", "", "other"),
        ("", "# multilog t ./x\n", "other"),
    ],
)
def test_find_knows_where_the_log_is(home: Path, toml: str, run: str, main: str) -> None:
    """By name, by path, by its log: what service.toml, log/run, or the directory itself says."""
    path = service(home / "scan/smtp", toml, run, main)
    expected = os.path.realpath(path / "log" / main)
    log(path / "log/zerrors") if main != "other" else None
    words = ["smtp", str(path), f"{path}/", "scan/smtp", "scan/smtp/log", f"{path}/log/{main}/"]
    assert {os.path.realpath(logfinding.find(os.fsencode(it))) for it in words} == {
        os.fsencode(expected)
    }
    os.chdir(path / "log")
    assert os.path.realpath(logfinding.find(b".")) == os.fsencode(expected)


def test_find_takes_a_log_that_lies_elsewhere(home: Path) -> None:
    """A `log` that is a link; a directory of the script with an absolute path."""
    path = home / "scan/smtp"
    (path / "run").parent.mkdir()
    log(home / "var/main")
    (path / "log").symlink_to(home / "var")
    (path / "service.toml").write_text(f"[log]\nscript = 't {home}/var/main'\nuser = 'root'\n")
    assert logfinding.find(b"smtp") == os.fsencode(home / "var/main")
    assert os.path.realpath(logfinding.find(b"scan/smtp/log")) == os.fsencode(home / "var/main")


def test_find_says_what_is_not_there(home: Path) -> None:
    """No service; a service without a log; one with several, of which nobody says which."""
    for name in ("a", "b"):
        log(home / "scan/two/log" / name)
    (home / "scan/none").mkdir()
    for word in (b"two", b"none", b"nowhere", b"./nowhere"):
        with pytest.raises(Fatal, match=f"unable to find .*{os.fsdecode(word)}"):
            logfinding.find(word)
    assert logfinding.services() == [b"none", b"two"]


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def svlog(capfd: pytest.CaptureFixture[str]) -> "Svlog":
    """Give what runs the command."""
    return Svlog(capfd)


class Svlog:
    """Runs the command in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd

    def __call__(self, *words: str) -> Result:
        """Run it."""
        code = command.main([b"svlog", *map(os.fsencode, words)], Chain({}))
        return Result(code, *self.capfd.readouterr())


LINES = "2026-11-24 02:52:02.000000000 a\n2026-11-24 02:52:03.000000000 b\n"


def test_prints_in_every_form(home: Path, svlog: Svlog) -> None:
    """Local time, UTC, labels, JSON; a name before each line where there are several logs."""
    log(home / "scan/x/log/main")
    log(home / "scan/y/log/main", "c", BEGIN_NS + 5)
    assert svlog("x") == Result(0, LINES, "")
    assert svlog("x", "-o", "utc").out == LINES
    assert svlog("-otai64n", "x").out == (home / "scan/x/log/main/current").read_text()
    found = [json.loads(it) for it in svlog("x", "y", "-o", "json").out.splitlines()]
    assert [(it["service"], it["line"]) for it in found] == [("x", "a"), ("y", "c"), ("x", "b")]
    several = [it.split() for it in svlog("x", "y").out.splitlines()]
    assert [(it[0], it[-1]) for it in several] == [("x:", "a"), ("y:", "c"), ("x:", "b")]


def test_selects(home: Path, svlog: Svlog) -> None:
    """By time, by pattern, by number; options may stand anywhere."""
    log(home / "main", "a b c d e")
    assert svlog("./main", "-n", "1", "-g", "[abd]").out[-2:] == "d\n"
    assert svlog("./main", "-n", "1", "-g", "[[abd]")[1:] == (f"{LINES[:18]}5{LINES[19:30]}d\n", "")
    window = svlog("--since", "2026-11-24 02:52:03", "./main", "--until=@1795488724").out
    assert window == "2026-11-24 02:52:03.000000000 b\n"
    assert svlog("-n0", "./main") == Result(0, "", "")


def test_goes_on_without_what_cannot_be_read(home: Path, svlog: Svlog) -> None:
    """A service that is not there is a warning, and 111."""
    log(home / "main")
    code, out, err = svlog("./none", "./main")
    assert (code, out) == (111, LINES)
    assert err == "svlog: warning: unable to find service ./none: file does not exist\n"
    assert svlog("./none")[:2] == (111, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "svlog [-f]"),
        (["-x", "a"], "illegal option -- x"),
        (["--bad", "a"], "illegal option -- bad"),
        (["a", "--since"], "option requires an argument -- since"),
        (["-n"], "option requires an argument -- n"),
        (["-n", "x", "a"], "-n wants a number"),
        (["-o", "xml", "a"], "-o xml is none of local, utc, tai64n, json"),
        (["-g", "(", "a"], "-g (: "),
        (["--since", "soon", "a"], '"soon" is no time'),
        (["-f", "--until", "now", "a"], "--until"),
    ],
)
def test_refuses_wrong_usage(words: list[str], message: str) -> None:
    """With a message that says what is wrong."""
    with pytest.raises(Usage, match=re.escape(message)):
        command.main([b"svlog", *map(os.fsencode, words)], Chain({}))


def test_terminal_gets_nothing_to_obey(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours, unless NO_COLOR is set; control characters as numbers."""
    log(home / "main", "a\x1b[2Jb")
    monkeypatch.setenv("TERM", "xterm")
    stamp = "2026-11-24 02:52:02.000000000"
    for no_colour, expected in (("", f"\x1b[2m{stamp}\x1b[0m "), ("1", f"{stamp} ")):
        monkeypatch.setenv("NO_COLOR", no_colour)
        assert on_terminal() == f"{expected}a\\x1b[2Jb\r\n"


def on_terminal() -> str:
    """Run the command on a terminal; what that shows."""
    master, slave = pty.openpty()
    before = os.dup(1)
    os.dup2(slave, 1)
    try:
        command.main([b"svlog", b"./main"], Chain({}))
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(slave)
    shown = os.read(master, 4096).decode()
    os.close(master)
    return shown


def test_follows_from_the_last_lines(installed: Installed, home: Path) -> None:
    """Ten lines, then what comes over a rotation; it ends when nobody reads any more."""
    main = log(home / "scan/x/log/main", " ".join(map(str, range(20))))
    words = [installed.program("svlog"), "-f", "x"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    try:
        got = [process.stdout.readline().split()[-1] for _ in range(10)]
        (main / "current").rename(main / f"{logdirs.name(BEGIN_NS + 99 * SECOND_NS)}.s")
        (main / "current").write_bytes(b"unstamped\n")
        got.append(process.stdout.readline().strip())
        assert got == [*(b"%d" % it for it in range(10, 20)), b"unstamped"]
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_broken_pipe_is_quiet(installed: Installed, home: Path) -> None:
    """Whoever has seen enough ends it without a word."""
    log(home / "main", " ".join(map(str, range(50_000))))
    for ignoring in ("", "trap '' PIPE; "):
        shell = f"{ignoring}{{ {installed.program('svlog')} ./main; echo $? >&2; }} | head -n 1"
        result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True)
        assert (result.stdout[:4], result.stdout.count("\n")) == ("2026", 1)
        assert result.stderr in ("0\n", f"{128 + signal.SIGPIPE}\n")


def test_full_output_is_fatal(home: Path) -> None:
    """What cannot be written is said."""
    log(home / "main")
    printer = printing.Printer("local", [b"x"])
    before, full = os.dup(1), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    try:
        printer.text(b"x")
        with pytest.raises(Fatal, match="unable to write output"):
            printer.flush()
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(full)


CONVERSATION = """tcpserver: pid 7 from 192.0.2.1
tcpserver: ok 7 mail:127.0.0.2:25 :192.0.2.1::48258
7 > 220 rig\r\x20
9 < USER x\x20
7 < QUIT\x1b\r\x20
tcpserver: end 7 status 256"""
HEAD = "2026-11-24 02:52:02.000000000 7 from 192.0.2.1 to mail:127.0.0.2:25, 5.000 s: "


def test_conversations_are_put_together(home: Path, svlog: Svlog) -> None:
    """A head, what was said; by pid, by pattern, the last ones; as JSON."""
    lines = enumerate(CONVERSATION.split("\n"))
    data = logdirs.stamped([(BEGIN_NS + at * SECOND_NS, it.encode()) for at, it in lines])
    logdirs.make(home / "main", [], b"".join(data))
    whole = f"{HEAD}no command: exit 1\n         2.000 > 220 rig\n         4.000 < QUIT\x1b\n"
    other = "2026-11-24 02:52:05.000000000 9, 0.000 s: USER: unfinished\n         0.000 < USER x\n"
    assert svlog("--conversations", "./main") == Result(0, whole + other, "")
    assert svlog("--pid", "7", "./main").out == whole
    assert svlog("--conversations", "-g", "192.0", "./main").out == whole
    assert svlog("--conversations", "-n", "1", "./main").out == other
    assert svlog("--conversations", "-n", "0", "./main").out == ""
    assert svlog("--pid", "9", "-o", "tai64n", "./main").out.startswith("@400000006b04")
    found = json.loads(svlog("--pid", "7", "-o", "json", "./main").out)
    assert (found["seconds"], found["lines"]) == (5.0, ["> 220 rig", "< QUIT\x1b"])
    with pytest.raises(Usage, match="--pid wants a pid"):
        svlog("--pid", "x", "./main")
