"""A small SMTP server on stdin and stdout, for tcpserver: smtpd.py HOSTNAME MAILROOT USER...

Where the machine has no exim4. Takes mail for USER@HOSTNAME and nobody else, delivers into the
Maildir MAILROOT/USER before it says so. Not for the open network: no TLS, no limits. Source: RFC
5321.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ADDRESS = re.compile(rb"(?:FROM|TO):\s*<([^<>]*)>", re.IGNORECASE)


class Session:
    """One conversation, and the mail that is being given in."""

    def __init__(self, hostname: str, root: Path, users: list[str]) -> None:
        self.hostname = hostname.encode()
        self.root = root
        self.addresses = {f"{user}@{hostname}".encode().lower(): user for user in users}
        self.sender: bytes | None = None
        self.recipients: list[str] = []
        self.count = 0  # mails taken; makes a file name unique within this process

    def answer(self, line: bytes) -> bytes:
        """Give the reply to one command line; DATA is asked for by its 354."""
        word = line[:4].upper()
        if word in (b"HELO", b"EHLO"):
            self.forget()
            return b"250 " + self.hostname
        if word == b"MAIL":
            return self.mail(line)
        if word == b"RCPT":
            return self.rcpt(line)
        if word == b"DATA":
            return b"354 go on" if self.recipients else b"503 no recipient yet"
        if word == b"RSET":
            self.forget()
        return REPLIES.get(word, b"502 unknown command")

    def forget(self) -> None:
        """Begin anew."""
        self.sender, self.recipients = None, []

    def mail(self, line: bytes) -> bytes:
        """MAIL FROM: the sender."""
        found = ADDRESS.search(line)
        if not found:
            return b"501 an address is needed"
        self.forget()
        self.sender = found[1]
        return b"250 ok"

    def rcpt(self, line: bytes) -> bytes:
        """RCPT TO: one recipient more."""
        found = ADDRESS.search(line)
        user = self.addresses.get(found[1].lower()) if found else None
        if self.sender is None:
            return b"503 no sender yet"
        if user is None:
            return b"550 no such mailbox here"
        self.recipients.append(user)
        return b"250 ok"

    def deliver(self, data: bytes) -> bytes:
        """Put a mail into each recipient's Maildir."""
        self.count += 1
        head = b"Return-Path: <" + (self.sender or b"") + b">\n"
        for user in dict.fromkeys(self.recipients):
            name = f"{time.time_ns()}.{os.getpid()}_{self.count}.{self.hostname.decode()}"
            store(self.root / user, name, head + data)
        self.forget()
        return b"250 ok"


REPLIES = {b"NOOP": b"250 ok", b"RSET": b"250 ok", b"QUIT": b"221 bye", b"VRFY": b"252 try it"}


def store(maildir: Path, name: str, data: bytes) -> None:
    """Write a file in tmp, then move it into new: a reader sees it whole or not at all."""
    for sub in ("tmp", "new", "cur"):
        (maildir / sub).mkdir(mode=0o700, parents=True, exist_ok=True)
    with (maildir / "tmp" / name).open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    (maildir / "tmp" / name).rename(maildir / "new" / name)


def body(lines: Iterator[bytes]) -> bytes | None:
    """Read a mail up to its final dot; stuffed dots and carriage returns go.

    Returns:
        None where the input ends before the dot.
    """
    kept: list[bytes] = []
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text == b".":
            return b"".join(kept)
        kept.append(text.removeprefix(b".") + b"\n")
    return None


def say(reply: bytes) -> None:
    """Send one line."""
    sys.stdout.buffer.write(reply + b"\r\n")
    sys.stdout.buffer.flush()


def main(hostname: str, root: str, *users: str) -> None:
    """Greet, then answer until QUIT or the end of input; a mail cut short is not delivered."""
    session = Session(hostname, Path(root), list(users))
    say(b"220 " + session.hostname + b" ESMTP")
    lines = iter(sys.stdin.buffer)
    for line in lines:
        reply = session.answer(line.rstrip(b"\r\n"))
        say(reply)
        if reply.startswith(b"354"):
            data = body(lines)
            if data is None:
                break
            say(session.deliver(data))
        if reply.startswith(b"221"):
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
