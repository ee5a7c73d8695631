"""svstat [-l|--json] DIR…: how services are. Source: daemontools 0.76 svstat.c doit().

`-l` and `--json`, options only as the whole first word, add what C has no words for. Without them,
and for all other words, each line is C's.
"""

import errno
import os
from time import time_ns

from pysvscan import strerr
from pysvscan.core import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from pysvscan.pathexec import Chain

    Found = TypeVar("Found")


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Print a line for each directory, be it that it cannot be read; exit 0."""
    describe, directories = in_short, argv[1:]
    if directories[:1] == [b"-l"]:
        from pysvscan.detail import Detail

        describe, directories = Detail().describe, directories[1:]
    if directories[:1] == [b"--json"] and directories == argv[1:]:
        from pysvscan.asjson import Objects, dump

        objects = Objects(look)
        strerr.write(dump(list(each(directories[1:], objects.of))), fd=1)
        return 0
    for lines in each(directories, lambda directory: (directory, look(directory, describe))):
        name, words = lines
        strerr.write(b"".join(name + os.fsencode(line) + b"\n" for line in words), fd=1)
    return 0


def each(directories: list[bytes], at: "Callable[[bytes], Found]") -> "Iterator[Found]":
    """Call for each directory, from where we are: each time we come back."""
    try:
        start = os.open(b".", os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise strerr.Fatal("unable to open current directory") from exc
    for directory in directories:
        yield at(directory)
        try:
            os.fchdir(start)
        except OSError as exc:
            raise strerr.Fatal("unable to set directory") from exc


def look(directory: bytes, describe: "Callable[[bytes | None, bool], list[str]]") -> list[str]:
    """Say how a service is, or why that cannot be said: what follows its name in each line."""
    doing = "unable to chdir"
    try:
        os.chdir(directory)
        doing = "unable to stat down"
        normally_up = not is_file(b"down")
        doing = "unable to open supervise/ok"
        os.close(os.open(b"supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
        doing = "unable to open supervise/status"
        fd = os.open(b"supervise/status", os.O_RDONLY | os.O_NONBLOCK)
        doing = "unable to read supervise/status"
        with open(fd, "rb", buffering=0) as file:
            return describe(os.read(file.fileno(), status.LONGEST), normally_up)
    except status.StatusError as exc:
        return [f": {doing}: {exc}"]
    except OSError as exc:
        if exc.errno == errno.ENXIO and doing == "unable to open supervise/ok":
            return describe(None, normally_up)
        return [f": {doing}: {strerr.reason(exc)}"]


def in_short(data: bytes | None, normally_up: bool) -> list[str]:
    """Describe a service in C's words; None: nobody supervises it."""
    if data is None:
        return [": supervise not running"]
    return [": " + status.unpack(data).describe(normally_up, time_ns())]


def is_file(path: bytes) -> bool:
    """Say whether something is there; not being able to say it is an OSError."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True
