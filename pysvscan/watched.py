"""The directories of one entry in which something is missing, watched until it works there.

That is but quicker than the ticks, which look there anyway. How watching is done: watch.py.
"""

from typing import TYPE_CHECKING

from pysvscan import servicetoml, strerr

if TYPE_CHECKING:
    from pysvscan.entry import Entry


class Watched:
    """What is watched for one entry.

    Attributes:
        numbers: directory's descriptor: its watch.
    """

    __slots__ = ("entry", "numbers")

    def __init__(self, entry: "Entry") -> None:
        self.entry = entry
        self.numbers: dict[int, int] = {}

    def add(self, directory: int) -> None:
        """Watch a directory, if it is not watched already, and can be."""
        scan = self.entry.scan
        if scan.watch.fd >= 0 and directory not in self.numbers:
            try:
                self.numbers[directory] = scan.watch.add(directory, self.changed)
            except OSError as exc:
                message = f"unable to watch {strerr.name(self.entry.label)}, looking every 5 s"
                scan.say_seldom("svscan", "warning", message, exc)

    def remove(self, directory: int) -> None:
        """Watch a directory no more."""
        number = self.numbers.pop(directory, None)
        if number is not None:
            self.entry.scan.watch.remove(number)

    def clear(self) -> None:
        """Watch nothing any more."""
        for directory in list(self.numbers):
            self.remove(directory)

    def changed(self, name: bytes, came_by_rename: bool) -> None:  # noqa: ARG002
        """Try again what did not work, now that a directory has changed."""
        boundary = self.entry.scan.boundary
        if name == servicetoml.NAME:
            boundary(self.entry, self.entry.tend)
        if name != b"supervise":
            boundary(self.entry, self.entry.try_again)
