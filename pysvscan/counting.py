"""What one log counts, while its outlets come and go; without a file for it, nothing."""

import os
import time

from pysvscan.counters import Counters
from pysvscan.lines import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.outlets import Outlets


class Counting:
    """The counters of one log.

    Attributes:
        is_shown: others can see all that was counted.
        before: rotations, retries, lines and bytes lost of outlets that are closed.
    """

    def __init__(
        self, descriptors: list[int], say: "Callable[[str, BaseException | None], None]"
    ) -> None:
        """Take the file, if there is one."""
        self.file: Counters | None = None
        self.is_shown = True
        for fd in descriptors:
            try:
                self.file = Counters(fd, time.time_ns())
            except OSError as exc:
                say("unable to count", exc)
            os.close(fd)
        self.before = (0, 0, 0, 0)
        if self.file:
            it = self.file.counts
            self.before = (it.rotations, it.retries, it.lines_lost, it.bytes_lost)

    def count(self, data: bytes, kept: bytes, is_all: bool) -> None:
        """Count one read.

        Args:
            data: what was read.
            kept: what of it the first directory gets.
            is_all: no line was left out.
        """
        if self.file:
            counts = self.file.counts
            lines = count(data)
            counts.lines_in += lines
            counts.bytes_in += len(data)
            counts.lines_kept += lines if is_all else count(kept)
            counts.bytes_kept += len(kept)
            self.is_shown = False

    def show(self, outlets: "Outlets") -> None:
        """Let others see what was counted, by us and by these outlets."""
        if self.file:
            it = self.file.counts
            rotations, retries, lines, size = self.before
            it.rotations = rotations + sum(log.rotations for log in outlets.logs)
            it.retries = retries + outlets.retries
            it.lines_lost = lines + sum(log.losses.total_lines for log in outlets.logs)
            it.bytes_lost = size + sum(log.losses.total_bytes for log in outlets.logs)
            self.file.write()
            self.is_shown = True

    def keep(self, outlets: "Outlets") -> None:
        """Keep what outlets have counted that are about to be closed."""
        self.show(outlets)
        if self.file:
            it = self.file.counts
            self.before = (it.rotations, it.retries, it.lines_lost, it.bytes_lost)

    def lose(self, lines: int, size: int) -> None:
        """Count what is given up."""
        rotations, retries, lines_before, size_before = self.before
        self.before = (rotations, retries, lines_before + lines, size_before + size)

    def close(self) -> None:
        """Let go of the file."""
        if self.file:
            self.file.close()
            self.file = None
