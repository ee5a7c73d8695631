"""What the log of a service has, without asking its logger: counters, oldest line, disk used.

Of C's logs as well, as far as their `log/run` is of the usual one line, or they are in `main`.
"""

import os
import stat

from pysvscan import counters, servicetoml
from pysvscan.core import logrun, settings, tai
from pysvscan.core.counters import CountersError, Counts
from pysvscan.core.logrun import LogrunError
from pysvscan.core.settings import Log
from pysvscan.core.values import SettingsError

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
BLOCK = 512  # the unit of st_blocks
HEAD_BYTES = 64


class LogFacts:
    """What is known of a log.

    Attributes:
        counts: what a built-in one has counted; None: nothing is.
        directories: of its script, as paths from where it was asked for.
        disk_bytes: what is used in them.
        oldest_ns: when the oldest line came, or earlier where only its file's name tells; None:
            nothing tells.
    """

    __slots__ = ("counts", "directories", "disk_bytes", "oldest_ns")

    def __init__(self, counts: Counts | None, directories: list[bytes]) -> None:
        self.counts = counts
        self.directories = directories
        self.disk_bytes = sum(map(used, directories))
        found = [moment for moment in map(oldest, directories) if moment is not None]
        self.oldest_ns = min(found) if found else None


def find() -> LogFacts | None:
    """Look for the log of the current directory, a service or its `log`; None if it has none."""
    base = b"." if is_there(b"supervise/counters") else b"log"
    if not is_there(base):
        return None
    counts = read_counts(base)
    directories = [path for path in paths(base) if is_there(path)]
    return LogFacts(counts, directories) if counts or directories else None


def read_counts(base: bytes) -> Counts | None:
    """Read the counters of a log."""
    try:
        directory = os.open(base, READ | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        return counters.read(directory)
    except (OSError, CountersError):
        return None
    finally:
        os.close(directory)


def paths(base: bytes) -> list[bytes]:
    """List the directories of a log's script; `main` where the script cannot be known."""
    service = b".." if base == b"." else b"."
    log = built_in(service) or classic(base)
    names = [it.path for it in log.script.directories] if log else [b"main"]
    return [os.path.normpath(os.path.join(base, name)) for name in names]


def built_in(service: bytes) -> Log | None:
    """Read [log] of a service, whoever would be asked for an account."""
    try:
        table = servicetoml.parse(read(os.path.join(service, servicetoml.NAME)))
        content = table.get("log")
        return settings.parse_log(content, is_root=False) if isinstance(content, dict) else None
    except (OSError, SettingsError):
        return None


def classic(base: bytes) -> Log | None:
    """Read a log/run."""
    try:
        return logrun.parse(read(os.path.join(base, b"run")), None)
    except (OSError, LogrunError):
        return None


def read(path: bytes) -> bytes:
    """Read a small plain file.

    Raises:
        OSError: it is none, or cannot be read.
    """
    fd = os.open(path, READ)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("not a plain file")
        return os.read(fd, servicetoml.MAX_BYTES + 1)
    finally:
        os.close(fd)


def used(directory: bytes) -> int:
    """Say how much of the disk a log directory uses."""
    total = 0
    for name in names(directory):
        try:
            total += os.lstat(os.path.join(directory, name)).st_blocks * BLOCK
        except OSError:
            continue  # it went while we looked
    return total


def oldest(directory: bytes) -> int | None:
    """Say when the oldest line of a log directory came; None where nothing tells."""
    archives = sorted(name for name in names(directory) if name[:1] == b"@")
    for name in (*archives, b"current"):
        path = os.path.join(directory, name)
        moment = first_moment(path)
        if moment is None:
            moment = label_moment(name)  # its end, which is all that is known of it
        if moment is not None:
            return moment
    return None


def first_moment(path: bytes) -> int | None:
    """Read the stamp of a file's first line, if it has one."""
    try:
        fd = os.open(path, READ | os.O_NOFOLLOW)
        try:
            head = os.read(fd, HEAD_BYTES)
        finally:
            os.close(fd)
    except OSError:
        return None
    return label_moment(head) or readable_moment(head)


def label_moment(text: bytes) -> int | None:
    """Read a TAI64N label at the beginning of a line, or of an archive's name."""
    try:
        data = bytes.fromhex(text[1 : tai.LABEL_BYTES].decode("ascii"))
    except ValueError:
        return None
    is_label = text[:1] == b"@" and len(data) == tai.RECORD.size
    return tai.unpack(data) if is_label else None


def readable_moment(text: bytes) -> int | None:
    """Read the second of a stamp as `d` and `m` write it, in local time; or as `T` does."""
    import time  # of no use for others

    first, _, rest = text.partition(b" ")
    try:
        if b"-" in first:
            day = f"{first.decode('ascii')} {rest[:8].decode('ascii')}"
            return int(time.mktime(time.strptime(day, "%Y-%m-%d %H:%M:%S"))) * tai.SECOND_NS
        second, dot, digits = first.partition(b".")
        is_stamp = dot and len(digits) == 6 and second.isdigit() and digits.isdigit()
        return int(second) * tai.SECOND_NS if is_stamp else None
    except (ValueError, OverflowError):
        return None


def names(directory: bytes) -> list[bytes]:
    """List a directory, as far as we may."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def is_there(path: bytes) -> bool:
    """Say whether something is there, as far as we may know."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True
