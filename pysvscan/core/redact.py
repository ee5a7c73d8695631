"""Takes the credentials out of recordio's conversations, before a line goes anywhere. Pure.

recordio writes `PID < ` before what a client says, `PID > ` before what the server answers, and
after it a space where the line ends, `+` where it goes on: at a read's end, or after 256 bytes.
Each line is one write, so that conversations mix only line by line.

What cannot be known is taken for a secret: better a line too many. So while a log was not read
from its beginning, what a client says is hidden until it is known to be a command: the password
may be due whose AUTH another logger has read.
"""

import re

from pysvscan.core.redactpatterns import Patterns
from pysvscan.core.talk import State, Talk

COMMANDS = {b"smtp-auth": (b"AUTH",), b"pop3-auth": (b"AUTH", b"PASS", b"APOP")}
PATTERN = b"="
NOTHING = re.compile(rb"(?!)")
TALKS = 10_000  # conversations remembered; of more, those silent for longest are in doubt again
DOUBT_NS = 600 * 10**9  # longer than servers wait for a client's next line
FEW = 8  # conversations that are looked for one by one
HELD_BYTES = 65536  # of a line whose end has not come
NEWLINE = b"\n"
LINE = re.compile(
    rb"^(?:([0-9]{1,10}) ([<>]) ([^\n]*)|tcpserver: pid ([0-9]{1,10}) [^\n]*)$", re.MULTILINE
)

CLIENT = re.compile(rb"[0-9]{1,10}(?: <| ?$)")  # a client's line, as far as one can see

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    Edit = tuple[int, int, bytes]  # from where, to where, what instead


