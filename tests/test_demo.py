"""The demo holds on our svscan, logger and svinstance; it fails where one does not do its work.

What is broken is broken by a program of the same name earlier on PATH. Not tested: contrib/demo's
installation of packages; .ci/run does that.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
MAILHOST = TOP / "contrib" / "mailhost"
BIN = Path(sys.executable).parent
TIMEOUT_S = 300
PR_SET_PDEATHSIG = 1

# svinstance whose templates, the demo's own copy, have lost a filter.
DROPPING = """
sed -i "s/'+[*] [*] < RCPT [*]' '+[*] [*] < rcpt [*]'//" "$4/smtpd@/service.toml"
exec @real@ "$@"
"""

needs_tcpserver = pytest.mark.skipif(
    not shutil.which("tcpserver") or not shutil.which("recordio"),
    reason="tcpserver and recordio are not installed (ucspi-tcp)",
)


@contextlib.contextmanager
def wrappers() -> Iterator[Path]:
    """A directory for programs that come first on PATH, open to all accounts."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def wrap(directory: Path, name: str, script: str) -> None:
    """Put a shell script before the program of its name, which it calls @real@."""
    real = shutil.which(name, path=f"{BIN}:{os.environ['PATH']}")
    assert real is not None
    (directory / name).write_text("#!/bin/sh\n" + script.replace("@real@", real))
    (directory / name).chmod(0o755)


def is_closed() -> bool:
    """Tell whether other accounts cannot reach the interpreter or the package, and root could."""
    places = [sys.executable, os.path.realpath(sys.executable), __file__]
    parents = [parent for place in places for parent in Path(place).parents]
    return os.geteuid() == 0 and not all(parent.stat().st_mode & 0o001 for parent in parents)


def demo(*words: str, first: Path | None = None) -> subprocess.Popen[str]:
    """Start the demo with the installation that runs this test, in a session of its own."""
    env = {**os.environ, "PYSVSCAN_VENV": sys.prefix, "PYSVSCAN_DEMO_PATH": str(first or "")}
    if is_closed():
        env["PYSVSCAN_ACCOUNT"] = "root"
    return subprocess.Popen(
        [TOP / "contrib" / "demo", "--no-setup", *words],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare,
    )


def prepare() -> None:
    """Hear INT even where the tests run in the background; get TERM where they are killed.

    On TERM the demo stops its host.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def outcome(running: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the demo's end, and give its exit code and what it printed."""
    try:
        out, _ = running.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        running.terminate()  # it then stops what it started
        out, _ = running.communicate(timeout=TIMEOUT_S)
        pytest.fail(f"the demo did not end:\n{out}")
    return running.returncode, out


def failures(out: str) -> list[str]:
    """List the checks that failed."""
    return [line for line in out.splitlines() if line.startswith("FAILED")]


@pytest.mark.slow
@needs_tcpserver
def test_demo_holds() -> None:
    """All mails arrive, all that is killed comes back, all sessions are in the logs."""
    code, out = outcome(demo("--check"))
    assert failures(out) == [], out
    assert code == 0, out


def through(lines: Iterable[str], last: str) -> Iterator[str]:
    """Yield lines up to the first that holds `last`."""
    for line in lines:
        yield line
        if last in line:
            return


@pytest.mark.slow
@needs_tcpserver
def test_demo_stops_in_order_on_interrupt() -> None:
    """Without --check the host stays until Ctrl-C, then it is stopped and checked as well."""
    running = demo()
    assert running.stdout is not None
    too_late = threading.Timer(TIMEOUT_S, running.terminate)
    too_late.start()
    seen = list(through(running.stdout, "svc -t qmail-send"))
    too_late.cancel()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to the foreground group
    code, out = outcome(running)
    out = "".join(seen) + out
    assert "ok      no process is left" in out, out
    assert code == 0, out


ONCE = """
(until svok "$1/pop3d@alfa.example"; do sleep 0.1; done; exec svc -o "$1/pop3d@alfa.example") &
exec @real@ "$@"
"""
BROKEN = {  # program: what it does instead
    "svinstance": DROPPING,
    "recordio": 'exec "$@"\n',
    "svscan": ONCE,
}


@pytest.fixture(scope="module")
def broken() -> Iterator[dict[str, tuple[int, str]]]:
    """Run three demos, each with one program that does not do its work, at the same time."""
    with contextlib.ExitStack() as stack:
        running = {}
        for name, script in BROKEN.items():
            first = stack.enter_context(wrappers())
            wrap(first, name, script)
            patience = ("--patience", "5") if name == "svscan" else ()
            running[name] = demo("--check", *patience, first=first)
            stack.callback(running[name].terminate)
        yield {name: outcome(it) for name, it in running.items()}


