"""softlimit OPTIONS CHILD…: run a program with lower soft limits.

That `-` is no limit at all, and that variables are as options before the first, is
daemontools-encore's. Source: daemontools 0.76 softlimit.c; encore's softlimit(8).
"""

import os

from pysvscan import limits, sgetopt, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

LETTERS = b"acdflmoprst"
USAGE = (
    "softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] "
    "[-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] "
    "[-t cpusecs] child"
)


def main(argv: list[bytes], chain: "Chain") -> int:
    """Note the limits, in order, for the program at the end of the chain, and run the child."""
    for variable, letter in limits.VARIABLES:
        if word := chain.env.get(variable):
            limit(chain, letter, word, f"{variable.decode()} is a number, = or -")
    options, child, error = sgetopt.parse_until(argv[1:], b"", LETTERS)
    for letter, word in options:
        limit(chain, letter, word, USAGE)
    if error:
        strerr.write(os.fsencode(f"softlimit: {error}\n"))
    if error or not child:
        raise strerr.Usage(USAGE)
    chain.run(child)


def limit(chain: "Chain", letter: bytes, word: bytes, usage: str) -> None:
    """Note one limit; a hard limit is lifted at once, while we may still be root.

    Raises:
        strerr.Usage: the word is no limit.
        strerr.Fatal: we may not lift the hard limit.
    """
    try:
        value = limits.number(word)
        if word == b"-":
            limits.lift_hard(letter)
    except limits.NumberError:
        raise strerr.Usage(usage) from None
    except OSError as exc:
        raise strerr.Fatal(f"unable to lift the hard limit of -{letter.decode()}") from exc
    chain.limits += [(which, value) for which in limits.BY_LETTER[letter]]
