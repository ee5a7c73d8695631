"""Descriptors kept for what must not fail for want of one: trying and executing a new version."""

import contextlib
import fcntl
import os

COUNT = 32


class Reserve:
    """So many descriptors of ours that can be had at once."""

    def __init__(self) -> None:
        self.held: list[int] = []
        self.take()

    def take(self) -> None:
        """Take what is missing, as far as there is any."""
        with contextlib.suppress(OSError):
            while len(self.held) < COUNT:
                self.held.append(fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3))

    def free(self) -> None:
        """Let go of them."""
        while self.held:
            os.close(self.held.pop())
