"""setlock [-nNxX] FILE CHILD…: run a program under a lock. Source: daemontools 0.76 setlock.c."""

import fcntl
import os

from pysvscan import sgetopt, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

LETTERS = b"nNxX"
USAGE = "setlock [ -nNxX ] file program [ arg ... ]"


def main(argv: list[bytes], chain: "Chain") -> int:
    """Lock the file, which is made if missing and never cut, and hand it on to the child."""
    options, words, error = sgetopt.parse_until(argv[1:], LETTERS)
    if error:
        strerr.write(os.fsencode(f"setlock: {error}\n"))
    if error or len(words) < 2:
        raise strerr.Usage(USAGE)
    chosen = {letter.lower(): letter for letter, _ in options}  # of n and N, x and X, the last
    try:
        lock(words[0], fcntl.LOCK_EX | (fcntl.LOCK_NB if chosen.get(b"n") == b"n" else 0))
    except strerr.Fatal:
        if chosen.get(b"x") != b"x":
            raise
    else:
        chain.run(words[1:])
    return 0


def lock(path: bytes, operation: int) -> None:
    """Open a file, for the child too, and lock it."""
    doing = f"unable to open {strerr.name(path)}"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CREAT, 0o600)
        doing = f"unable to lock {strerr.name(path)}"
        fcntl.flock(fd, operation)
    except OSError as exc:
        raise strerr.Fatal(doing) from exc
    os.set_inheritable(fd, True)
