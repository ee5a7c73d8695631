"""envdir [-p PREFIX] DIR CHILD…: run a program with the variables that files give it.

`-p` is daemontools-encore's: PREFIX begins each name. It is an option only in the first word, so
that all else is C's, which has no options: `--` is a directory.
Source: daemontools 0.76 envdir.c, openreadclose.c.
"""

import os

from pysvscan import sgetopt, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


class Usage(strerr.Usage):
    """Ends envdir with 111 for wrong use, too: envdir.c, die_usage()."""

    code = 111


def main(argv: list[bytes], chain: "Chain") -> int:
    """Set a variable for each file of DIR, in the order of the directory, and run the child."""
    prefix, words = split(argv[1:])
    if len(words) < 2:
        raise Usage("envdir dir child")
    doing = "unable to switch to current directory"
    directory = strerr.name(words[0])
    try:
        start = os.open(b".", os.O_RDONLY | os.O_NONBLOCK)
        doing = f"unable to switch to directory {directory}"
        os.chdir(words[0])
        doing = f"unable to read directory {directory}"
        for name in os.listdir(b"."):
            if not name.startswith(b"."):
                doing = f"unable to read {directory}/{strerr.name(name)}"
                chain.set_variable(prefix + name, value(name))
        doing = "unable to switch to starting directory"
        os.fchdir(start)
        os.close(start)
    except OSError as exc:
        raise strerr.Fatal(doing) from exc
    chain.run(words[1:])


def split(words: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Split off the prefix, if the first word is `-p`."""
    if not words or not words[0].startswith(b"-p"):
        return b"", words
    try:
        options, words = sgetopt.parse(words, b"", b"p")
    except sgetopt.OptionError as exc:
        raise Usage("envdir [-p prefix] dir child") from exc
    return options[-1][1], words


def value(name: bytes) -> bytes | None:
    """Read a file's first line, trailing blanks cut, NUL turned into newline; None if empty."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:  # a link to nothing counts as an empty file
        return None
    data = bytearray()  # grows in place: bytes would be copied with each read
    while chunk := os.read(fd, 65536):
        data += chunk
    os.close(fd)
    if not data:
        return None
    return bytes(data.partition(b"\n")[0].rstrip(b" \t").replace(b"\0", b"\n"))
