"""multilog ACTION…: log descriptor 0, see core/script.py. Source: daemontools 0.76 multilog.c."""

import os

from pysvscan import lines, strerr
from pysvscan.core import script
from pysvscan.core.suffix import wrong_code
from pysvscan.multilog import Multilog
from pysvscan.zone import zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Log until the end of input or TERM.

    Raises:
        strerr.Fatal: a directory or file cannot be opened, or no archive can be named so.
    """
    os.umask(0o022)
    fill_descriptors()
    parsed = script.parse(argv[1:], lines.Selection, zone)
    for word in parsed.ignored:
        if word[:1] == b"w":
            raise strerr.Fatal(f"unable to take {strerr.name(word)}: {wrong_code(word[1:])}")
        strerr.warn("multilog", f"ignoring unknown action {strerr.name(word)}")
    return Multilog(parsed).run(chain)


def fill_descriptors() -> None:
    """Open what was closed of 0, 1 and 2, so that no file of ours gets these numbers."""
    while True:
        fd = os.open(b"/dev/null", os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
