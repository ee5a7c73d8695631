"""Descriptors below 10, kept from pytest for what needs one: the shell that waits.

A plugin, so that it is imported before pytest takes 3 to 9 for its captures.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

KEPT = [os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC) for _ in range(3)]


@contextmanager
def freed() -> Iterator[None]:
    """Free one of them for the next F_DUPFD, and keep it again afterwards."""
    fd = KEPT.pop()
    os.close(fd)
    try:
        yield
    finally:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if null != fd:
            os.dup2(null, fd, inheritable=False)
            os.close(null)
        KEPT.append(fd)
