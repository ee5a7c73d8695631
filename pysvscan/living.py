"""Whether a recorded process lives, for who looks on: svstat -l. It signals and takes nothing."""

import os

from pysvscan import childfile
from pysvscan.core import identity
from pysvscan.pidfd import Kernel

FINISH = b"supervise/finish"


def service() -> int:
    """Give the pid of the service of the current directory; 0: none lives, or we may not know."""
    return find(childfile.CHILD)


def finish() -> int:
    """Give the pid of its ./finish; 0: none lives, or we may not know."""
    return find(FINISH)


def find(path: bytes) -> int:
    """Give the pid of the process that a record names, if it lives; else 0."""
    directory = os.open(b".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        record = childfile.read(directory, path)
        if not record or not record.process.pid:
            return 0
        found = Kernel().identify(record.process.pid)
        lock = os.stat(b"supervise/lock")
        found.device, found.inode = lock.st_dev, lock.st_ino
        return found.pid if identity.is_same(record.process, found) else 0
    except (OSError, OverflowError):
        return 0
    finally:
        os.close(directory)
