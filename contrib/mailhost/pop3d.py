"""A small POP3 server on stdin and stdout, for tcpserver: pop3d.py MAILROOT PASSWORDS.

One conversation over one user's Maildir, MAILROOT/USER; PASSWORDS holds user:password lines. Not
for the open network: no TLS, no locking, no delay after a wrong password. Source: RFC 1939.
"""

import hmac
import sys
from collections.abc import Iterator
from pathlib import Path

CAPABILITIES = [b"USER", b"UIDL", b"TOP"]


class Refused(Exception):
    """The answer is -ERR and this text."""


class Message:
    """One message as it was at login.

    Attributes:
        path: its file; the name before a colon is the unique id.
        size: octets on the wire, dot-stuffing not counted.
        deleted: to be removed at QUIT.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = sum(len(line) + 2 for line in self.lines())
        self.deleted = False

    def lines(self) -> list[bytes]:
        """Read the lines, without their ends."""
        lines = self.path.read_bytes().split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        return [line.removesuffix(b"\r") for line in lines]


class Session:
    """One conversation: before login only USER, PASS, CAPA and QUIT are heard."""

    def __init__(self, root: Path, passwords: Path) -> None:
        self.root = root
        self.passwords = passwords
        self.user = b""
        self.messages: list[Message] | None = None  # None until logged in

    def answer(self, line: bytes) -> Iterator[bytes]:
        """Yield the lines that answer one command line."""
        word, *words = line.split(b" ") if line else [b""]
        command = COMMANDS.get(word.upper())
        try:
            if command is None:
                raise Refused("unknown command")
            yield from command(self, words)
        except Refused as exc:
            yield b"-ERR " + str(exc).encode()

    def mailbox(self) -> list[Message]:
        """Give the messages of the one who logged in."""
        if self.messages is None:
            raise Refused("log in first")
        return self.messages

    def message(self, words: list[bytes]) -> tuple[int, Message]:
        """Find the message that the first word numbers, counted from 1."""
        number = natural(words)
        if not 1 <= number <= len(self.mailbox()):
            raise Refused("no such message")
        message = self.mailbox()[number - 1]
        if message.deleted:
            raise Refused("message is deleted")
        return number, message

    def kept(self) -> list[tuple[int, Message]]:
        """List what is not deleted, with its number."""
        return [(n, m) for n, m in enumerate(self.mailbox(), 1) if not m.deleted]


def natural(words: list[bytes]) -> int:
    """Take a number from the front of a command's words."""
    if not words or not words[0].isdigit():
        raise Refused("a number is needed")
    return int(words.pop(0))


def stuffed(lines: list[bytes]) -> Iterator[bytes]:
    """Yield the lines of a long answer, a dot before each that begins with one, and the end."""
    for line in lines:
        yield b"." + line if line.startswith(b".") else line
    yield b"."


def do_user(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """USER NAME: remember it; whether it exists is said after PASS."""
    if len(words) != 1:
        raise Refused("a name is needed")
    session.user = words[0]
    yield b"+OK "


def do_pass(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """PASS PASSWORD: open the mailbox."""
    wanted = dict(
        line.split(b":", 1) for line in session.passwords.read_bytes().split(b"\n") if line
    )
    given = b" ".join(words)
    known = wanted.get(session.user)
    if known is None or not hmac.compare_digest(known, given):
        raise Refused("authorization failed")
    maildir = session.root / session.user.decode()
    paths = [path for sub in ("new", "cur") for path in (maildir / sub).glob("[!.]*")]
    session.messages = [Message(path) for path in sorted(paths, key=lambda path: path.name)]
    yield b"+OK "


def do_stat(session: Session, _words: list[bytes]) -> Iterator[bytes]:
    """STAT: how many, how large."""
    kept = session.kept()
    yield b"+OK %d %d" % (len(kept), sum(message.size for _, message in kept))


def do_list(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """LIST [N]: sizes."""
    if words:
        number, message = session.message(words)
        yield b"+OK %d %d" % (number, message.size)
        return
    yield b"+OK "
    yield from stuffed([b"%d %d" % (number, message.size) for number, message in session.kept()])


def do_uidl(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """UIDL [N]: unique ids."""
    if words:
        number, message = session.message(words)
        yield b"+OK %d %s" % (number, unique(message))
        return
    yield b"+OK "
    yield from stuffed([b"%d %s" % (number, unique(message)) for number, message in session.kept()])


def unique(message: Message) -> bytes:
    """Name a message for good: its file's name without the flags."""
    return message.path.name.split(":", 1)[0].encode()


def do_retr(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """RETR N: the message."""
    _, message = session.message(words)
    yield b"+OK "
    yield from stuffed(message.lines())


def do_top(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """TOP N LINES: the header, and so many lines of the body."""
    _, message = session.message(words)
    count = natural(words)
    lines = message.lines()
    body = lines.index(b"") + 1 if b"" in lines else len(lines)
    yield b"+OK "
    yield from stuffed(lines[: body + count])


def do_dele(session: Session, words: list[bytes]) -> Iterator[bytes]:
    """DELE N: gone at QUIT."""
    _, message = session.message(words)
    message.deleted = True
    yield b"+OK "


def do_rset(session: Session, _words: list[bytes]) -> Iterator[bytes]:
    """RSET: nothing is deleted after all."""
    for message in session.mailbox():
        message.deleted = False
    yield b"+OK "


def do_noop(session: Session, _words: list[bytes]) -> Iterator[bytes]:
    """NOOP: nothing, for those who logged in."""
    session.mailbox()
    yield b"+OK "


def do_capa(_session: Session, _words: list[bytes]) -> Iterator[bytes]:
    """CAPA: what is heard here beyond the minimum."""
    yield b"+OK "
    yield from stuffed(CAPABILITIES)


def do_quit(session: Session, _words: list[bytes]) -> Iterator[bytes]:
    """QUIT: remove what was deleted."""
    for message in session.messages or []:
        if message.deleted:
            message.path.unlink(missing_ok=True)
    yield b"+OK "


COMMANDS = {
    b"USER": do_user,
    b"PASS": do_pass,
    b"STAT": do_stat,
    b"LIST": do_list,
    b"UIDL": do_uidl,
    b"RETR": do_retr,
    b"TOP": do_top,
    b"DELE": do_dele,
    b"RSET": do_rset,
    b"NOOP": do_noop,
    b"CAPA": do_capa,
    b"QUIT": do_quit,
}


def main(root: str, passwords: str) -> None:
    """Greet, then answer until QUIT or the end of input."""
    session = Session(Path(root), Path(passwords))
    out = sys.stdout.buffer
    out.write(b"+OK ready\r\n")
    out.flush()
    for line in sys.stdin.buffer:
        command = line.rstrip(b"\r\n")
        for reply in session.answer(command):
            out.write(reply + b"\r\n")
        out.flush()
        if command.upper() == b"QUIT":
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
