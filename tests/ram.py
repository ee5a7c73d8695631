"""A place for files in memory: fsync takes milliseconds on a disk, and multilog calls it often."""

import os
from pathlib import Path

SHM = Path("/dev/shm")
NEEDED_BYTES = 32 << 20


def directory() -> str | None:
    """Name the place; None, which is tempfile's own default, where there is none with some room.

    Programs may be forbidden there.
    """
    if not SHM.is_dir() or not os.access(SHM, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(SHM)
    return str(SHM) if found.f_bavail * found.f_frsize >= NEEDED_BYTES else None
