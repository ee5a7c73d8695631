"""Words as a shell splits and quotes them: a multilog script in service.toml. Pure.

Quotes and backslashes mean what they mean to a POSIX shell. What a shell would expand or obey is
refused, not guessed at: $ and `, operators, a comment, a tilde. An unquoted star stays a star, as
no file names are looked for. A newline separates words as a blank does, so that TOML's strings of
several lines may be used. Source: POSIX.1-2017, Shell Command Language, 2.2 and 2.3.
"""

import re

PIECE = re.compile(
    rb"""
      (?P<blank>   [ \t\n]+ )
    | '(?P<single> [^']* )'
    | "(?P<double> (?: [^"\\$`] | \\. )* )"
    | \\(?P<escaped> . )
    | (?P<plain>   [^ \t\n'"\\$`|&;<>()\0]+ )
    """,
    re.DOTALL | re.VERBOSE,
)
ESCAPED = re.compile(rb'\\([$`"\\\n])')  # within double quotes any other backslash is itself
SAFE = re.compile(rb"[A-Za-z0-9_@%+=:,./-]+")
WHY = {
    b"'": "a quote is not closed",
    b"\\": "a backslash at the end",
    b"\0": "a NUL byte",
}


class WordsError(ValueError):
    """The text is not plain words; the message says what stands in the way."""


def split(text: bytes) -> list[bytes]:
    r"""Split text into words.

    Raises:
        WordsError: a quote is not closed, or a shell would do more than split.
    """
    words: list[bytes] = []
    word: bytes | None = None  # None: between words; '' makes one of no bytes
    at = 0
    while at < len(text):
        found = PIECE.match(text, at)
        if not found or (word is None and found[0][:1] in (b"#", b"~")):
            raise WordsError(why(text, at))
        at = found.end()
        if found.lastgroup != "blank":
            word = add(word, found)
        elif word is not None:
            words.append(word)
            word = None
    return words if word is None else [*words, word]


def is_one_line(text: bytes) -> bool:
    """Say whether no newline, outside quotes and not escaped, parts text that `split` takes."""
    return all(b"\n" not in (piece["blank"] or b"") for piece in PIECE.finditer(text.strip()))


def add(word: bytes | None, found: re.Match[bytes]) -> bytes | None:
    """Add a piece to the word that it belongs to; a backslash and a newline are nothing."""
    if found["escaped"] == b"\n":
        return word
    piece: bytes = found[found.lastgroup or 0]
    if found.lastgroup == "double":
        piece = ESCAPED.sub(lambda escape: escape[1].strip(b"\n"), piece)
    if b"\0" in piece:
        raise WordsError(WHY[b"\0"])
    return (word or b"") + piece


def why(text: bytes, at: int) -> str:
    """Say why the text cannot be split at this point."""
    byte = text[at : at + 1]
    if byte == b'"':
        byte = next((c for c in (b"$", b"`") if expands(text[at + 1 :], c)), b"'")
    if byte in WHY:
        return WHY[byte]
    return f"{byte.decode()} means something to a shell: put it in single quotes"


def expands(text: bytes, byte: bytes) -> bool:
    """Say whether text, what follows a double quote, has this byte before the quote's end."""
    inside = re.match(rb'(?: [^"\\] | \\. )*', text, re.DOTALL | re.VERBOSE)
    return inside is not None and byte in re.sub(rb"\\.", b"", inside[0], flags=re.DOTALL)


def join(words: list[bytes]) -> bytes:
    """Write words so that `split`, and any shell, makes the same of them."""
    return b" ".join(quote(word) for word in words)


def quote(word: bytes) -> bytes:
    """Quote one word where it needs it."""
    if SAFE.fullmatch(word):
        return word
    return b"'" + word.replace(b"'", b"'\\''") + b"'"
