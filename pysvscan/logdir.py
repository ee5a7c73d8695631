"""A log directory: its descriptor, its lock, and the files in it by their names.

Everything goes by the directory's descriptor, so that a renamed directory is still the same one.
Source: daemontools 0.76 multilog.c restart().
"""

import fcntl
import os

from pysvscan import strerr
from pysvscan.stuck import dying, ignoring, pausing

NEW = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK
CLEAN = 0o100  # this bit of current's mode: written to the end; of processed's: complete


class Logdir:
    """One log directory, locked and open.

    Attributes:
        path: as the script names it.
        name: the same, for messages.
    """

    def __init__(self, path: bytes, at_fd: int | None = None) -> None:
        """Open and lock the directory, made if it is missing.

        Args:
            path: of the directory.
            at_fd: where a relative path begins; None: in the current directory.

        Raises:
            strerr.Fatal: what keeps multilog from starting.
        """
        self.path = path
        self.name = strerr.name(path)
        self.make(at_fd)
        with dying(f"unable to open directory {self.name}"):
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at_fd)
        try:
            self.lock_fd = self.lock()
        except strerr.Fatal:
            os.close(self.fd)
            raise

    def make(self, at_fd: int | None) -> None:
        """Make the directory if it is missing; mostly, opening it says what is wrong.

        But who writes a [log] does not see why it "does not exist": the account may not make it.
        """
        try:
            os.mkdir(self.path, 0o700, dir_fd=at_fd)
        except PermissionError as exc:
            if at_fd is not None:  # multilog has C's words
                raise strerr.Fatal(f"unable to make directory {self.name}") from exc
        except OSError:
            pass

    def lock(self) -> int:
        """Lock the directory; returns what holds the lock."""
        with dying(f"unable to lock directory {self.name}"):
            fd = self.open_new(b"lock", os.O_APPEND, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                raise
        return fd

    def close(self) -> None:
        """Let go of the directory.

        Unlocked first: a child that is just being executed has its descriptors a moment longer
        than posix_spawn takes, and this process may want the directory back at once.
        """
        with ignoring():
            fcntl.flock(self.lock_fd, fcntl.LOCK_UN)
        os.close(self.lock_fd)
        os.close(self.fd)

    def is_removed(self) -> bool:
        """Say whether the directory has no name any more: what is written in it, nobody reads."""
        return os.fstat(self.fd).st_nlink == 0

    def file(self, name: bytes) -> str:
        """Name a file of this directory for a message."""
        return f"{self.name}/{strerr.name(name)}"

    def open_new(self, name: bytes, flags: int, mode: int) -> int:
        """Open a file of this directory for writing, made if it is missing."""
        return os.open(name, NEW | flags, mode, dir_fd=self.fd)

    def mode(self, name: bytes) -> int:
        """Return a file's mode, 0 if there is none."""
        with dying(f"unable to stat {self.file(name)}"):
            try:
                return os.stat(name, dir_fd=self.fd).st_mode
            except FileNotFoundError:
                return 0

    def stat(self, name: bytes) -> os.stat_result | None:
        """Look at a file, None if there is none."""
        with pausing("unable to stat {}/{}", self.path, name):
            try:
                return os.stat(name, dir_fd=self.fd)
            except FileNotFoundError:
                return None

    def rename(self, old: bytes, new: bytes) -> None:
        """Give a file another name."""
        with pausing("unable to rename {} to {} in directory {}", old, new, self.path):
            os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def unlink(self, name: bytes) -> None:
        """Remove one name, unless that happened before."""
        with pausing("unable to remove {}/{}", self.path, name):
            try:
                os.unlink(name, dir_fd=self.fd)
            except FileNotFoundError:
                return

    def unlink_quietly(self, name: bytes) -> None:
        """Remove a file if possible: a leftover that stays does no harm."""
        with ignoring():
            os.unlink(name, dir_fd=self.fd)

    def chmod(self, name: bytes, mode: int) -> None:
        """Set a file's mode."""
        with pausing("unable to set mode of {}/{}", self.path, name):
            os.chmod(name, mode, dir_fd=self.fd)

    def names(self) -> list[bytes]:
        """List all names, in no order."""
        with pausing(f"unable to read {self.name}"):
            names = "\0".join(os.listdir(self.fd))
        return os.fsencode(names).split(b"\0") if names else []
