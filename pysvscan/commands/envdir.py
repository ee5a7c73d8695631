"""envdir [-p PREFIX] DIR CHILD…: run a program with the variables that files give it.

`-p` is daemontools-encore's: PREFIX begins each name. It is an option only in the first word, so
that all else is C's, which has no options: `--` is a directory.
Source: daemontools 0.76 envdir.c.
"""

from pysvscan import envfiles, sgetopt, strerr

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
    envfiles.set_variables(chain, words[0], prefix)
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
