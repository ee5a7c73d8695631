"""Waits until log directories may have changed: by inotify where it is to be had, else by time.

pyinotify would take as long to import as all else that svlog does: two calls of libc do as well.
Once a second it looks anyway: not every file system says what others do.
"""

import contextlib
import os
import select

EVENTS = 0x2 | 0x40 | 0x80 | 0x100  # IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE
FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
IDLE_MS = 1000
GAP_MS = 10  # between two looks, so that a busy log is read in larger pieces
READ_BYTES = 65536


class Awaiting:
    """Waits for changes, and for the end of whoever reads descriptor 1.

    Attributes:
        fd: of inotify; -1: there is none.
        is_busy: the last wait ended because something had changed.
    """

    def __init__(self, directories: list[bytes]) -> None:
        self.fd = watch(directories)
        self.is_busy = False
        self.poll = select.poll()
        self.poll.register(1, 0)  # errors only
        self.gap = select.poll()
        self.gap.register(1, 0)
        if self.fd >= 0:
            self.poll.register(self.fd, select.POLLIN)

    def wait(self) -> bool:
        """Wait until there may be something; False: nobody reads any more."""
        ready = {fd for fd, _ in self.gap.poll(GAP_MS)} if self.is_busy else set()
        ready |= {fd for fd, _ in self.poll.poll(IDLE_MS)}
        self.is_busy = self.fd in ready
        if self.is_busy:
            with contextlib.suppress(OSError):
                os.read(self.fd, READ_BYTES)
        return 1 not in ready


def watch(directories: list[bytes]) -> int:
    """Watch directories; gives a descriptor, -1 where that is not to be had."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        fd: int = libc.inotify_init1(FLAGS)
        for directory in directories:
            libc.inotify_add_watch(fd, directory, EVENTS)
    except (ImportError, OSError, AttributeError):
        return -1
    return fd
