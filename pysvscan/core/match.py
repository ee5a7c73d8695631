"""One multilog pattern: the star rule. Pure.

A pattern must match the whole line. A byte matches itself. A star at the end matches the rest; a
star before the byte c skips to the *first* c and never backs up, so `a*b` matches `axb` but not
`axbb`. In `**` the first star skips to a star in the line, and the second goes on from there.
Source: daemontools 0.76 match.c.
"""

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    Match = Callable[[bytes, int, int], re.Match[bytes] | None]  # line, its start and end

STAR = b"*"
# Where two runs of a pattern are equally long, the one with the rarer first byte is looked for.
COMMON = b" etaoinsrlhdcu0123456789<>:-./"


def after(pattern: bytes, data: bytes) -> bytes | None:
    """Say what of the pattern is left to match once data, the start of a line, has been read.

    What is left is always an end of the pattern; None: no line that starts with data matches.
    """
    at = 0
    for byte in data:
        while pattern[at : at + 1] == STAR:
            if at + 1 == len(pattern):
                return STAR
            if pattern[at + 1] != byte:
                break
            at += 1
        else:
            if at == len(pattern) or pattern[at] != byte:
                return None
            at += 1
    return pattern[at:]


def matches(pattern: bytes, line: bytes) -> bool:
    """Say whether the line matches: the rule itself; `compiled` is the same, faster."""
    return after(pattern, line) in (b"", STAR)


@functools.lru_cache(maxsize=4096)
def compiled(pattern: bytes) -> "re.Pattern[bytes]":
    """Translate to a regular expression, for `fullmatch(data, start, end)` with one line's bounds.

    Every repeat is possessive: the star rule never backs up, so neither may the expression.
    """
    import re  # a sixth of multilog's start; where _lines.c is, nobody needs it

    return re.compile(translate(pattern), re.DOTALL)


def first(rules: "list[tuple[bool, re.Pattern[bytes]]]") -> "Match":
    """Try several in turn, until one matches.

    Args:
        rules: plus or minus, and what `compiled` gave.

    Returns:
        A `fullmatch`. Its match has a `lastindex` if the first that matched is a minus.
    """
    import re

    sources = [it.pattern + (b"" if plus else b"()") for plus, it in rules]
    return re.compile(b"|".join(sources), re.DOTALL).fullmatch


def translate(pattern: bytes) -> bytes:
    """Translate to the source of a regular expression."""
    import re

    out = [re.escape(pattern[i : i + 1]) for i in range(len(pattern))]
    for i, byte in enumerate(pattern):
        if byte == STAR[0]:
            out[i] = star_before(*out[i + 1 : i + 2])
    return b"".join(out)


def star_before(byte: bytes = b"") -> bytes:
    """Translate one star by the byte, escaped, that follows it in the pattern, b"" at the end."""
    if not byte:
        return b".*"
    if byte == rb"\*":
        return rb"[^*]*+(?=\*)"  # the byte it stops at is left for the second star
    return b"[^" + byte + b"]*+"


def landmark(pattern: bytes) -> bytes:
    """Pick bytes that every matching line holds, to look for first; b"" if there are none."""
    runs = pattern.split(STAR)
    if len(runs) == 1:
        return pattern
    # "a**b" splits around an empty run: the first of the two stars wants a star in the line.
    runs = [run or STAR for run in runs[1:-1]] + [run for run in (runs[0], runs[-1]) if run]
    return max(runs, key=lambda run: (len(run), -COMMON.find(run[:1])), default=b"")
