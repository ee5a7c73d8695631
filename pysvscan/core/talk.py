"""One conversation as recordio shows it, and what of it is a credential. Pure.

From AUTH on, in SMTP and in POP3, all that the client says is hidden until the server has decided.
Its answer may be one to an earlier command, sent ahead: then there is doubt, until the client says
a command again, and a server that asks for credentials is asking for them. PASS and APOP are one
line. A command counts in any case, after blanks, and in whatever pieces it comes. Until the server
has decided it may quote what was hidden: see core/verdict.py.
"""

import re
from enum import Enum

from pysvscan.core import verdict

HIDDEN = verdict.HIDDEN
EOF = b"[EOF]"
COMMAND_BYTES = 4  # of each that has credentials
REPLY_BYTES = 4  # decide what a server's answer is

MECHANISMS = (
    rb"(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|XOAUTH2?|OAUTHBEARER|NTLM|GSSAPI|EXTERNAL|ANONYMOUS"
    rb"|SCRAM-SHA-(?:1|256|512)(?:-PLUS)?)"
)
SHOWN = {  # what is not hidden of a command's line
    b"AUTH": re.compile(rb"[ \t]*AUTH(?:[ \t=]+%b(?=[ \t=]|$))?[ \t]?" % MECHANISMS, re.IGNORECASE),
    b"PASS": re.compile(rb"[ \t]*PASS[ \t]?", re.IGNORECASE),
    b"APOP": re.compile(rb"[ \t]*APOP(?:[ \t]+[^ \t]+(?=[ \t]))?[ \t]?", re.IGNORECASE),
}
KNOWN = re.compile(
    rb"[ \t]*(?:EHLO|HELO|LHLO|MAIL|RCPT|DATA|BDAT|RSET|NOOP|QUIT|VRFY|EXPN|HELP|STARTTLS|AUTH|ETRN"
    rb"|TURN|BURL|XCLIENT|XFORWARD|USER|PASS|APOP|STAT|LIST|RETR|DELE|TOP|UIDL|CAPA|STLS|UTF8|LANG)"
    rb"(?=[ \t:=]|$)",
    re.IGNORECASE,
)
ASKS = re.compile(rb"334(?=[ -]|$)|\+(?: |$)")
DECIDES = re.compile(rb"[245][0-9][0-9](?![0-9-])|\+OK|-ERR", re.IGNORECASE)
REPLY = re.compile(rb"[2-5][0-9][0-9](?:[ -]|$)|\+OK|-ERR|\+(?: |$)", re.IGNORECASE)
LEADS_ON = re.compile(rb"(?:220|354)(?![0-9-])")  # a greeting; what follows is a mail


class State(Enum):
    """What is known of a conversation."""

    CLEAR = "clear"  # the client's next line is no credential, or a command that has one
    AUTH = "auth"  # it is one
    DOUBT = "doubt"  # it is one unless it is a command


