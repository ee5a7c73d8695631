"""Makes of a service's log/run and its [log] in service.toml the one that is missing.

So that one directory serves both supervisors. What is there is never overwritten: who wants a
log/run anew removes it first. How the two are written: core/logrun.py.
"""

import contextlib
import os
import stat

from pysvscan import servicetoml, strerr
from pysvscan.core import logrun, settings
from pysvscan.core.settings import Log
from pysvscan.core.values import SettingsError
from pysvscan.strerr import Fatal, name

RUN = b"log/run"
MAX_BYTES = 65536
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def convert(directory: bytes) -> str:
    """Make what is missing in one service directory.

    Returns:
        What was made, for whoever asked; nothing if both are there and say the same.

    Raises:
        Fatal: neither is there, they differ, or one cannot be made of the other.
    """
    try:
        here = os.open(directory, DIRECTORY)
    except OSError as exc:
        raise Fatal(f"unable to open directory {name(directory)}") from exc
    try:
        return Service(here, directory).convert()
    finally:
        os.close(here)


class Service:
    """One service directory.

    Attributes:
        directory: its descriptor; the caller's.
        toml, run: the names of the two files in messages.
    """

    def __init__(self, directory: int, label: bytes) -> None:
        self.directory = directory
        self.toml = name(label + b"/" + servicetoml.NAME)
        self.run = name(label + b"/" + RUN)

    def convert(self) -> str:
        """Make what is missing; see `convert`."""
        toml, run = self.read(servicetoml.NAME, self.toml), self.read(RUN, self.run)
        ours = None if toml is None else self.parse_toml(toml)
        if run is None and ours is None:
            raise Fatal(f"unable to find {self.run}, or [log] in {self.toml}")
        if run is None and ours:
            return self.make_run(ours)
        classic = self.parse_run(run or b"")
        if ours is None:
            return self.add_table(toml, classic)
        if not logrun.is_same(ours, classic):
            raise Fatal(f"{self.run} and {self.toml} differ: remove what is to be made anew")
        return ""

    # reading

    def read(self, path: bytes, label: str) -> bytes | None:
        """Read a file; None where there is none."""
        try:
            fd = os.open(path, READ, dir_fd=self.directory)
            try:
                data = os.read(fd, MAX_BYTES + 1)
            finally:
                os.close(fd)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise Fatal(f"unable to read {label}") from exc
        if len(data) > MAX_BYTES:
            raise Fatal(f"unable to read {label}: larger than {MAX_BYTES} bytes")
        return data

    def parse_toml(self, data: bytes) -> Log | None:
        """Parse [log]; None where there is none. Other tables are svscan's business."""
        try:
            table = servicetoml.parse(data)
            ours = {key: value for key, value in table.items() if key == "log"}
            return settings.parse(ours, os.geteuid() == 0).log
        except SettingsError as exc:
            raise Fatal(f"{self.toml}: {exc}") from None

    def parse_run(self, data: bytes) -> Log:
        """Parse log/run, which without setuidgid runs as whoever svscan is: root, if we are."""
        try:
            return logrun.parse(data, "root" if os.geteuid() == 0 else None)
        except logrun.LogrunError as exc:
            raise Fatal(f"{self.run}: {exc}") from None

    # writing

    def make_run(self, log: Log) -> str:
        """Write log/run."""
        try:
            os.mkdir(b"log", 0o755, dir_fd=self.directory)
        except FileExistsError:
            pass
        except OSError as exc:
            raise Fatal(f"unable to make {self.run.removesuffix('/run')}") from exc
        self.publish(RUN, self.run, logrun.run_of(log), 0o755)
        if keys := logrun.only_ours(log):
            strerr.warn("logrun", f"{self.run}: C's multilog knows no {', '.join(keys)}")
        for what in logrun.unlike_c(log):
            strerr.warn("logrun", f"{self.run}: C's multilog {what}")
        return f"{self.run}: made from {self.toml}"

    def add_table(self, old: bytes | None, log: Log) -> str:
        """Write [log] into service.toml, below what is there."""
        data = logrun.added(old or b"", log)
        if self.parse_toml(data) != log:
            raise Fatal(f"unable to add [log] to {self.toml}")
        if old is None:
            self.publish(servicetoml.NAME, self.toml, data, 0o644)
        else:
            self.replace(servicetoml.NAME, self.toml, data)
        return f"{self.toml}: [log] made from {self.run}"

    def publish(self, path: bytes, label: str, data: bytes, mode: int) -> None:
        """Make a new file as a whole, and only where there is none."""
        new = path + b".new"
        here = self.directory
        try:
            self.write(new, data, mode)
            try:
                os.link(new, path, src_dir_fd=here, dst_dir_fd=here)
            finally:
                os.unlink(new, dir_fd=here)
        except OSError as exc:
            raise Fatal(f"unable to make {label}") from exc

    def replace(self, path: bytes, label: str, data: bytes) -> None:
        """Replace a file as a whole, with its owner and mode; a link leads to others' settings."""
        new, here = path + b".new", self.directory
        try:
            old = os.stat(path, dir_fd=here, follow_symlinks=False)
            if not stat.S_ISREG(old.st_mode):
                raise OSError("not a plain file")
            self.write(new, data, stat.S_IMODE(old.st_mode), (old.st_uid, old.st_gid))
            os.rename(new, path, src_dir_fd=here, dst_dir_fd=here)
        except OSError as exc:
            raise Fatal(f"unable to replace {label}") from exc

    def write(
        self, path: bytes, data: bytes, mode: int, owner: tuple[int, int] | None = None
    ) -> None:
        """Write a file to the disk, instead of what an interrupted call left of this name."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path, dir_fd=self.directory)
        fd = os.open(path, NEW, 0o600, dir_fd=self.directory)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            if owner and owner != (os.geteuid(), os.getegid()):
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
