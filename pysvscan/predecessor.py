"""What the last supervisor of a directory wanted, if it died: then the next one wants the same.

After an order to leave (`x`, an ordered stop), after a reboot, and where C's supervise was there
since, the file `down` decides, as in C.
"""

import contextlib

from pysvscan import childfile, servicestatus
from pysvscan.core import identity, status
from pysvscan.core.identity import Identity
from pysvscan.core.status import Status
from pysvscan.files import Files
from pysvscan.pidfd import Kernel, start_ticks
from pysvscan.strerr import Fatal

WANTS = (b"u", b"d", b"\0")


class Predecessor:
    """The last supervisor of a directory; to be asked while we hold the directory's lock.

    Attributes:
        recorded: the process of the service, as it was recorded; None: nobody, or not of here.
        said: what it said last, of whatever process; None: nothing.
        status: what it said last and wanted still when it died; None: `down` decides.
    """

    def __init__(self, files: Files, kernel: Kernel) -> None:
        self.files = files
        self.kernel = kernel
        self.recorded = self.find()
        self.said = self.read_status()
        self.status = self.said if self.recorded else None

    def nobody(self) -> Identity:
        """Give the record of a directory that we supervise, and where no process ran yet."""
        ours = Identity(self.kernel.boot, self.kernel.namespace, 0, 0, 0, self.kernel.ticks, 0)
        return self.files.own(ours)

    def find(self) -> Identity | None:
        """Read the record, if a supervisor that died in this boot and pid namespace left it."""
        try:
            found = childfile.read(self.files.directory)
        except OSError:
            return None
        if not found or found.is_left:
            return None
        is_heir = identity.is_heir(found.process, self.nobody(), start_ticks(1))
        return found.process if is_heir else None

    def read_status(self) -> Status | None:
        """Read the status, if it is that supervisor's."""
        found = servicestatus.read(self.files.directory)
        if not found or found.want not in WANTS or status.is_from_c(found.since_ns):
            return None
        return found

    def succeed(self, pid: int = 0, pidfd: int = -1) -> None:
        """Record that the directory is supervised again, unless its record says so already.

        Where that fails, a start will say so.

        Args:
            pid: of the process that we took over, or 0.
            pidfd: that holds it.
        """
        if self.recorded:
            return
        ours = self.kernel.identify_held(pid, pidfd) if pid else self.nobody()
        with contextlib.suppress(Fatal):
            childfile.record(self.files, ours)
