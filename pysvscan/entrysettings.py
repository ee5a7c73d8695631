"""The settings that a service has: those that service.toml had when it last was right.

Where it never was right since we began, the service has none, and must not start: as root, say,
where the file would have named an account.
"""

import os

from pysvscan import servicetoml
from pysvscan.core.runsettings import Run
from pysvscan.core.settings import Settings
from pysvscan.strerr import Fatal

Seen = tuple[int, ...]
ABSENT: Seen = ()
NEVER: Seen = (-1,)
CLASSIC = Settings()


class EntrySettings:
    """A service's settings.

    Attributes:
        settings: those of a classic service until the file is read.
        seen: the file that was read last, by what stat says of it; ABSENT: there was none.
        is_bad: that file is wrong; the settings are those before it.
        failure: why there are no settings yet; None: there are, by this file or one before it.
        is_unread: what seen says was not read: the system did not let us.
    """

    def __init__(self, directory: int, known: dict[Settings, Settings]) -> None:
        """Begin as a classic service.

        Args:
            directory: of the service.
            known: settings of all services: equal ones are one object.
        """
        self.directory = directory
        self.known = known
        self.settings = CLASSIC
        self.seen = NEVER
        self.is_bad = False
        self.failure: Fatal | None = Fatal("unable to start without having read service.toml")
        self.is_unread = True

    def look(self) -> bool:
        """Say whether the file has to be read, again or for the first time."""
        return self.is_unread or self.found() != self.seen

    def found(self) -> Seen:
        """Say which file is there."""
        try:
            it = os.stat(servicetoml.NAME, dir_fd=self.directory)
        except OSError:
            return NEVER if servicetoml.is_there(self.directory) else ABSENT
        return (it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns, it.st_ctime_ns)

    def read(self, label: bytes) -> None:
        """Read the file.

        Raises:
            Fatal: it is wrong; the settings stay as they are.
        """
        self.seen = self.found()  # before it is read: a change in between is seen next time
        self.is_bad = True
        try:
            found = servicetoml.read(self.directory, label)
        except Fatal as exc:
            self.is_unread = exc.__cause__ is not None
            self.failure = self.failure and exc
            raise
        self.settings = self.known.setdefault(found, found)
        self.is_bad = self.is_unread = False
        self.failure = None

    def run(self) -> Run | None:
        """Give [run] for a start.

        Raises:
            Fatal: the file is wrong, and never was right.
        """
        if self.failure:
            raise Fatal(str(self.failure)) from self.failure.__cause__
        return self.settings.run

    def has_file(self) -> bool:
        """Say whether there is a service.toml, right or wrong."""
        return self.seen not in (ABSENT, NEVER)
