"""Since when a service directory has not changed: a copy in progress changes it all the time."""

import contextlib
import os
import time

QUIET_NS = 1_000_000_000  # a directory made in place is complete when nothing changed for so long
PATIENCE_NS = 5_000_000_000  # and at the latest after this: C's interval


def incomplete_ns(directory: int, seen_ns: int) -> int:
    """Say how long to wait for a directory that is being made in place; 0: it looks finished.

    At the event of `cp -a`, `log` is missing in 41 cases of 50.

    Args:
        directory: its descriptor.
        seen_ns: when it was seen first, by the monotonic clock.
    """
    left_ns = max(0, seen_ns + PATIENCE_NS - time.monotonic_ns())
    quiet_ns = time.time_ns() - newest_change_ns(directory)
    if 0 <= quiet_ns < QUIET_NS:
        return min(QUIET_NS - quiet_ns, left_ns)
    if quiet_ns >= QUIET_NS and os.access(b"run", os.X_OK, dir_fd=directory):
        return 0
    return min(QUIET_NS, left_ns)


def newest_change_ns(directory: int) -> int:
    """Give the time of the last change to a directory, its entries, and those of its `log`."""
    newest = os.fstat(directory).st_ctime_ns
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            newest = max(newest, entry.stat(follow_symlinks=False).st_ctime_ns)
            if entry.name == "log" and entry.is_dir(follow_symlinks=False):
                newest = max(newest, newest_change_in(entry.name, directory))
    return newest


def newest_change_in(name: str, directory: int) -> int:
    """Give the `newest_change_ns` of a directory in a directory."""
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return newest_change_ns(fd)
    finally:
        os.close(fd)
