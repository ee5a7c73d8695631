"""What a log directory's next owner does with what the last one left, an orderly end or a crash.

Source: daemontools 0.76 multilog.c restart().
"""

import os

from pysvscan.core.suffix import TORN
from pysvscan.logdir import CLEAN
from pysvscan.stuck import dying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.archives import Archives
    from pysvscan.logdir import Logdir
    from pysvscan.strand import Step


class Recovery:
    """The way to an open `current`, which `open_current` opens: the last step."""

    def __init__(self, archives: "Archives") -> None:
        self.directory: Logdir = archives.directory
        self.archives = archives

    def is_clean(self) -> bool:
        """Say whether current was left complete."""
        return bool(self.directory.mode(b"current") & CLEAN)

    def steps(self) -> "list[Step]":
        """Put everything into archives, in the order in which it was written."""
        self.directory.unlink_quietly(b"state")
        self.directory.unlink_quietly(b"newstate")
        name, suffix = b"previous", TORN
        if self.directory.mode(b"processed") & CLEAN:
            self.directory.unlink_quietly(b"previous")
            name, suffix = b"processed", self.archives.suffix
        else:
            self.directory.unlink_quietly(b"processed")
        return [
            lambda: self.archives.add(name, suffix),
            lambda: self.archives.add(b"current", TORN),
            self.archives.remove_replaced,
            self.create_state,
        ]

    def create_state(self) -> "list[Step]":
        """Begin with an empty state for the processor."""
        with dying(f"unable to write to {self.directory.file(b'state')}"):
            os.close(self.directory.open_new(b"state", os.O_TRUNC, 0o644))
        return []
