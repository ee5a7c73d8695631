"""Directories watched by inotify; the only importer of pyinotify.

An accelerator, never the truth: whatever goes wrong here (a full queue, no instance, no watches
left) means "look at everything again", and svscan does that on its ticks anyway.

Of pyinotify only the calls are used: its Notifier loses the whole batch of events in which one name
is no UTF-8, and its WatchManager does not say which limit was reached.
"""

import errno
import os
import struct
from collections.abc import Callable

import pyinotify

MASK = (
    pyinotify.IN_CREATE
    | pyinotify.IN_MOVED_TO
    | pyinotify.IN_MOVED_FROM
    | pyinotify.IN_DELETE
    | pyinotify.IN_ATTRIB
    | pyinotify.IN_CLOSE_WRITE
    | pyinotify.IN_ONLYDIR
)
EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
BATCH = 65536
REASONS = {  # what the errors mean here: the texts of strerr would mislead
    errno.EMFILE: "fs.inotify.max_user_instances, or the limit of descriptors, is reached",
    errno.ENOSPC: "fs.inotify.max_user_watches is reached",
}

Changed = Callable[[bytes, bool], None]  # the name, and whether it came complete, by rename


class Watch:
    """An inotify instance.

    Attributes:
        fd: readable when there are events; -1: there is no inotify at the moment.
        lost: called when events may be missing.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        """Prepare; makes child processes (ldconfig), so call it before the loop exists."""
        self.lost = lost
        self.calls = pyinotify.INotifyWrapper.create()
        self.fd = -1
        self.changed: dict[int, Changed] = {}

    def open(self) -> None:
        """Make the instance.

        Raises:
            OSError: none can be had.
        """
        self.fd = self.call(self.calls.inotify_init()) if self.calls else -1
        if self.fd < 0:
            raise OSError(errno.ENOSYS, "")
        os.set_inheritable(self.fd, False)
        os.set_blocking(self.fd, False)

    def call(self, result: int) -> int:
        """Give what a call returned.

        Raises:
            OSError: it failed.
        """
        if result < 0:
            number = self.calls.get_errno()
            raise OSError(REASONS[number]) if number in REASONS else OSError(number, "")
        return result

    def add(self, directory: int, changed: Changed) -> int:
        """Watch a directory, by descriptor.

        Returns:
            A number for `remove`.

        Raises:
            OSError: the kernel has no watches left, or the directory is gone.
        """
        path = f"/proc/self/fd/{directory}"
        number = self.call(self.calls.inotify_add_watch(self.fd, path, MASK))
        self.changed[number] = changed
        return number

    def remove(self, number: int) -> None:
        """End a watch; one that ended by itself, with its directory, does not mind."""
        if self.changed.pop(number, None):
            self.calls.inotify_rm_watch(self.fd, number)

    def close(self) -> None:
        """Have no instance any more."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
        self.changed.clear()

    def end(self) -> None:
        """End all watches: where a close or our exit has to, the kernel makes it wait for 20 ms."""
        for number in list(self.changed):
            self.remove(number)

    def read(self) -> None:
        """Take the events that have come, and pass each on."""
        try:
            data = os.read(self.fd, BATCH)
        except BlockingIOError:
            return
        for number, mask, name in events(data):
            if mask & pyinotify.IN_Q_OVERFLOW:
                self.lost()
            elif mask & pyinotify.IN_IGNORED:
                self.changed.pop(number, None)
            elif number in self.changed:
                self.changed[number](name, bool(mask & pyinotify.IN_MOVED_TO))


def events(data: bytes) -> list[tuple[int, int, bytes]]:
    """Decode what an inotify descriptor gives: (watch, mask, name) each, whatever bytes in it."""
    found = []
    at = 0
    while at < len(data):
        number, mask, _, size = EVENT.unpack_from(data, at)
        at += EVENT.size
        found.append((number, mask, data[at : at + size].rstrip(b"\0")))
        at += size
    return found
