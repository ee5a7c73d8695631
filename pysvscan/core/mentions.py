"""Where in what was read a redactor has to look: most lines do not concern it. Pure.

This is the spec of `_mentions.c`, and does without it.
"""

import re
from functools import lru_cache

COMMAND_BYTES = 4
MANY = 64  # conversations to look for
NEWLINE = b"\n"
HEADS = re.compile(rb"\n([0-9]{1,10}) [<>] ")
BEGINS = re.compile(rb"\ntcpserver: pid ([0-9]{1,10}) ")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Pids = Mapping[bytes, object]
    Find = Callable[[bytes, bytes, bytes, Pids, Pids | None], list[int]]


def find(
    data: bytes,
    commands: bytes,
    asks: bytes,
    watched: "Pids",
    known: "Pids | None",
) -> list[int]:
    """Find the lines that may change what is known of conversations.

    These are where a client says one of the commands, or the begin of one that recordio broke;
    where a server asks for credentials; the first line of each pid that is watched, or not known;
    and where tcpserver begins a conversation of such a pid, after which its lines are no news.

    Args:
        data: complete lines.
        commands: in capitals, of 4 bytes each.
        asks: how a server asks, as in `334`; b"": none is looked for.
        watched: the pids whose first line is wanted; a dict, as is `known`.
        known: those whose first line is not; None: no other's is.

    Returns:
        Where the lines begin, in order.
    """
    text = NEWLINE + data  # a newline's place in it is that of the line after it in data
    places = set(said(text, commands, asks))
    begun: dict[bytes, int] = {}
    if watched or known is not None:
        for it in BEGINS.finditer(text):
            if known is not None or it[1] in watched:
                places.add(it.start())
                begun.setdefault(it[1], it.start())
    wanted = watched.keys() if known is None else set(HEADS.findall(text)) - known.keys()
    firsts = heads(text) if len(wanted) > MANY else {pid: first(text, pid) for pid in wanted}
    for pid in wanted:
        at = firsts.get(pid, -1)
        if 0 <= at < begun.get(pid, len(text)):
            places.add(at)
    return sorted(places)


def first(text: bytes, pid: bytes) -> int:
    """Find the first line of a conversation; -1: there is none."""
    found = [text.find(b"\n%b %b " % (pid, way)) for way in (b"<", b">")]
    return min((at for at in found if at >= 0), default=-1)


def heads(text: bytes) -> dict[bytes, int]:
    """Find the first line of each conversation: of many at once, or each would cost the same."""
    found: dict[bytes, int] = {}
    for it in HEADS.finditer(text):
        found.setdefault(it[1], it.start())
    return found


def said(text: bytes, commands: bytes, asks: bytes) -> "Iterable[int]":
    """Find what is said, by whomever, that makes a conversation worth remembering."""
    for found in trigger(commands).finditer(text):
        at = before(text, found.start())
        if at >= 0:
            yield at
    words = b" > " + asks
    stop = text.find(words) if asks else -1
    while stop >= 0:
        at = before(text, stop)
        if at >= 0:
            yield at
        stop = text.find(words, stop + 1)


def before(text: bytes, stop: int) -> int:
    """Find the newline before a pid that ends at a place; -1: there is no pid."""
    at = text.rfind(NEWLINE, 0, stop)
    pid = text[at + 1 : stop]
    return at if pid.isdigit() and len(pid) <= 10 else -1


@lru_cache(4)
def trigger(commands: bytes) -> re.Pattern[bytes]:
    """Build what finds, after a pid, the client's commands.

    It begins with bytes that are looked for as such, and then says by one byte whether to go on.
    """
    words = [commands[at : at + COMMAND_BYTES] for at in range(0, len(commands), COMMAND_BYTES)]
    initials = b"".join(sorted({it[:1] for it in words}))
    whole = b"|".join(it + (rb"(?![a-z])" if it == b"AUTH" else b"") for it in words)
    begins = {it[:size] for it in words for size in range(1, len(it) + 1)}
    broken = b"|".join(sorted(begins, reverse=True))
    pattern = rb" < [ \t]*(?=[%b])(?:%b|(?:%b)\+$)" % (initials, whole, broken)
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)
