"""Reading the demo's log directories, and what must be in them."""

import os
import re
from collections import Counter
from pathlib import Path

from mail import SENDER, Mail

from pysvscan import counters

LABEL = 26  # "@", 24 hexadecimal digits, a space
EVENT = re.compile(rb"tcpserver: (pid|ok|end) (\d+) ")
SAID = re.compile(rb"(\d+) ([<>]) (.*)", re.DOTALL)


def lines(log: Path) -> list[bytes]:
    """Read the lines of a log directory, without their labels."""
    return [line[LABEL:] for line in labelled(log)]


def labelled(log: Path) -> list[bytes]:
    """Read the lines of a log directory: archives, which sort by time, then current."""
    files = [*sorted(log.glob("@*")), log / "previous", log / "current"]
    data = b"".join(file.read_bytes() for file in files if file.exists())
    return [line for line in data.split(b"\n") if line]


def sessions(log: Path) -> dict[str, set[bytes]]:
    """Collect the connections of a tcpserver: under pid, ok and end, their process ids."""
    found: dict[str, set[bytes]] = {"pid": set(), "ok": set(), "end": set()}
    for line in lines(log):
        event = EVENT.match(line)
        if event:
            found[event[1].decode()].add(event[2])
    return found


def said(log: Path) -> dict[bytes, list[bytes]]:
    """Collect what clients said, in lower case, by process id."""
    found: dict[bytes, list[bytes]] = {}
    for line in lines(log):
        words = SAID.match(line)
        if words and words[2] == b"<":
            found.setdefault(words[1], []).append(words[3].strip().lower())
    return found


def missing_sessions(log: Path, expected: int) -> str:
    """Say which of the pid, ok and end lines of so many connections are missing."""
    found = sessions(log)
    opened = found["pid"]
    if len(opened) != expected:
        return f"pid lines of {len(opened)} sessions, expected {expected}"
    gone = [kind for kind in ("ok", "end") if found[kind] != opened]
    return f"{' and '.join(gone)} lines of some sessions are missing" if gone else ""


def missing_mails(log: Path, mails: list[Mail]) -> str:
    """Say which mail's sender, recipient or subject is not in any one session."""
    conversations = said(log)
    if not conversations:
        return "no line of any conversation (recordio's)"
    wrong = []
    for mail in mails:
        wanted = {
            "Subject": f"subject: {mail.subject}",
            "MAIL FROM": f"mail from:<{SENDER}>",
            "RCPT TO": f"rcpt to:<{mail.recipient()}>",
        }
        subject = wanted["Subject"].encode()
        heard = next((said for said in conversations.values() if subject in said), [])
        gone = [
            what
            for what, text in wanted.items()
            if not any(line.startswith(text.encode()) for line in heard)
        ]
        wrong += [f"{what} of {mail.subject}" for what in gone]
    return f"{', '.join(wrong)} missing" if wrong else ""


def missing_logins(log: Path, logins: Counter[str]) -> str:
    """Say whose logins are not all there."""
    conversations = said(log)
    if not conversations:
        return "no line of any conversation (recordio's)"
    heard = Counter(line for part in conversations.values() for line in part)
    wrong = [
        f"{heard[b'user ' + user.encode()]} USER lines of {user}, expected {count}"
        for user, count in logins.items()
        if heard[b"user " + user.encode()] != count
    ]
    return ", ".join(wrong)


def foreign(log: Path, domain: str, domains: tuple[str, ...]) -> str:
    """Say if a log speaks of another domain than its own."""
    others = [other.encode() for other in domains if other != domain]
    wrong = [line for line in lines(log) for other in others if other in line]
    return f"{len(wrong)} lines of others, as {wrong[0]!r}" if wrong else ""


def is_idle(log: Path) -> bool:
    """Say whether the last line is that of a tcpserver without connections."""
    return b"".join(lines(log)[-1:]).startswith(b"tcpserver: status: 0/")


def missing_status(file: Path) -> str:
    """Say if multilog's =status does not hold tcpserver's last count."""
    last = file.read_bytes().split(b"\n")[0]
    found = re.search(rb"tcpserver: status: \d+/\d+$", last)
    return "" if found else f"no count of connections in {file.name}"


def counted(directory: Path) -> tuple[int, int]:
    """Give the bytes that a log would hold without its filter, and those that it kept."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        found = counters.read(fd)
    finally:
        os.close(fd)
    return found.bytes_in + LABEL * found.lines_in, found.bytes_kept


def revealed(files: list[Path], passwords: dict[str, str]) -> str:
    """Name the files that hold a password."""
    secrets = [password.encode() for password in passwords.values()]
    wrong = [file for file in files if any(secret in file.read_bytes() for secret in secrets)]
    return f"a password is in {wrong[0]}" if wrong else ""


def unclean(logs: list[Path]) -> str:
    """Name the log directories that their multilog did not end in order."""
    wrong = [log for log in logs if not (log / "current").stat().st_mode & 0o100]
    return ", ".join(f"{log.parent.parent.name}'s current is not finished" for log in wrong)