class Talk:
    """One conversation.

    Attributes:
        state: as after the last line.
        begun: of a line of the client that goes on: what may be a command's begin, without the
            blanks before it; None: it is decided, or none goes on.
        hides: of a line of the client that goes on: whether the rest is hidden.
        goes_on: the client's last line does.
        answer: the begin of a server's line that goes on and is not understood yet.
        answers: the server's last line goes on, and is understood; None: none was read, and the
            first may be the rest of one that another logger has read.
        mutes: of it only the harmless words at its begin are seen.
        is_muted: nothing of it is seen any more.
        is_due: a password may wait for its verdict, which may quote it.
        is_decided: there was a verdict since: the client's next line knows of it.
    """

    __slots__ = (
        "answer",
        "answers",
        "begun",
        "goes_on",
        "hides",
        "is_decided",
        "is_due",
        "is_muted",
        "mutes",
        "state",
    )

    def __init__(self, state: State) -> None:
        self.state = state
        self.begun: bytes | None = None
        self.hides = False
        self.goes_on = False
        self.answer = b""
        self.is_due = state is State.DOUBT
        self.answers: bool | None = None if self.is_due else False
        self.mutes = self.is_due
        self.is_muted = False
        self.is_decided = False

    def is_over(self) -> bool:
        """Say whether nothing is to be remembered."""
        return self.state is State.CLEAR and not self.goes_on and not self.is_due

    def client(self, text: bytes, commands: tuple[bytes, ...]) -> bytes:
        """Take a line of the client; gives what is written of it: the same object if all."""
        if text == EOF:
            return text
        body, end = cut(text)
        was_going_on, self.goes_on = self.goes_on, end == b"+"
        if self.is_decided and not was_going_on:
            self.is_due = False
        if was_going_on and self.hides and self.begun is None and self.state is not State.AUTH:
            return hidden(body, 0, end, text)
        return self.client_begin(body, end, text, commands)

    def client_begin(
        self, body: bytes, end: bytes, text: bytes, commands: tuple[bytes, ...]
    ) -> bytes:
        """Take a line's begin, or what may be one.

        A mail's last chunk (BDAT) may have no newline: the next command goes on with its line.
        """
        before, self.begun = self.begun or b"", None
        if self.state is State.DOUBT and KNOWN.match(body):
            self.state = State.CLEAR
        if self.state is not State.CLEAR:
            self.hides = True
            return hidden(body, 0, end, text)
        line = (before + body).lstrip(b" \t")
        indent = len(before + body) - len(line)
        self.hides = False
        command = line[:COMMAND_BYTES].upper()
        if self.goes_on and any(it.startswith(line.upper()) for it in commands):
            self.begun = line
            return text
        if command not in commands or (command == b"AUTH" and line[4:5].isalpha()):
            return text
        self.hides = True
        self.is_due, self.is_decided = True, False
        if command == b"AUTH":
            self.state = State.AUTH
        shown = SHOWN[command].match(line)
        return hidden(body, (shown.end() if shown else 0) + indent - len(before), end, text)

    def server(self, text: bytes, asks: bytes) -> bytes:
        """Take a line of the server; gives what is written of it: the same object if all."""
        if text == EOF:
            self.state, self.goes_on, self.is_due = State.CLEAR, False, False
            return text
        body, end = cut(text)
        was_answering, self.answers = self.answers, end == b"+"
        if was_answering is None:
            was_answering = not REPLY.match(body)
        answer = body
        if not was_answering:
            answer, self.answer = self.answer + body, b""
            if self.answers and len(answer) < REPLY_BYTES:
                self.answer, self.answers = answer, False
                return text
            self.is_muted = False
            self.mutes = self.is_secret_about() and verdict.is_one(answer)
            self.understand(answer, asks)
        if not self.mutes:
            return text
        if self.is_muted:
            return hidden(body, 0, end, text)
        shown = verdict.harmless(answer)
        self.is_muted = shown is not answer
        return shown[len(answer) - len(body) :] + end if self.is_muted else text

    def is_secret_about(self) -> bool:
        """Say whether the server may know what we have hidden, or what we have not seen."""
        return self.is_due or self.state is not State.CLEAR

    def understand(self, answer: bytes, asks: bytes) -> None:
        """Draw conclusions from the begin of an answer."""
        is_asking = ASKS.match(answer) is not None
        self.is_decided = self.is_decided or DECIDES.match(answer) is not None
        if is_asking and (self.state is not State.CLEAR or answer[:3] == asks):
            self.state = State.AUTH
        elif self.state is State.AUTH and DECIDES.match(answer):
            self.state = State.DOUBT
        elif self.state is State.DOUBT and LEADS_ON.match(answer):
            self.state = State.CLEAR


def cut(text: bytes) -> tuple[bytes, bytes]:
    """Cut a line into what was said, and how it ends: `+` where it goes on."""
    if text.endswith(b"+"):
        return text[:-1], b"+"
    body = text.removesuffix(b" ").removesuffix(b"\r")
    return body, text[len(body) :]


def hidden(body: bytes, start: int, end: bytes, text: bytes) -> bytes:
    """Hide a line from one byte on, unless nothing is there."""
    start = max(start, 0)
    return body[:start] + HIDDEN + end if body[start:].strip(b" \t") else text
