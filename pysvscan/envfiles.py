"""Variables from a directory of files, as envdir reads them.

Source: daemontools 0.76 envdir.c, openreadclose.c.
"""

import os

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def set_variables(chain: "Chain", path: bytes, prefix: bytes = b"") -> None:
    """Set a variable for each file, in the order of the directory.

    Raises:
        strerr.Fatal: the directory, or one of its files, cannot be read; in envdir's words.
    """
    doing = "unable to switch to current directory"
    directory = strerr.name(path)
    try:
        start = os.open(b".", os.O_RDONLY | os.O_NONBLOCK)
        doing = f"unable to switch to directory {directory}"
        os.chdir(path)
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


def value(name: bytes) -> bytes | None:
    """Read a file; None: it is empty, or a link to nothing."""
    try:
        return first_line(read(name))
    except FileNotFoundError:  # a link to nothing counts as an empty file
        return None


def read(name: bytes) -> bytearray:
    """Read a file; a FIFO is not waited for."""
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    data = bytearray()  # grows in place: bytes would be copied with each read
    while chunk := os.read(fd, 65536):
        data += chunk
    os.close(fd)
    return data


def first_line(data: bytes | bytearray) -> bytes | None:
    """Cut a value out of a file: trailing blanks off, NUL turned into newline; None if empty."""
    if not data:
        return None
    return bytes(data.partition(b"\n")[0].rstrip(b" \t").replace(b"\0", b"\n"))
