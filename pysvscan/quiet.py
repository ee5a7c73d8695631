"""Since when a service directory has not changed: a copy in progress changes it all the time."""

import contextlib
import os


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
