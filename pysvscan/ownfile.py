"""Small files of our own, in a directory where others may write: read, and written over in place.

No link is followed, no FIFO waited for, and nothing written over that is somebody else's as well.
In place, because that needs no new block: it works on a full disk.
"""

import errno
import os
import stat

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
BOTH = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_own(directory: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open a file to write over it; the caller's descriptor.

    Args:
        directory: descriptor of the directory that path is relative to.
        path: of the file.
        flags: WRITE or BOTH, with O_CREAT where it may be made.
        mode: of the file if it is made.

    Raises:
        OSError: it cannot be had, or is not ours alone: a link's target is not.
    """
    fd = os.open(path, flags, mode, dir_fd=directory)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise OSError(errno.EPERM, "not a file of our own")
    except OSError:
        os.close(fd)
        raise
    return fd


def read(directory: int, path: bytes, size: int) -> bytes:
    """Read the beginning of a file.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, READ, dir_fd=directory)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def author(fd: int) -> int:
    """Say whose word a file's contents are; -1 where others may write it, or have it elsewhere."""
    found = os.fstat(fd)
    is_private = found.st_nlink == 1 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid if is_private else -1
