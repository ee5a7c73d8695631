"""DJB's option parsing: letters, clusters, no long options.

Stops at the first word that is not an option (a lone `-` is none). `--` ends the options, and so
does any word that begins with it: what follows in that word is not looked at.
Source: daemontools 0.76 subgetopt.c, sgetopt.c.
"""

import os


class OptionError(ValueError):
    """An illegal option, or one without its argument; the text is sgetopt's own."""


def parse(
    words: list[bytes], letters: bytes, with_argument: bytes = b""
) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Split words into options and the rest.

    Args:
        words: argv without argv[0].
        letters: options that stand alone.
        with_argument: options that take the rest of their word, or else the next word.

    Returns:
        The (letter, argument) pairs in order, and the words after the options.

    Raises:
        OptionError: "illegal option -- X" or "option requires an argument -- X".
    """
    options, rest, error = parse_until(words, letters, with_argument)
    if error:
        raise OptionError(error)
    return options, rest


def parse_until(
    words: list[bytes], letters: bytes, with_argument: bytes = b""
) -> tuple[list[tuple[bytes, bytes]], list[bytes], str]:
    """Parse as `parse` does, up to the first error, for who looks at the options before it first.

    Returns:
        Pairs and words as from `parse`, and what is wrong, or nothing.
    """
    options: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(words) and len(words[at]) > 1 and words[at].startswith(b"-"):
        cluster = words[at][1:]
        at += 1
        if cluster.startswith(b"-"):
            break
        while cluster:
            letter, cluster = cluster[:1], cluster[1:]
            if letter in letters:
                options.append((letter, b""))
            elif letter in with_argument:
                if not cluster and at == len(words):
                    return options, [], f"option requires an argument -- {os.fsdecode(letter)}"
                if not cluster:
                    cluster, at = words[at], at + 1
                options.append((letter, cluster))
                cluster = b""
            else:
                return options, [], f"illegal option -- {os.fsdecode(letter)}"
    return options, words[at:], ""
