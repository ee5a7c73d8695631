"""The settings that a service has: those that service.toml had when it last was right."""

import os

from pysvscan import servicetoml
from pysvscan.core.settings import Settings

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

    def look(self) -> bool:
        """Say whether the file has to be read, again or for the first time."""
        return self.found() != self.seen

    def found(self) -> Seen:
        """Say which file is there."""
        try:
            it = os.stat(servicetoml.NAME, dir_fd=self.directory)
        except FileNotFoundError:
            return ABSENT
        except OSError:
            return NEVER
        return (it.st_dev, it.st_ino, it.st_size, it.st_mtime_ns, it.st_ctime_ns)

    def read(self, label: bytes) -> None:
        """Read the file.

        Raises:
            Fatal: it is wrong; the settings stay as they are.
        """
        self.seen = self.found()  # before it is read: a change in between is seen next time
        self.is_bad = True
        found = servicetoml.read(self.directory, label)
        self.settings = self.known.setdefault(found, found)
        self.is_bad = False

    def has_file(self) -> bool:
        """Say whether there is a service.toml, right or wrong."""
        return self.seen not in (ABSENT, NEVER)
