"""What is in a service's pipe and was not read yet."""

import fcntl
import os
import sys
import termios


def unread(directory: int) -> int:
    """Count the bytes in the pipe of a service directory; 0 if it is not there any more."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(b"supervise/pipe", flags, dir_fd=directory)
    except OSError:
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
    except OSError:
        return 0  # something else stands there
    finally:
        os.close(fd)
