"""Redaction of what Debian's recordio writes of Debian's mail clients, by every way to log in.

Not tested here: real servers, and the logger around it.
"""

import base64
import secrets
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pysvscan.core.redact import DOUBT_NS, Redactor

SERVER = """
import sys
smtp = sys.argv[1] == "smtp"
ask, ok = (b"334 ", b"235 ok") if smtp else (b"+ ", b"+OK")
steps = {b"LOGIN": [b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"], b"CRAM-MD5": [b"PDFAbWFpbD4="]}
known = b"PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER"
def say(*lines):
    sys.stdout.buffer.write(b"".join(line + b"\\r\\n" for line in lines))
    sys.stdout.buffer.flush()
def hear():
    return sys.stdin.buffer.readline().strip()
say(b"220 mail.example ESMTP" if smtp else b"+OK <1896.1@mail.example>")
while True:
    words = hear().split()
    if not words:
        sys.exit()
    verb = words[0].upper()
    if verb in (b"EHLO", b"CAPA"):
        say(*([b"250-mail.example", b"250 AUTH " + known] if smtp else
              [b"+OK", b"SASL " + known, b"USER", b"."]))
    elif verb == b"AUTH":
        asked = [b""] if words[1] == b"PLAIN" else steps.get(words[1], [b""])
        for text in asked[len(words) - 2:]:
            say(ask + text)
            hear()
        say(ok)
    elif verb == b"DATA":
        say(b"354 go")
        while hear() != b".":
            pass
        say(b"250 ok")
    elif verb == b"QUIT":
        say(b"221 bye" if smtp else b"+OK")
        sys.exit()
    elif verb == b"LIST" and not smtp:
        say(b"+OK", b".")
    else:
        say(b"250 ok" if smtp else b"+OK")
"""
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")
PROGRAMS = ("tcpserver", "recordio", "swaks", "curl")
NEEDED = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"one of {', '.join(PROGRAMS)} is missing"
)


def logins(kind: str, port: int, user: str, password: str) -> list[list[str]]:
    """List the commands that log in, by each way their programs know."""
    url, who = f"{kind}://127.0.0.1:{port}/", f"{user}:{password}"
    curl = ["curl", "-s", "-m", "60", url]
    send = ["--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "-T", "/dev/null"]
    curl += send if kind == "smtp" else []
    found = []
    for name in MECHANISMS:
        found.append([*curl, "-u", who, "--login-options", f"AUTH={name}"])
        found.append([*curl, "-u", who, "--login-options", f"AUTH={name}", "--sasl-ir"])
    for name in ("XOAUTH2", "OAUTHBEARER"):
        bearer = ["-u", user, "--oauth2-bearer", password, "--login-options", f"AUTH={name}"]
        found.append([*curl, *bearer, "--sasl-ir"])
        found.append([*curl, *bearer])
    if kind == "pop3":
        talk = f"USER {user}\\r\\nPASS {password}\\r\\nQUIT\\r\\n"
        code = f"import socket, sys; s = socket.create_connection(('127.0.0.1', {port})); "
        code += f"s.sendall(b'{talk}'); sys.exit(not s.makefile().read())"
        apop = [*curl, "-u", who, "--login-options", "AUTH=+APOP"]
        return [*found, apop, [sys.executable, "-I", "-c", code]]
    swaks = ["swaks", "--server", f"127.0.0.1:{port}", "--to", "c@d.example", "--timeout", "60"]
    swaks += ["--auth-user", user, "--auth-password", password]
    return found + [[*swaks, "--auth", name] for name in MECHANISMS]


def log_in(command: list[str]) -> None:
    """Run a client, whatever it has to say."""
    subprocess.run(command, cwd="/", capture_output=True, timeout=120)


@NEEDED
@pytest.mark.parametrize("kind", ["smtp", "pop3"])
def test_clients(kind: str, tmp_path: Path) -> None:
    """What identifies a user is in the log if it is not redacted, and nowhere if it is."""
    (tmp_path / "server.py").write_text(SERVER)
    user, password = "u" + secrets.token_hex(8), "p" + secrets.token_hex(12)
    server = [sys.executable, "-I", str(tmp_path / "server.py"), kind]
    argv = ["tcpserver", "-v1RHl0", "127.0.0.1", "0", "recordio", *server]
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log)
        assert daemon.stdout
        with daemon.stdout as out:
            port = int(out.readline())
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(log_in, logins(kind, port, user, password)))
        finally:
            daemon.terminate()
            daemon.wait(60)
    raw = (tmp_path / "log").read_bytes()
    assert raw.count(b"tcpserver: ok") == len(logins(kind, port, user, password))
    texts = [user, password, f"\0{user}\0{password}"]
    told = [password.encode(), *[base64.b64encode(it.encode()) for it in texts]]
    assert sum(it in raw for it in told) >= 3
    assert (b"PASS " + told[0] in raw) is (kind == "pop3")
    for now_ns in (0, DOUBT_NS):
        redactor = Redactor((f"{kind}-auth".encode(),), 0)
        got = redactor.feed(raw, now_ns) + redactor.finish(now_ns)
        assert [it for it in told if it in got] == []
        assert got.count(b"[redacted]") >= raw.count(b"tcpserver: ok")
        assert got.count(b"\n") == raw.count(b"\n")
        assert (b"USER " + user.encode() in got) is (kind == "pop3")
        assert (b"PASS [redacted]" in got) is (kind == "pop3")
