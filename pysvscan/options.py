"""Option parsing for commands that daemontools has not: long options, and options after words."""

import os

from pysvscan.sgetopt import OptionError

Pairs = list[tuple[bytes, bytes]]


def parse(
    words: list[bytes],
    letters: bytes,
    with_argument: bytes,
    long: tuple[bytes, ...] = (),
    long_with_argument: tuple[bytes, ...] = (),
) -> tuple[Pairs, list[bytes]]:
    """Split words into options and the rest; `--` ends the options.

    Args:
        words: argv without argv[0].
        letters: options that stand alone.
        with_argument: those that take the rest of their word, or else the next word.
        long: whole words, with their dashes, that stand alone.
        long_with_argument: those that take what follows `=`, or else the next word.

    Returns:
        Pairs of name, with its dashes, and argument, in order; and the other words.

    Raises:
        OptionError: an unknown option, or one without its argument.
    """
    options: Pairs = []
    rest: list[bytes] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == b"--":
            return options, rest + left
        if word[:2] == b"--":
            options.append(long_option(word, left, long, long_with_argument))
        elif word[:1] == b"-" and len(word) > 1:
            options += cluster(word[1:], left, letters, with_argument)
        else:
            rest.append(word)
    return options, rest


def long_option(
    word: bytes, left: list[bytes], alone: tuple[bytes, ...], with_argument: tuple[bytes, ...]
) -> tuple[bytes, bytes]:
    """Read one long option."""
    name, equals, value = word.partition(b"=")
    if name in with_argument:
        return name, value if equals else argument(name, left)
    if name not in alone or equals:
        raise OptionError(f"illegal option -- {os.fsdecode(word[2:])}")
    return name, b""


def cluster(cluster: bytes, left: list[bytes], letters: bytes, with_argument: bytes) -> Pairs:
    """Read one-letter options of one word."""
    options: Pairs = []
    while cluster:
        letter, cluster = cluster[:1], cluster[1:]
        if letter in with_argument:
            options.append((b"-" + letter, cluster or argument(letter, left)))
            break
        if letter not in letters:
            raise OptionError(f"illegal option -- {os.fsdecode(letter)}")
        options.append((b"-" + letter, b""))
    return options


def argument(name: bytes, left: list[bytes]) -> bytes:
    """Take the next word."""
    if not left:
        raise OptionError(f"option requires an argument -- {os.fsdecode(name.lstrip(b'-'))}")
    return left.pop(0)
