"""Where svinstance's templates are, and the instances made of them as they are to be."""

import os
import sys

import pysvscan
from pysvscan.core import instance
from pysvscan.core.instance import Composed, Files, Instance, InstanceError
from pysvscan.instancedir import account, read_template
from pysvscan.strerr import Fatal


def usual() -> bytes:
    """Give the directory of our own templates: where we are installed, or checked out."""
    installed = os.path.join(sys.prefix, "share/pysvscan/service.d")
    beside = os.path.join(os.path.dirname(os.path.dirname(pysvscan.__file__)), "service.d")
    return os.fsencode(installed if os.path.isdir(installed) else beside)


class Templates:
    """The templates of a directory, each read once."""

    def __init__(self, directory: bytes) -> None:
        self.directory = directory
        self.read: dict[str, Files] = {}

    def names(self) -> list[str]:
        """List them."""
        try:
            found = os.listdir(os.fsdecode(self.directory))
        except OSError as exc:
            raise Fatal(f"unable to read {os.fsdecode(self.directory)}") from exc
        return sorted(name for name in found if name.endswith("@") and name[0] != ".")

    def files(self, name: str) -> Files:
        """Give the files of one."""
        if name not in self.read:
            self.read[name] = read_template(self.directory, name)
        return self.read[name]

    def compose(self, asked: Instance) -> Composed:
        """Make an instance as it is to be, and check what only the system knows.

        Raises:
            InstanceError, SettingsError: a value cannot be.
            Fatal: the template cannot be read.
        """
        made = instance.compose(self.files(asked.template), asked, os.geteuid() == 0)
        instance.directories(made.log)
        instance.shown_files(made.log)
        if made.log and made.log.user:
            exists("log.user", made.log.user)
        owner = made.files.get("env/ACCOUNT", (b"", 0))[0].decode().strip()
        if owner and os.geteuid() == 0:
            exists("ACCOUNT", owner)
        return made


def exists(key: str, name: str) -> None:
    """Refuse an account that this host does not have, or else a whole sync stops half way."""
    try:
        account(name)
    except Fatal:
        raise InstanceError(f'{key}: "{name}" is no account of this host') from None
