"""Conversations in a log of tcpserver and recordio: the lines of one process, put together. Pure.

A conversation begins with tcpserver's `pid PID from ADDRESS` and ends with its `end PID status`:
pids come again. Where a filter dropped those lines, the first line of a pid is a begin.
Source: the output of ucspi-tcp's tcpserver -v and recordio.
"""

from pysvscan.core import history, tai
from pysvscan.core.logline import SECONDS_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Entry = tuple[bytes, int, bytes, bytes]  # as in logreader

MAX_LINES = 10_000  # of one conversation; the others are counted
MAX_OPEN = 1000  # whose end was dropped stays open: then the oldest goes
TCPSERVER = b"tcpserver: "
OURS = (b"pid", b"ok", b"deny", b"end")
COMMANDS = frozenset(
    b"APOP AUTH BDAT CAPA DATA DELE EHLO ETRN EXPN HELO HELP LAST LIST MAIL NOOP PASS QUIT RCPT "
    b"RETR RSET STARTTLS STAT STLS TOP UIDL USER VRFY".split()
)
CLIENT, SERVER = b"<", b">"
EOF = b"[EOF]"  # what recordio writes for the end of one direction, perhaps after tcpserver's end


class Conversation:
    """One of them.

    Attributes:
        which: its log's number.
        pid: of the process.
        begin, end: labels of its first and its last line; b"" where lines have no stamps.
        client, host, local: its address and name, and ours, as tcpserver says it; b"" unknown.
        lines: label, direction and text of what was said.
        left_out: so many more lines were said.
        wstatus: how its process ended; None: it has not, or nothing says so.
        is_denied: tcpserver let nobody in.
        commands: what the client asked for, and how often, in the order of the first time.
        error: the last answer that refused something; b"" none.
    """

    __slots__ = (
        *("begin", "client", "commands", "end", "error", "host", "is_body", "is_broken"),
        *("is_denied", "left_out", "lines", "local", "pid", "which", "wstatus"),
    )

    def __init__(self, which: int, pid: bytes) -> None:
        self.which = which
        self.pid = pid
        self.begin = self.end = self.client = self.host = self.local = self.error = b""
        self.lines: list[tuple[bytes, bytes, bytes]] = []
        self.left_out = 0
        self.wstatus: int | None = None
        self.is_denied = self.is_body = False
        self.is_broken = b""  # direction of a line that recordio will go on with
        self.commands: dict[bytes, int] = {}

    def at(self, label: bytes) -> None:
        """Note when something was said."""
        self.begin = self.begin or label
        self.end = label or self.end

    def said(self, label: bytes, direction: bytes, text: bytes) -> None:
        """Take a line of recordio, which ends with a space, or with a plus where it goes on."""
        is_broken = text.endswith(b"+")
        text = text[:-1] if is_broken else text.rstrip(b" ").removesuffix(b"\r")
        if self.is_broken == direction and self.lines:
            first, _, before = self.lines[-1]
            label, text = first, before + text
            self.lines.pop()
        self.is_broken = direction if is_broken else b""
        if len(self.lines) >= MAX_LINES:
            self.left_out += 1
        else:
            self.lines.append((label, direction, text))
        if not is_broken:
            self.understand(direction, text)

    def understand(self, direction: bytes, text: bytes) -> None:
        """Look for commands, and for answers that refuse."""
        if direction == SERVER:
            if text[:3].isdigit() or text[:4] == b"-ERR":
                self.is_body = self.is_body and text[:3] == b"354"
                if text[:1] in (b"4", b"5", b"-"):
                    self.error = text
            return
        if self.is_body:
            self.is_body = text != b"."
            return
        word = text.partition(b" ")[0].upper()
        if word in COMMANDS:
            self.commands[word] = self.commands.get(word, 0) + 1
            self.is_body = word == b"DATA"

    def result(self) -> str:
        """Say how it ended."""
        if self.is_denied:
            return "denied"
        return "unfinished" if self.wstatus is None else history.how(self.wstatus)

    def asked(self) -> list[str]:
        """List the commands, with how often where that is more than once."""
        return [
            it.decode() + (f" {count}" if count > 1 else "") for it, count in self.commands.items()
        ]

    def took_ns(self) -> int | None:
        """Say how long it took; None: nobody knows."""
        return between(self.begin, self.end)


class Conversations:
    """Puts lines together, of several logs at once.

    Attributes:
        open: those that have not ended, oldest first.
    """

    def __init__(self, pid: bytes | None = None) -> None:
        """Take all, or those of one pid."""
        self.pid = pid
        self.open: dict[tuple[int, bytes], Conversation] = {}

    def feed(self, entry: "Entry") -> "Iterator[Conversation]":
        """Take a line; gives those that it ends."""
        _, which, label, text = entry
        pid, word, rest = split(text)
        if not pid or (self.pid and pid != self.pid):
            return
        key = which, pid
        if word == b"pid" and key in self.open:
            yield self.open.pop(key)
        if key not in self.open:
            if rest == EOF:
                return
            while len(self.open) >= MAX_OPEN:
                yield self.open.pop(next(iter(self.open)))
            self.open[key] = Conversation(which, pid)
        it = self.open[key]
        it.at(label)
        if word in (CLIENT, SERVER):
            it.said(label, word, rest)
        else:
            note(it, word, rest)
        if word == b"end" or it.is_denied:
            yield self.open.pop(key)

    def rest(self) -> list[Conversation]:
        """Give those that have not ended."""
        found = list(self.open.values())
        self.open.clear()
        return found


def split(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Split a line.

    Returns:
        pid, tcpserver's word or recordio's sign, and what follows; b"" three times if it is
        neither's.
    """
    if text.startswith(TCPSERVER):
        word, _, rest = text[len(TCPSERVER) :].partition(b" ")
        pid, _, rest = rest.partition(b" ")
        is_ours = word in OURS
    else:
        pid, _, rest = text.partition(b" ")
        word, _, rest = rest.partition(b" ")
        is_ours = word in (CLIENT, SERVER)
    return (pid, word, rest) if is_ours and pid.isdigit() else (b"", b"", b"")


def note(it: Conversation, word: bytes, rest: bytes) -> None:
    """Take a line of tcpserver: `from ADDRESS`, two ends of a connection, or `status N`."""
    words = rest.split()
    if word == b"pid":
        it.client = b"".join(words[1:2])
    elif word == b"end":
        status = b"".join(words[1:2])
        it.wstatus = int(status) if status.isdigit() and len(status) < 10 else None
    else:
        it.is_denied = word == b"deny"
        it.local = b"".join(words[:1])
        host, _, address = b"".join(words[1:2]).partition(b":")
        it.host = host
        it.client = it.client or address.partition(b":")[0]


def between(begin: bytes, end: bytes) -> int | None:
    """Say how many nanoseconds lie between two labels; None where one is missing."""
    if not begin or not end:
        return None
    seconds = int(end[1:SECONDS_BYTES], 16) - int(begin[1:SECONDS_BYTES], 16)
    nanoseconds = int(end[SECONDS_BYTES:], 16) - int(begin[SECONDS_BYTES:], 16)
    return seconds * tai.SECOND_NS + nanoseconds


def seconds(span_ns: int) -> str:
    """Write a length of time in seconds, to the millisecond."""
    millis = span_ns // 1_000_000
    return f"{'-' if millis < 0 else ''}{abs(millis) // 1000}.{abs(millis) % 1000:03}"