class Redactor:
    """The redaction of one log.

    Attributes:
        commands: of the client, those with credentials.
        asks: the begin of an answer that asks for credentials, whatever came before; b"": none.
        talks: the conversations that are to be remembered, by pid as recordio writes it; while
            there is doubt, all that are known.
        patterns: what else is hidden.
        held: the begin of a line whose end has not come.
        rest: a line too long to hold goes on: whether that is hidden; None: none does.
        doubt_until_ns: until then a conversation may be older than what we have read; 0: none is.
    """

    __slots__ = (
        "asks",
        "commands",
        "doubt_until_ns",
        "held",
        "patterns",
        "rest",
        "talks",
        "trigger",
    )

    def __init__(self, what: tuple[bytes, ...], now_ns: int) -> None:
        """Begin somewhere in a log.

        Args:
            what: names out of COMMANDS, and patterns, each after PATTERN.
            now_ns: of the clock that `feed` is told as well.
        """
        names = [it for it in what if it in COMMANDS]
        patterns = [it.removeprefix(PATTERN) for it in what if it not in COMMANDS]
        self.patterns = Patterns(patterns) if patterns else None
        self.commands = tuple(sorted({it for name in names for it in COMMANDS[name]}))
        self.asks = b"> 334" if b"smtp-auth" in names else b""
        self.trigger = trigger_of(self.commands) if self.commands else NOTHING
        self.talks: dict[bytes, Talk] = {}
        self.held = b""
        self.rest: bool | None = None
        self.doubt_until_ns = now_ns + DOUBT_NS if names else 0

    def is_unfinished(self) -> bool:
        """Say whether the last byte was not a newline."""
        return bool(self.held) or self.rest is not None

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """Give what was read without credentials; a line is held until its end comes."""
        if self.rest is not None:
            done, data = self.go_on(data)
            return done + self.feed(data, now_ns) if data else done
        data = self.held + data
        end = data.rfind(NEWLINE) + 1
        self.held = data[end:]
        done = self.redact(data[:end], now_ns) if end else b""
        return done + self.cut(now_ns) if len(self.held) > HELD_BYTES else done

    def finish(self, now_ns: int) -> bytes:
        """Give what is held, as if its newline had come; the newline is the caller's.

        Should the rest come after all, it is hidden where it may be a client's.
        """
        shown = self.redact(self.held + NEWLINE, now_ns)[:-1] if self.held else b""
        if CLIENT.match(self.held):
            self.rest = True
        self.held = b""
        return shown

    def go_on(self, data: bytes) -> tuple[bytes, bytes]:
        """Go on with a line too long to hold: give what is to be seen of it, and what follows."""
        end = data.find(NEWLINE) + 1
        rest = data[: end or None]
        if self.rest:
            rest = NEWLINE if end else b""
        if end:
            self.rest = None
        return rest, data[end:] if end else b""

    def cut(self, now_ns: int) -> bytes:
        """Decide a line too long to hold by its begin: it is not recordio's."""
        shown = self.redact(self.held + NEWLINE, now_ns)[:-1]
        self.rest = shown != self.held
        self.held = b""
        return shown

    def redact(self, data: bytes, now_ns: int) -> bytes:
        """Redact complete lines."""
        if self.commands:
            data = self.redact_talks(data, now_ns)
        return self.patterns.redact(data) if self.patterns else data

    def redact_talks(self, data: bytes, now_ns: int) -> bytes:
        """Redact what clients say."""
        if now_ns >= self.doubt_until_ns > 0:
            self.doubt_until_ns = 0
            self.talks = {pid: it for pid, it in self.talks.items() if not it.is_over()}
        if not self.talks and not self.doubt_until_ns and not self.begins(data):
            return data
        is_all = self.doubt_until_ns or len(self.talks) > FEW
        edits = self.all_edits(data) if is_all else sorted(self.few_edits(data))
        text = edited(data, edits)
        self.forget(now_ns)
        return text

    def begins(self, data: bytes) -> bool:
        """Say whether a conversation may become worth remembering: the only look most reads get."""
        return bool(self.asks and self.asks in data) or self.trigger.search(data) is not None

    def forget(self, now_ns: int) -> None:
        """Remember no more than may be; what was forgotten is in doubt, if it comes again."""
        while len(self.talks) > TALKS:
            del self.talks[next(iter(self.talks))]
            self.doubt_until_ns = now_ns + DOUBT_NS

    def all_edits(self, data: bytes) -> "Iterator[Edit]":
        """Look at every line of a conversation."""
        for found in LINE.finditer(data):
            pid, way, text, begins = found.groups()
            if begins:
                self.begin(begins)
            elif self.is_heard(pid, data, found.end(1)):
                instead = self.hear(pid, way, text)
                if instead is not text:
                    yield found.start(3), found.end(3), instead

    def is_heard(self, pid: bytes, data: bytes, at: int) -> bool:
        """Say whether a line, what follows its pid at a place, may concern us."""
        return bool(
            pid in self.talks
            or self.doubt_until_ns > 0
            or (self.asks and data.startswith(self.asks, at + 1))
            or self.trigger.match(data, at) is not None
        )

    def begin(self, pid: bytes) -> None:
        """Know a conversation from its begin."""
        self.talks.pop(pid, None)
        if self.doubt_until_ns:
            self.talks[pid] = Talk(State.CLEAR)

    def hear(self, pid: bytes, way: bytes, text: bytes) -> bytes:
        """Let a conversation go on by a line; gives what is written of it."""
        talk = self.talks.get(pid)
        if talk is None:
            talk = self.talks[pid] = Talk(State.DOUBT if self.doubt_until_ns else State.CLEAR)
        shown = (
            talk.client(text, self.commands) if way == b"<" else talk.server(text, self.asks[2:])
        )
        if talk.is_over() and not self.doubt_until_ns:
            del self.talks[pid]
        return shown

    def few_edits(self, data: bytes) -> "Iterator[Edit]":
        """Look at the conversations that are remembered, and where one begins to be."""
        seen: dict[bytes, int] = {}  # how far each was followed
        for pid in list(self.talks):
            seen[pid] = yield from self.follow(data, pid, 0)
        for stop in self.places(data):
            at = data.rfind(NEWLINE, 0, stop) + 1
            pid = data[at:stop]
            if pid.isdigit() and at >= seen.get(pid, 0):
                seen[pid] = yield from self.follow(data, pid, at)

    def places(self, data: bytes) -> list[int]:
        """Find where the trigger is, or an answer that asks for credentials."""
        places = [it.start() for it in self.trigger.finditer(data)]
        at = data.find(self.asks) if self.asks else -1
        while at >= 0:
            places.append(at - 1)
            at = data.find(self.asks, at + 1)
        return sorted(places)

    def follow(self, data: bytes, pid: bytes, at: int) -> "Generator[Edit, None, int]":
        """Look at a conversation while it is remembered; gives where that ends."""
        head = pid + b" "
        if not data.startswith(head, at):
            at = after(data, head, at)
        while at >= 0:
            start = at + len(head) + 2
            end = data.find(NEWLINE, at)
            text = data[start:end]
            instead = self.hear(pid, data[start - 2 : start - 1], text)
            if instead is not text:
                yield start, end, instead
            if pid not in self.talks:
                return end
            at = after(data, head, end)
        return len(data)


def after(data: bytes, head: bytes, at: int) -> int:
    """Find the first line after a place that begins with these bytes; -1: there is none."""
    return data.find(NEWLINE + head, at) + 1 or -1


def trigger_of(commands: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Build what finds, after a pid, the client's lines that make a conversation worth remembering.

    The begin of a command as well, where recordio broke the line in it. It begins with bytes that
    are looked for as such, and then says by one byte whether to go on: all lines are searched.
    """
    first = b"".join(sorted({it[:1] for it in commands}))
    whole = b"|".join(it + (rb"(?![a-z])" if it == b"AUTH" else b"") for it in commands)
    begins = {it[:size] for it in commands for size in range(1, len(it) + 1)}
    broken = b"|".join(sorted(begins, reverse=True))
    pattern = rb" < [ \t]*(?=[%b])(?:%b|(?:%b)\+$)" % (first, whole, broken)
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


def edited(data: bytes, edits: "Iterable[Edit]") -> bytes:
    """Put other bytes in some places, given in order."""
    parts: list[bytes] = []
    at = 0
    for start, end, instead in edits:
        parts += (data[at:start], instead)
        at = end
    return b"".join((*parts, data[at:])) if parts else data
