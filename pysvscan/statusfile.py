"""One `=file` of a multilog script: it shows the last selected line.

Written over in place, neither atomic nor brought to the disk. Source: daemontools 0.76 multilog.c.
"""

import os

from pysvscan import strerr
from pysvscan.stuck import dying, pausing

NEW = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK


class StatusFile:
    """One `=file`, of exactly 1001 bytes once a line came."""

    def __init__(self, path: bytes) -> None:
        """Open the file, made if it is missing, not truncated.

        Raises:
            strerr.Fatal: what keeps multilog from starting.
        """
        self.name = strerr.name(path)
        self.record = b""  # to be written
        with dying(f"unable to create {self.name}"):
            os.close(os.open(path, NEW, 0o600))
        with dying(f"unable to write {self.name}"):
            self.fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    def put(self, record: bytes) -> None:
        """Take the record to be written; one that was not yet written is outdated."""
        self.record = record

    def is_busy(self) -> bool:
        """Say whether anything is left to do."""
        return bool(self.record)

    def advance(self) -> None:
        """Write the record over the last one.

        Raises:
            Stuck: it cannot be written. Try again later.
        """
        if not self.record:
            return
        with pausing(f"unable to move to beginning of {self.name}"):
            os.lseek(self.fd, 0, os.SEEK_SET)
        with pausing(f"unable to write {self.name}"):
            rest = memoryview(self.record)
            while rest:
                rest = rest[os.write(self.fd, rest) :]
        self.record = b""

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.fd)
