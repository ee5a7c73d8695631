"""The patterns of a script, each by the rule that holds where it stands. Pure.

Source: multilog of daemontools-encore, for `F` and `S`.
"""

from pysvscan.core import match

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re


class Fnmatch(bytes):
    """A `+` or `-` of a script, its first byte included, that stands after `F`."""

    __slots__ = ()


def marked(words: list[bytes]) -> list[bytes]:
    """Make those patterns of a script Fnmatch that `F` is before, and no `S` since.

    Each line begins with the star rule. In daemontools-encore the last line's end goes on with the
    next one: of the same script, the first line is then selected otherwise than all that follow.
    """
    found = []
    is_fnmatch = False
    for word in words:
        if word in (b"F", b"S"):
            is_fnmatch = word == b"F"
        is_pattern = word[:1] in (b"+", b"-")
        found.append(Fnmatch(word) if is_fnmatch and is_pattern else word)
    return found


def has_fnmatch(words: list[bytes]) -> bool:
    """Say whether one of them is Fnmatch: the star rule alone does not do."""
    return any(isinstance(word, Fnmatch) for word in words)


def expression(word: bytes) -> "re.Pattern[bytes]":
    """Translate what follows `+` or `-`, for `fullmatch(line, 0, SHOWN_BYTES)`."""
    if isinstance(word, Fnmatch):
        from pysvscan.core import wildcards  # late, as expressions

        return wildcards.compiled(word[1:])
    from pysvscan.core import expressions

    return expressions.compiled(word[1:])


def landmark(word: bytes) -> bytes:
    """Pick bytes that every matching line holds; b"" if there are none."""
    if isinstance(word, Fnmatch):
        from pysvscan.core import wildcards

        return wildcards.landmark(word[1:])
    return match.landmark(word[1:])
