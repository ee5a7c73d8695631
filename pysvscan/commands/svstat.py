"""svstat DIR…: one line per service directory. Source: daemontools 0.76 svstat.c doit()."""

import errno
import os
from time import time_ns

from pysvscan import strerr
from pysvscan.core import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], _chain: "Chain") -> int:
    """Print a line for each directory, be it that it cannot be read; exit 0."""
    try:
        start = os.open(b".", os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise strerr.Fatal("unable to open current directory") from exc
    for directory in argv[1:]:
        strerr.write(directory + b": " + look(directory).encode() + b"\n", fd=1)
        try:
            os.fchdir(start)
        except OSError as exc:
            raise strerr.Fatal("unable to set directory") from exc
    return 0


def look(directory: bytes) -> str:
    """Say how a service is, or why that cannot be said."""
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
            record = status.unpack(file.read(status.BYTES))
    except status.StatusError as exc:
        return f"{doing}: {exc}"
    except OSError as exc:
        if exc.errno == errno.ENXIO and doing == "unable to open supervise/ok":
            return "supervise not running"
        return f"{doing}: {strerr.reason(exc)}"
    return record.describe(normally_up, time_ns())


def is_file(path: bytes) -> bool:
    """Say whether something is there; not being able to say it is an OSError."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    return True
