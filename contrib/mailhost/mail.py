"""The demo's customers: they send mails by SMTP, fetch them by POP3, and compare."""

import poplib
import secrets
import shutil
import smtplib
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from build import Plan

CLIENT = "client.example"
SENDER = f"carol@{CLIENT}"


class Mail(NamedTuple):
    """A mail as it was sent; the user is a whole address."""

    user: str
    subject: str
    text: str
    attachment: bytes = b""

    def recipient(self) -> str:
        """Give the address."""
        return self.user

    def domain(self) -> str:
        """Give the part after the @."""
        return self.user.partition("@")[2]


class Post:
    """Sends and fetches, and keeps count of what the logs must show.

    Attributes:
        limit_s: how long an answer may take, at the moment.
        sent: the mails that were accepted.
        smtp_sessions: connections to SMTP that were opened, by domain.
        logins: connections to POP3 by user; each is one login.
    """

    def __init__(self, plan: Plan, limit_s: Callable[[], float]) -> None:
        self.plan = plan
        self.limit_s = limit_s
        self.swaks = shutil.which("swaks", path=plan.path)
        self.sent: list[Mail] = []
        self.unfetched: list[Mail] = []
        self.smtp_sessions: Counter[str] = Counter()
        self.logins: Counter[str] = Counter()

    def compose(self, user: str, text: str, attachment: bytes = b"") -> Mail:
        """Make a mail whose subject no other has."""
        return Mail(user, f"demo {len(self.sent) + 1} {secrets.token_hex(4)}", text, attachment)

    def send(self, mail: Mail) -> str:
        """Send a mail by swaks if it is there, else from here."""
        return self.send_swaks(mail) if self.swaks else self.send_smtplib(mail)

    def send_swaks(self, mail: Mail) -> str:
        """Send a mail by swaks, and give what it complains about."""
        words = [
            "swaks", "--server", self.smtp_server(mail.domain()), "--ehlo", CLIENT,
            "--from", SENDER, "--to", mail.recipient(), "--header", f"Subject: {mail.subject}",
            "--body", mail.text, "--hide-all", "--timeout", str(int(self.limit_s())),
        ]  # fmt: skip
        if mail.attachment:
            path = self.plan.directory / "attachment"
            path.write_bytes(mail.attachment)
            words += ["--attach", f"@{path}"]
        env = {"PATH": self.plan.path, "HOME": str(self.plan.directory)}  # nobody's .swaksrc
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        if done.returncode == 2:
            raise ConnectionRefusedError("swaks is unable to connect")
        self.smtp_sessions[mail.domain()] += 1
        if done.returncode:
            return f"swaks exits {done.returncode} {done.stderr.strip()}"
        self.accepted(mail)
        return ""

    def send_smtplib(self, mail: Mail) -> str:
        """Send a mail from here."""
        message = EmailMessage()
        message["Date"] = "Mon, 28 Oct 2002 12:56:09 +0900"
        message["To"], message["From"] = mail.recipient(), SENDER
        message["Subject"] = mail.subject
        message.set_content(mail.text, cte="8bit")
        if mail.attachment:
            message.add_attachment(
                mail.attachment, maintype="application", subtype="octet-stream", filename="data"
            )
        with self.smtp(mail.domain()) as server:
            server.send_message(message)
        self.accepted(mail)
        return ""

    def accepted(self, mail: Mail) -> None:
        """Note a mail that the server took."""
        self.sent.append(mail)
        self.unfetched.append(mail)

    def smtp_server(self, domain: str) -> str:
        """Say where a domain's SMTP is."""
        return f"{self.plan.addresses[domain]}:{self.plan.smtp_ports[domain]}"

    @contextmanager
    def smtp(self, domain: str) -> Iterator[smtplib.SMTP]:
        """Open one SMTP session."""
        with smtplib.SMTP(
            self.smtp_server(domain), local_hostname=CLIENT, timeout=self.limit_s()
        ) as server:
            self.smtp_sessions[domain] += 1
            yield server

    @contextmanager
    def pop3(self, user: str) -> Iterator[poplib.POP3]:
        """Open one POP3 session, and log in."""
        local, _, domain = user.partition("@")
        address, port = self.plan.addresses[domain], self.plan.pop3_ports[domain]
        server = poplib.POP3(address, port, timeout=self.limit_s())
        self.logins[user] += 1
        try:
            server.user(local)
            server.pass_(self.plan.passwords[user])
            yield server
            server.quit()
        except poplib.error_proto as exc:
            raise RuntimeError(f"POP3 says {exc}") from exc
        finally:
            server.close()

    def waiting(self, user: str) -> int:
        """Ask how many mails a user has."""
        with self.pop3(user) as server:
            return int(server.stat()[0])

    def fetch(self, user: str) -> list[EmailMessage]:
        """Fetch and delete all mails of a user."""
        with self.pop3(user) as server:
            count = int(server.stat()[0])
            messages = [parse(server.retr(number + 1)[1]) for number in range(count)]
            for number in range(count):
                server.dele(number + 1)
        return messages

    def compare(self, user: str) -> str:
        """Fetch a user's mails, and say which of those sent is missing or differs."""
        fetched = {str(message["Subject"]): message for message in self.fetch(user)}
        wrong = []
        for mail in [mail for mail in self.unfetched if mail.user == user]:
            self.unfetched.remove(mail)
            message = fetched.pop(mail.subject, None)
            wrong.append(difference(mail, message) if message else f"{mail.subject} is missing")
        wrong += [f"{subject} was not sent" for subject in fetched]
        return ", ".join(filter(None, wrong))


def parse(lines: list[bytes]) -> EmailMessage:
    """Make a message of its lines."""
    return message_from_bytes(b"\n".join(lines) + b"\n", policy=policy.default)


def difference(mail: Mail, message: EmailMessage) -> str:
    """Say in what a fetched mail differs from the one that was sent."""
    body = message.get_body()
    text = str(body.get_content()) if body else ""
    if text.strip("\n") != mail.text.strip("\n"):
        return f"{mail.subject}: the text differs"
    attached = [part.get_payload(decode=True) for part in message.iter_attachments()]
    if attached != ([mail.attachment] if mail.attachment else []):
        sizes = [len(part) for part in attached if isinstance(part, bytes)]
        return f"{mail.subject}: the attachment differs, {sizes} bytes"
    return ""