@pytest.mark.slow
@needs_tcpserver
def test_demo_fails_if_a_log_drops_lines(broken: dict[str, tuple[int, str]]) -> None:
    """A recipient that is not in the log is named."""
    code, out = broken["svinstance"]
    assert code == 1, out
    assert any(
        "smtpd@alfa.example log" in line and "RCPT TO of demo 1" in line for line in failures(out)
    ), out


@pytest.mark.slow
@needs_tcpserver
def test_demo_fails_without_recordio(broken: dict[str, tuple[int, str]]) -> None:
    """Logs without conversations are named, for both services."""
    code, out = broken["recordio"]
    assert code == 1, out
    found = [line for line in failures(out) if "no line of any conversation" in line]
    assert ["smtpd@" in found[0], "pop3d@" in found[1]] == [True, True], out


@pytest.mark.slow
@needs_tcpserver
def test_demo_fails_if_a_service_is_not_restarted(broken: dict[str, tuple[int, str]]) -> None:
    """A service that is told to run once, so that nobody starts it again, is named."""
    code, out = broken["svscan"]
    assert code == 1, out
    assert any("pop3d@alfa.example was not restarted" in line for line in failures(out)), out


def converse(program: str, *words: str | Path, said: bytes) -> list[bytes]:
    """Give the lines that a server on stdin and stdout answers."""
    command = [sys.executable, "-I", MAILHOST / program, *words]
    done = subprocess.run(command, input=said, capture_output=True, check=True, timeout=TIMEOUT_S)
    assert done.stderr == b""
    return done.stdout.split(b"\r\n")[:-1]


MAIL = b"Subject: dots\n\n.one\n..two\n"
SMTP = (
    b"EHLO client.example\r\nDATA\r\nMAIL FROM:<carol@client.example>\r\n"
    b"RCPT TO:<eve@mail.example>\r\nRCPT TO:<alice@mail.example>\r\nDATA\r\n"
    b"Subject: dots\r\n\r\n..one\r\n...two\r\n.\r\nQUIT\r\n"
)


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    """A mail root in which alice's one mail was delivered by our SMTP program."""
    answers = converse("smtpd.py", "mail.example", tmp_path, "alice", said=SMTP)
    assert [line[:3] for line in answers] == b"220 250 503 250 550 250 354 250 221".split()
    return tmp_path


def test_smtpd_delivers_once_and_whole(maildir: Path) -> None:
    """A mail is one file in new, its dots unstuffed, below a Return-Path."""
    files = [path for path in maildir.rglob("*") if path.is_file()]
    assert [path.parent for path in files] == [maildir / "alice" / "new"]
    assert files[0].read_bytes() == b"Return-Path: <carol@client.example>\n" + MAIL


def test_smtpd_leaves_nothing_of_a_mail_cut_short(tmp_path: Path) -> None:
    """Without the final dot there is no mail."""
    cut = SMTP[: SMTP.index(b"...two")]
    answers = converse("smtpd.py", "mail.example", tmp_path, "alice", said=cut)
    assert answers[-1][:3] == b"354"
    assert list(tmp_path.iterdir()) == []


def test_pop3d_gives_lists_and_deletes(maildir: Path, tmp_path: Path) -> None:
    """Each command's answer, dot-stuffed; what is deleted goes at QUIT and not before."""
    passwords = tmp_path / "passwords"
    passwords.write_text("alice:secret\n")
    size = len(b"Return-Path: <carol@client.example>\n" + MAIL) + 5  # five line ends grow by one
    said = b"STAT\r\nUSER alice\r\nPASS wrong\r\nPASS secret\r\nSTAT\r\nLIST 1\r\nTOP 1 1\r\n"
    said += b"DELE 1\r\nRETR 1\r\nRSET\r\nRETR 1\r\nDELE 1\r\nRETR 2\r\nNONSENSE\r\nQUIT\r\n"
    answers = converse("pop3d.py", maildir, passwords, said=said)
    header = [b"Return-Path: <carol@client.example>", b"Subject: dots", b""]
    assert answers == [
        b"+OK ready",
        b"-ERR log in first",
        b"+OK ",
        b"-ERR authorization failed",
        b"+OK ",
        b"+OK 1 %d" % size,
        b"+OK 1 %d" % size,
        *[b"+OK ", *header, b"..one", b"."],
        b"+OK ",
        b"-ERR message is deleted",
        b"+OK ",
        *[b"+OK ", *header, b"..one", b"...two", b"."],
        b"+OK ",
        b"-ERR no such message",
        b"-ERR unknown command",
        b"+OK ",
    ]
    assert list((maildir / "alice" / "new").iterdir()) == []
