"""Patterns after `F`: those of fnmatch(3), without flags and in the C locale. Pure.

A pattern must match the whole line. `*` matches anything, `?` any byte, a slash or a dot at the
begin too; `[…]` one of a set, with ranges and classes as [:alpha:]; a backslash takes what is
special away. Unlike the star rule, a star here may end anywhere.
Source: fnmatch(3); multilog of daemontools-encore.
"""

import functools
import re

STAR = None
ANY = frozenset(range(256))
NEVER: "frozenset[int]" = frozenset()  # what fnmatch takes for a mistake matches nothing
CLASSES = {
    name: frozenset(byte for byte in ANY if re.match(of_it, bytes([byte])))
    for name, of_it in (
        (b"alnum", rb"[0-9A-Za-z]"),
        (b"alpha", rb"[A-Za-z]"),
        (b"blank", rb"[ \t]"),
        (b"cntrl", rb"[\0-\x1f\x7f]"),
        (b"digit", rb"[0-9]"),
        (b"graph", rb"[!-~]"),
        (b"lower", rb"[a-z]"),
        (b"print", rb"[ -~]"),
        (b"punct", rb"[!-/:-@\[-`{-~]"),
        (b"space", rb"[ \t-\r]"),
        (b"upper", rb"[A-Z]"),
        (b"xdigit", rb"[0-9A-Fa-f]"),
    )
}
NAMED = re.compile(rb"\[:([a-y]*):]")
EQUAL = re.compile(rb"\[=(.)=]", re.DOTALL)
ONE = re.compile(rb"\[\.(.)\.]|\\(.)|(.)", re.DOTALL)  # a byte that may begin or end a range

TYPE_CHECKING = False
if TYPE_CHECKING:
    Token = frozenset[int] | None  # the bytes that may stand there, or STAR
    Bracket = tuple[frozenset[int], int]  # the set, and where the pattern goes on


@functools.lru_cache(maxsize=4096)
def compiled(pattern: bytes) -> "re.Pattern[bytes]":
    """Translate to a regular expression, for `fullmatch(data, start, end)` with one line's bounds.

    Between two stars the first place that fits is as good as any later one: there is no backing
    up, so that no pattern takes more time than its length times the line's.
    """
    head, *runs = split(tokens(pattern))
    text = b"".join(map(one_of, head))
    if runs:
        middle = b"".join(b"(?>.*?" + b"".join(map(one_of, run)) + b")" for run in runs[:-1] if run)
        text += middle + b".*" + b"".join(map(one_of, runs[-1]))
    return re.compile(text, re.DOTALL)


def landmark(pattern: bytes) -> bytes:
    """Pick bytes that every matching line holds, to look for first; b"" if there are none."""
    runs = [b""]
    for token in tokens(pattern):
        if token is not STAR and len(token) == 1:
            runs[-1] += bytes(token)
        else:
            runs.append(b"")
    return max(runs, key=len)


def may_begin(pattern: bytes, data: bytes) -> bool:
    """Say whether a line that begins with data may match, as far as the first star tells."""
    for byte, token in zip(data, [*tokens(pattern), NEVER], strict=False):
        if token is STAR:
            return True
        if byte not in token:
            return False
    return True


@functools.lru_cache
def one_of(token: "frozenset[int]") -> bytes:
    """Write the expression of a set of bytes."""
    if token == ANY:
        return b"."
    if not token:
        return b"(?!)"
    if len(token) == 1:
        return re.escape(bytes(token))
    lows = [byte for byte in token if byte - 1 not in token]
    highs = [byte for byte in token if byte + 1 not in token]
    ranges = zip(sorted(lows), sorted(highs), strict=True)
    return b"[" + b"".join(b"\\x%02x-\\x%02x" % ends for ends in ranges) + b"]"


def split(found: "list[Token]") -> "list[list[frozenset[int]]]":
    """Split tokens at the stars."""
    runs: list[list[frozenset[int]]] = [[]]
    for token in found:
        if token is STAR:
            runs.append([])
        else:
            runs[-1].append(token)
    return runs


def tokens(pattern: bytes) -> "list[Token]":
    """Read a pattern: for each byte of a line, what it may be, or a star."""
    found: list[Token] = []
    endless: set[int] = set()
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        at += 1
        if byte == b"*":
            found.append(STAR)
        elif byte == b"?":
            found.append(ANY)
        elif byte == b"[":
            token, at = bracket(pattern, at, endless) or (frozenset(byte), at)
            found.append(token)
        elif byte == b"\\":
            found.append(frozenset(pattern[at : at + 1]))  # at the end: NEVER
            at += 1
        else:
            found.append(frozenset(byte))
    return found


def bracket(pattern: bytes, at: int, endless: set[int]) -> "Bracket | None":
    """Read a set; None: it has no end, and the bracket stands for itself.

    Only a `]` that comes first does not end it. With a class that there is not it is NEVER.

    Args:
        pattern: the whole.
        at: where the set begins, after its bracket.
        endless: where a member begins after which no end comes; added to. Many brackets without
            end would else be read to the pattern's end each.
    """
    is_not = pattern[at : at + 1] in (b"!", b"^")
    first = at = at + is_not
    every: set[int] = set()
    passed: set[int] = set()
    is_known = True
    while pattern[at : at + 1] != b"]" or at == first:
        named, found = NAMED.match(pattern, at), item(pattern, at)
        if at in endless or not found:
            endless |= passed
            return None
        if at != first:
            passed.add(at)
        is_known = is_known and not (named and named[1] not in CLASSES)
        every |= found[0]
        at = found[1]
    inside = ANY - every if is_not else frozenset(every)
    return inside if is_known else NEVER, at + 1


def item(pattern: bytes, at: int) -> "Bracket | None":
    """Read one member of a set: a class, a range or a byte; None: the pattern ends."""
    if named := NAMED.match(pattern, at):
        return CLASSES.get(named[1], NEVER), named.end()
    if equal := EQUAL.match(pattern, at):
        return frozenset(equal[1]), equal.end()
    begin = ONE.match(pattern, at)
    if not begin:
        return None
    low = high = byte_of(begin)
    end = begin.end()
    if pattern[end : end + 1] == b"-" and pattern[end + 1 : end + 2] != b"]":
        last = ONE.match(pattern, end + 1)
        if not last:
            return None
        high, end = byte_of(last), last.end()
    return frozenset(range(low, high + 1)), end


def byte_of(found: "re.Match[bytes]") -> int:
    """Give the byte that ONE has matched."""
    return b"".join(filter(None, found.groups()))[0]
