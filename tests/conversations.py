"""Mail conversations as recordio logs them, with secrets, and what a redacted log shows of them.

Made without a look at what redacts. recordio's form, tried with ucspi-tcp 0.88: `PID < ` or
`PID > `, at most 256 bytes of a line, then `+` if more of it follows, else a space.
"""

import base64
import random
from collections.abc import Iterator
from typing import NamedTuple

MARK = b"[redacted]"


class Line(NamedTuple):
    """One line of a log: what was said, what is to be seen of it, and what must not be seen."""

    said: bytes
    shown: bytes
    secrets: tuple[bytes, ...] = ()


def b64(data: bytes) -> bytes:
    """Encode as AUTH does."""
    return base64.b64encode(data)


class Maker:
    """Makes conversations from a seed.

    Attributes:
        tears: AUTH's line is torn where its mechanism stands, too, and the one after it anywhere.
        whole: of these the client's next line is not torn.
    """

    def __init__(self, seed: int, tears: bool = False) -> None:
        self.random = random.Random(seed)  # noqa: S311 (to be the same each time)
        self.tears = tears
        self.whole: set[int] = set()

    def word(self, size: int) -> bytes:
        """Make some letters and digits."""
        letters = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        return bytes(self.random.choices(letters, k=size))

    def secret(self) -> bytes:
        """Make a password."""
        odd = [
            b"+OK",
            b"235 ",
            b" ",
            b"*",
            b"-ERR ",
            b"535 no",
            b"334 ",
            b"+",
            b"\xc3\xa9",
            b"AUTH ",
        ]
        size = self.random.choice((3, 12, 40, 300))
        return self.word(6) + self.random.choice(odd) + self.word(size)

    def case(self, command: bytes) -> bytes:
        """Write a command as some client might."""
        return self.random.choice((command, command.lower(), command.capitalize()))

    # lines

    def client(self, pid: int, seen: bytes, unseen: bytes = b"", head: int = 0) -> Iterator[Line]:
        """Say a line as the client.

        Args:
            pid: the conversation.
            seen: what may be seen.
            unseen: what follows, and may not.
            head: so many bytes of `seen` may be torn at any place.
        """
        end = self.random.choice((b"\r ", b"\r ", b" "))
        size, at = len(seen) + len(unseen), 0
        is_whole = pid in self.whole and not self.tears
        self.whole.discard(pid)
        while at < size or not size:
            stop = min(size, at + 256)
            if self.random.random() < 0.2 and not (is_whole and at < len(seen)):
                stop = self.random.randint(at + 1, stop) if at < stop else stop
                if not self.tears and head < stop < len(seen):
                    stop = len(seen)
            yield self.piece(b"%d < " % pid, seen, unseen, at, stop, b"+" if stop < size else end)
            at = stop
            if not size:
                break

    def piece(
        self, before: bytes, seen: bytes, unseen: bytes, at: int, stop: int, end: bytes
    ) -> Line:
        """Make one line of recordio's of a part of what was said."""
        hidden = unseen[max(0, at - len(seen)) : max(0, stop - len(seen))]
        plain = seen[at:stop]
        shown = plain + (MARK if hidden.strip() else hidden) + end
        secrets = (hidden,) if len(hidden) > 7 else ()
        return Line(before + plain + hidden + end, before + shown, secrets)

    def server(self, pid: int, text: bytes) -> Iterator[Line]:
        """Say a line as the server."""
        torn = self.random.random() < 0.1 and len(text) > 1
        at = self.random.randrange(1, len(text)) if torn else 0
        if torn:
            yield same(b"%d > %b+" % (pid, text[:at]))
        yield same(b"%d > %b\r " % (pid, text[at:]))

    def verdict(self, pid: int, text: bytes, said: bytes) -> Iterator[Line]:
        """Decide as the server, which may quote what the client said; torn, if so, at a blank."""
        quoted = b""
        if said and self.random.random() < 0.3:
            quoted = self.random.choice((said, said.lower(), said[:9], said + b" (" + said))
        seen = text + b": " if quoted else text
        blanks = [at + 1 for at, it in enumerate(seen) if it == 32 and at + 1 < len(seen)]
        at = 0
        if blanks and self.random.random() < 0.1:
            at = self.random.choice(blanks)
            yield same(b"%d > %b+" % (pid, seen[:at]))
        size = len(seen) - at + len(quoted)
        stop = size if size < 250 else 200
        yield self.piece(
            b"%d > " % pid, seen[at:], quoted, 0, stop, b"+" if stop < size else b"\r "
        )
        if stop < size:
            yield self.piece(b"%d > " % pid, seen[at:], quoted, stop, size, b"\r ")

    def auth(self, pid: int, ok: bytes, no: bytes, ask: bytes) -> Iterator[Line]:
        """Authenticate, by some mechanism, perhaps in vain."""
        user, password = self.word(8), self.secret()
        steps: list[bytes]
        mechanism, steps = self.random.choice(
            [
                (b"PLAIN", [b64(b"\0" + user + b"\0" + password)]),
                (b"LOGIN", [b64(user), b64(password)]),
                (b"CRAM-MD5", [b64(user + b" " + self.word(32))]),
                (b"XOAUTH2", [b64(b"user=" + user + b"\1auth=Bearer " + password), b""]),
                (b"OAUTHBEARER", [b64(b"n,a=" + user + b"\1auth=Bearer " + password), b"AQ=="]),
                (b"SCRAM-SHA-1", [b64(b"n,,n=" + user), b64(b"c=biws,r=" + password)]),
            ]
        )
        blank = self.random.choice((b"", b"", b" ", b"\t"))
        seen = blank + self.case(b"AUTH") + self.random.choice((b" ", b"  ")) + self.case(mechanism)
        initial = self.random.random() < 0.5
        first = b" " + steps.pop(0) if initial else b""
        yield from self.client(pid, seen + first[:1], first[1:], len(blank) + 4)
        verdict = self.random.choice((ok, no))
        said = first.strip() or b"".join(steps[:1])
        for step in steps:
            yield from self.server(pid, ask + b64(self.word(9)))
            if self.random.random() < 0.1:
                yield from self.client(pid, b"", b"*")
                verdict = no
                break
            yield from self.client(pid, b"", step)
        yield from self.verdict(pid, verdict, said)
        self.whole.add(pid)

    # conversations

    def smtp(self, pid: int) -> Iterator[Line]:
        """Send a mail."""
        yield same(b"tcpserver: pid %d from 127.0.0.1" % pid)
        yield from self.server(pid, b"220 mail.example ESMTP")
        yield from self.client(pid, b"EHLO " + self.word(9))
        yield from self.server(pid, b"250-mail.example")
        yield from self.server(pid, b"250 AUTH PLAIN LOGIN")
        for _ in range(self.random.randrange(3)):
            reply = self.random.choice((b"535 5.7.8 no", b"501 bad", b"454 later"))
            yield from self.auth(pid, b"235 ok go ahead", reply, b"334 ")
        yield from self.client(pid, b"MAIL FROM:<%b@alfa.example> AUTH=<>" % self.word(5))
        yield from self.server(pid, b"250 ok")
        yield from self.client(pid, b"DATA")
        yield from self.server(pid, b"354 go ahead")
        for text in self.body():
            yield from self.client(pid, text)
        yield from self.client(pid, b".")
        yield from self.server(pid, b"250 ok 1795488722 qp 4242")
        yield from self.client(pid, b"QUIT")
        yield from self.server(pid, b"221 mail.example")
        yield from self.end(pid)

    def pop3(self, pid: int) -> Iterator[Line]:
        """Fetch mails."""
        yield same(b"tcpserver: pid %d from 127.0.0.1" % pid)
        yield from self.server(pid, b"+OK <%d.1@mail.example>" % pid)
        yield from self.client(pid, b"CAPA")
        for text in (b"+OK", b"SASL PLAIN LOGIN", b"."):
            yield from self.server(pid, text)
        for _ in range(self.random.randrange(3)):
            yield from self.random.choice((self.sasl, self.password, self.apop))(pid)
        yield from self.client(pid, self.case(b"RETR") + b" 1")
        yield from self.server(pid, b"+OK")
        for text in self.body():
            yield same(b"%d > %b\r " % (pid, text[:250]))
        yield from self.server(pid, b".")
        yield from self.client(pid, b"QUIT")
        yield from self.server(pid, b"+OK")
        yield from self.end(pid)

    def sasl(self, pid: int) -> Iterator[Line]:
        """Log in by AUTH."""
        yield from self.auth(pid, b"+OK ", b"-ERR no", b"+ ")

    def password(self, pid: int) -> Iterator[Line]:
        """Log in by USER and PASS."""
        yield from self.client(pid, self.case(b"USER") + b" " + self.word(6))
        yield from self.server(pid, b"+OK ")
        password = self.secret()
        yield from self.client(pid, self.case(b"PASS") + b" ", password, 4)
        verdict = self.random.choice((b"+OK ", b"-ERR authorization failed"))
        yield from self.verdict(pid, verdict, password)

    def apop(self, pid: int) -> Iterator[Line]:
        """Log in by APOP."""
        digest = self.word(32)
        yield from self.client(pid, self.case(b"APOP") + b" " + self.word(6) + b" ", digest, 4)
        verdict = self.random.choice((b"+OK ", b"-ERR authorization failed"))
        yield from self.verdict(pid, verdict, digest)

    def end(self, pid: int) -> Iterator[Line]:
        """Hang up."""
        yield same(b"%d < [EOF]" % pid)
        yield same(b"%d > [EOF]" % pid)
        yield same(b"tcpserver: end %d status 0" % pid)

    def body(self) -> list[bytes]:
        """Make a mail that resembles what it must not be taken for."""
        lines = [
            b"Subject: " + self.word(9),
            b"Authentication-Results: mail.example; auth=pass",
            b"",
            b"4711 < AUTH PLAIN no command at all",
            b"4711 > 334 no question",
            b" indented",
            b"235 ok",
            b"+OK then",
            self.word(600),
            *[self.word(70) for _ in range(self.random.randrange(5))],
        ]
        return self.random.sample(lines, self.random.randrange(len(lines)))

    def log(self, many: int, at_once: int) -> list[Line]:
        """Make a log of many conversations, some at once; a pid comes again later."""
        lines: list[Line] = []
        running: list[Iterator[Line]] = []
        pid = 30_000
        while many or running:
            if many and len(running) < at_once:
                many, pid = many - 1, pid + 1 if pid < 30_700 else 30_000
                running.append(self.random.choice((self.smtp, self.pop3))(pid))
            one = self.random.choice(running)
            line = next(one, None)
            if line is None:
                running.remove(one)
            else:
                lines.append(line)
        return lines

    def cut(self, data: bytes) -> list[bytes]:
        """Cut a log into reads."""
        sizes = (1, 9, 70, 1000, 61440)
        parts, at = [], 0
        while at < len(data):
            stop = at + self.random.randint(1, self.random.choice(sizes))
            parts.append(data[at:stop])
            at = stop
        return parts


def same(text: bytes) -> Line:
    """Make a line that is seen as it is."""
    return Line(text, text)


def said(lines: list[Line]) -> bytes:
    """Write the log."""
    return b"".join(line.said + b"\n" for line in lines)


def shown(lines: list[Line]) -> bytes:
    """Write the redacted log."""
    return b"".join(line.shown + b"\n" for line in lines)
