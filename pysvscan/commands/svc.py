"""svc OPTIONS DIR…: send control bytes to supervise.

The letters `q12w+=` are daemontools-encore's. Source: daemontools 0.76 svc.c.
"""

import errno
import os
import stat

# The builtin module: see strerr.
from _signal import SIG_IGN, SIGPIPE, signal

from pysvscan import sgetopt, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

LETTERS = b"udopchaitkxq12w+="
USAGE = (
    b"svc options: u up, d down, o once, x exit, p pause, c continue, "
    b"h hup, a alarm, i interrupt, t term, k kill\n"
)


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Write each letter once, in order, to each control; what fails is a warning, the exit 0."""
    signal(SIGPIPE, SIG_IGN)  # a supervise that dies meanwhile is a warning, the next one is served
    try:
        options, directories = sgetopt.parse(argv[1:], LETTERS)
    except sgetopt.OptionError as exc:
        strerr.write(os.fsencode(f"svc: {exc}\n") + USAGE)
        return 100
    letters = b"".join(dict.fromkeys(letter for letter, _ in options))
    if letters.rfind(b"+") > letters.rfind(b"="):
        letters += b"="  # what the next svc sends may be read together with ours
    try:
        start = os.open(b".", os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise strerr.Fatal("unable to open current directory") from exc
    for directory in directories:
        control(directory, letters)
        try:
            os.fchdir(start)
        except OSError as exc:
            raise strerr.Fatal("unable to set directory") from exc
    return 0


def control(directory: bytes, letters: bytes) -> None:
    """Send the letters to one supervise, or warn."""
    where = strerr.name(directory)
    doing = f"unable to chdir to {where}"
    try:
        os.chdir(directory)
        doing = f"unable to control {where}"
        fd = os.open(b"supervise/control", os.O_WRONLY | os.O_NONBLOCK)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):  # a link: we would write over any file
            raise OSError(errno.ENXIO, "")
        doing = f"error writing commands to {where}"
        os.set_blocking(fd, True)
        os.write(fd, letters)
        os.close(fd)
    except OSError as exc:
        if exc.errno == errno.ENXIO and doing.startswith("unable to control"):
            strerr.warn("svc", f"{doing}: supervise not running")
        else:
            strerr.warn("svc", doing, exc)
