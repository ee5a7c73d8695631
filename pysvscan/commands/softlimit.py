"""softlimit OPTIONS CHILD…: run a program with lower soft limits. Source: daemontools 0.76."""

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
    options, child, error = sgetopt.parse_until(argv[1:], b"", LETTERS)
    for letter, word in options:
        try:
            value = limits.number(word)
        except limits.NumberError:
            raise strerr.Usage(USAGE) from None
        chain.limits += [(which, value) for which in limits.BY_LETTER[letter]]
    if error:
        strerr.write(os.fsencode(f"softlimit: {error}\n"))
    if error or not child:
        raise strerr.Usage(USAGE)
    chain.run(child)
