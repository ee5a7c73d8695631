"""svscanctl -r|-a|-t|-q|-l [DIR]: command the svscan of a directory, or list its services.

Without DIR it is svscanboot's. A command is a byte in `.svscan/control`, as svc's are for a
service; the list is read from files, and asks nobody.
"""

import errno
import os
import stat

from pysvscan import scandirectory, sgetopt, strerr
from pysvscan.commands import svstat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

LETTERS = b"ratql"


def main(argv: list[bytes], chain: "Chain") -> int:
    """Do what the one option says."""
    try:
        options, words = sgetopt.parse(argv[1:], LETTERS)
    except sgetopt.OptionError:
        options, words = [], []
    if len(options) != 1 or len(words) > 1:
        raise strerr.Usage("svscanctl -r|-a|-t|-q|-l [dir]")
    directory = words[0] if words else scandirectory.usual()
    letter = options[0][0]
    if letter == b"l":
        return svstat.main([b"svstat", *services(directory)], chain)
    control(directory, letter)
    return 0


def control(directory: bytes, letter: bytes) -> None:
    """Send a letter to svscan.

    Raises:
        Fatal: there is none, or it is not for us to command.
    """
    doing = f"unable to control {strerr.name(directory)}"
    try:
        fd = os.open(directory + b"/.svscan/control", os.O_WRONLY | os.O_NONBLOCK)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):  # of a copy of the directory, say
            raise OSError(errno.ENXIO, "")
        os.write(fd, letter)
        os.close(fd)
    except OSError as exc:
        if exc.errno in (errno.ENXIO, errno.ENOENT):
            raise strerr.Fatal(f"{doing}: svscan not running") from None
        raise strerr.Fatal(doing) from exc


def services(directory: bytes) -> list[bytes]:
    """List the service directories, each with its log's if it has one.

    Raises:
        Fatal: the scan directory cannot be read.
    """
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith(b"."))
    except OSError as exc:
        raise strerr.Fatal(f"unable to read directory {strerr.name(directory)}") from exc
    paths = [directory + b"/" + name for name in names]
    found = [(path, path + b"/log") for path in paths if os.path.isdir(path)]
    return [path for pair in found for path in pair if path in paths or os.path.isdir(path)]
