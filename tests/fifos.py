"""FIFOs and pipes: how much is in them that nobody has read yet."""

import fcntl
import os
import sys
import termios
from pathlib import Path


def unread(fd: int) -> int:
    """Count the bytes in a FIFO or pipe, by either end."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def unread_at(path: Path) -> int:
    """Count the bytes in a FIFO, by its name; 0 while there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return 0
    try:
        return unread(fd)
    finally:
        os.close(fd)
