"""Directories watched by inotify; the only importer of pyinotify.

An accelerator, never the truth: whatever goes wrong here (a full queue, a name that is no UTF-8, no
watches left) means "look at everything again", and svscan does that on its ticks anyway.
"""

import fcntl
import logging
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

Changed = Callable[[bytes, bool], None]  # the name, and whether it came complete, by rename


class Watch:
    """An inotify instance.

    Attributes:
        fd: readable when there are events.
        lost: called when events may be missing.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        """Make the instance.

        Raises:
            OSError: none can be had. Makes child processes: to be called before the loop exists.
        """
        logging.getLogger("pyinotify").disabled = True  # it prints errors that we handle
        self.lost = lost
        self.manager = pyinotify.WatchManager()
        self.fd: int = self.manager.get_fd()
        flags = fcntl.fcntl(self.fd, fcntl.F_GETFD)
        fcntl.fcntl(self.fd, fcntl.F_SETFD, flags | fcntl.FD_CLOEXEC)
        self.notifier = pyinotify.Notifier(self.manager, self.dispatch, timeout=0)
        self.changed: dict[int, Changed] = {}

    def add(self, directory: int, changed: Changed) -> int:
        """Watch a directory, by descriptor.

        Returns:
            A number for `remove`.

        Raises:
            OSError: the kernel has no watches left, or the directory is gone.
        """
        path = f"/proc/self/fd/{directory}"
        try:
            number = int(self.manager.add_watch(path, MASK, quiet=False)[path])
        except (pyinotify.WatchManagerError, KeyError) as exc:
            raise OSError(0, "no inotify watch to be had") from exc
        self.changed[number] = changed
        return number

    def remove(self, number: int) -> None:
        """End a watch; one that ended by itself, with its directory, does not mind."""
        if self.changed.pop(number, None):
            self.manager.rm_watch(number, quiet=True)

    def close(self) -> None:
        """End all watches."""
        self.notifier.stop()

    def read(self) -> None:
        """Take the events that have come, and pass each on."""
        try:
            self.notifier.read_events()
            self.notifier.process_events()
        except (OSError, UnicodeDecodeError, pyinotify.PyinotifyError):
            self.lost()

    def dispatch(self, event: pyinotify.Event) -> None:
        """Pass one event on to whom it concerns."""
        if event.mask & pyinotify.IN_Q_OVERFLOW:
            self.lost()
        elif event.wd in self.changed:
            came_by_rename = bool(event.mask & pyinotify.IN_MOVED_TO)
            self.changed[event.wd]((event.name or "").encode(), came_by_rename)
