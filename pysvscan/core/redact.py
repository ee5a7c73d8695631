"""Takes the credentials out of recordio's conversations, before a line goes anywhere. Pure.

recordio writes `PID < ` before what a client says, `PID > ` before what the server answers, and
after it a space where the line ends, `+` where it goes on: at a read's end, or after 256 bytes.
Each line is one write, so that conversations mix only line by line.

What cannot be known is taken for a secret: better a line too many. So while a log was not read
from its beginning, what a client says is hidden until it is known to be a command: the password
may be due whose AUTH another logger has read.
"""

import re
from bisect import bisect_left

from pysvscan.core import mentions
from pysvscan.core.redactpatterns import Patterns
from pysvscan.core.talk import State, Talk

COMMANDS = {b"smtp-auth": (b"AUTH",), b"pop3-auth": (b"AUTH", b"PASS", b"APOP")}
PATTERN = b"="
TALKS = 10_000  # conversations remembered; of more, those known for longest are in doubt again
DOUBT_NS = 600 * 10**9  # longer than servers wait for a client's next line
HELD_BYTES = 65536  # of a line whose end has not come
NEWLINE = b"\n"
BEGIN = b"tcpserver: pid "
BEGIN_BYTES = len(BEGIN)

MANY = 64  # places in a read
HEADS = re.compile(rb"\n[0-9]{1,10} ")
CLIENT = re.compile(rb"[0-9]{1,10}(?: <| ?$)")  # a client's line, as far as one can see

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from pysvscan.core.mentions import Find

    Edit = tuple[int, int, bytes]  # from where, to where, what instead


