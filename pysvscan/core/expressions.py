"""The star rule as regular expressions, for where there is no _lines.c. Pure.

Imported late: `re` and `functools` are a sixth of multilog's start, and where _lines.c is nobody
needs them.
"""

import functools
import re

from pysvscan.core.match import STAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Match = Callable[[bytes, int, int], re.Match[bytes] | None]  # line, its start and end


@functools.lru_cache(maxsize=4096)
def compiled(pattern: bytes) -> "re.Pattern[bytes]":
    """Translate to a regular expression, for `fullmatch(data, start, end)` with one line's bounds.

    Every repeat is possessive: the star rule never backs up, so neither may the expression.
    """
    return re.compile(translate(pattern), re.DOTALL)


def first(rules: "list[tuple[bool, re.Pattern[bytes]]]") -> "Match":
    """Try several in turn, until one matches.

    Args:
        rules: plus or minus, and what `compiled` gave.

    Returns:
        A `fullmatch`. Its match has a `lastindex` if the first that matched is a minus.
    """
    sources = [it.pattern + (b"" if plus else b"()") for plus, it in rules]
    return re.compile(b"|".join(sources), re.DOTALL).fullmatch


def translate(pattern: bytes) -> bytes:
    """Translate to the source of a regular expression."""
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