class Redactor:
    """The redaction of one log.

    Attributes:
        commands: of the client, those with credentials.
        asks: the begin of an answer that asks for credentials, whatever came before; b"": none.
        find: finds where in a read something concerns us; see core/mentions.py.
        talks: the conversations that are to be remembered, by pid as recordio writes it.
        known: while there is doubt, the others that we know from their begin, or a command in
            them; None: there is no doubt.
        patterns: what else is hidden.
        held: the begin of a line whose end has not come.
        rest: a line too long to hold goes on: whether that is hidden; None: none does.
        doubt_until_ns: until then a conversation may be older than what we have read.
    """

    __slots__ = (
        "asks",
        "commands",
        "doubt_until_ns",
        "find",
        "held",
        "known",
        "patterns",
        "rest",
        "talks",
    )

    def __init__(self, what: tuple[bytes, ...], now_ns: int, find: "Find" = mentions.find) -> None:
        """Begin somewhere in a log.

        Args:
            what: names out of COMMANDS, and patterns, each after PATTERN.
            now_ns: of the clock that `feed` is told as well.
            find: as core/mentions.py's, or faster.
        """
        names = [it for it in what if it in COMMANDS]
        patterns = [it.removeprefix(PATTERN) for it in what if it not in COMMANDS]
        self.patterns = Patterns(patterns) if patterns else None
        self.commands = tuple(sorted({it for name in names for it in COMMANDS[name]}))
        self.asks = b"334" if b"smtp-auth" in names else b""
        self.find = find
        self.talks: dict[bytes, Talk] = {}
        self.known: dict[bytes, None] | None = {}
        self.held = b""
        self.rest: bool | None = None
        self.doubt_until_ns = now_ns + DOUBT_NS

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
        """Redact what clients say, and servers of it."""
        if now_ns >= self.doubt_until_ns:
            self.known = None
        places = self.find(data, b"".join(self.commands), self.asks, self.talks, self.known)
        if not places:
            return data
        if self.known is None:  # it was asked for begins of what was remembered before only
            begins = mentions.BEGINS.finditer(NEWLINE + data)
            places = sorted({*places, *(it.start() for it in begins)})
        text = edited(data, sorted(self.edits(data, places)))
        self.forget(now_ns)
        return text

    def forget(self, now_ns: int) -> None:
        """Remember no more than may be; what was forgotten is in doubt, if it comes again."""
        while self.known and len(self.known) > TALKS:
            del self.known[next(iter(self.known))]
        while len(self.talks) > TALKS:
            del self.talks[next(iter(self.talks))]
            self.known = self.known or {}
            self.doubt_until_ns = now_ns + DOUBT_NS

    def edits(self, data: bytes, places: list[int]) -> "Iterator[Edit]":
        """Follow the conversations from where they concern us, each to its own next begin."""
        begins = {at: pid_at(data, at + BEGIN_BYTES) for at in places if data[at] == BEGIN[0]}
        find = data.find if len(places) < MANY else Heads(data).find
        seen: dict[bytes, int] = {}  # how far each was followed
        stops: dict[bytes, list[int]] = {}  # where each begins again, the next one last
        for at in reversed(begins):
            stops.setdefault(begins[at], []).append(at)
        for at in places:
            begun = begins.get(at)
            if begun:
                stops[begun].pop()
                self.begin(begun)
                continue
            pid = pid_at(data, at)
            if at >= seen.get(pid, 0):
                stop = stops[pid][-1] if stops.get(pid) else len(data)
                seen[pid] = yield from self.follow(data, pid, at, stop, find)

    def begin(self, pid: bytes) -> None:
        """Know a conversation from its begin."""
        self.talks.pop(pid, None)
        self.know(pid)

    def know(self, pid: bytes) -> None:
        """Need nothing more of a conversation, but that there is no doubt of it."""
        if self.known is not None:
            self.known.pop(pid, None)
            self.known[pid] = None

    def is_in_doubt(self, pid: bytes) -> bool:
        """Say whether a conversation may have begun before we did; from now on it is a talk."""
        if self.known is None:
            return False
        is_known = pid in self.known
        self.known.pop(pid, None)
        return not is_known

    def follow(
        self, data: bytes, pid: bytes, at: int, stop: int, find: "Callable[[bytes, int, int], int]"
    ) -> "Generator[Edit, None, int]":
        """Follow a conversation from a line on, while it is remembered; gives where that ends."""
        talk = self.talks.get(pid)
        if talk is None:
            talk = self.talks[pid] = Talk(State.DOUBT if self.is_in_doubt(pid) else State.CLEAR)
        head = NEWLINE + pid + b" "
        while at >= 0:
            start = at + len(head) + 1
            end = data.find(NEWLINE, at)
            text = data[start:end]
            instead = self.hear(talk, data[start - 2 : start - 1], text)
            if instead is not text:
                yield start, end, instead
            if talk.is_over():
                del self.talks[pid]
                self.know(pid)
                return end
            at = find(head, end, stop) + 1 or -1
        return stop

    def hear(self, talk: Talk, way: bytes, text: bytes) -> bytes:
        """Let a conversation go on by a line; gives what is written of it."""
        return talk.client(text, self.commands) if way == b"<" else talk.server(text, self.asks)


class Heads:
    """Where each conversation's lines are in a read that has many: to search for each takes long.

    Whoever logs lines of a thousand pids would hold those who share the logger.
    """

    def __init__(self, data: bytes) -> None:
        """Look for all of them once."""
        self.found: dict[bytes, list[int]] = {}
        for it in HEADS.finditer(data):
            self.found.setdefault(it[0], []).append(it.start())

    def find(self, head: bytes, start: int, stop: int) -> int:
        """Find the first one in a range, as bytes.find does; heads begin with a newline."""
        found = self.found.get(head, [])
        which = bisect_left(found, start)
        return found[which] if which < len(found) and found[which] + len(head) <= stop else -1


def pid_at(data: bytes, at: int) -> bytes:
    """Take the word at a place."""
    return data[at : data.index(b" ", at)]


def edited(data: bytes, edits: "Iterable[Edit]") -> bytes:
    """Put other bytes in some places, given in order."""
    parts: list[bytes] = []
    at = 0
    for start, end, instead in edits:
        parts += (data[at:start], instead)
        at = end
    return b"".join((*parts, data[at:])) if parts else data
