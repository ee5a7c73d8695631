"""The files of one service directory: `down`, and what is in `supervise/`.

There are those of daemontools 0.76 (lock, control, ok, status), `pipe`, and `child`: who the
process is, written before it may run. Everything goes by the directory's descriptor, never by a
path that may be renamed meanwhile; the label is for messages only. What is written is decided
elsewhere (supervise.py).

Source: daemontools 0.76 supervise.c; the words of its messages are kept.
"""

import contextlib
import errno
import fcntl
import os
import stat
from typing import NamedTuple

from pysvscan import joined
from pysvscan.core import identity, status
from pysvscan.core.identity import Identity
from pysvscan.core.status import Status
from pysvscan.strerr import Fatal, name

PAGE = 4096
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
CHILD = b"supervise/child"
BOTH = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Recorded(NamedTuple):
    """What `supervise/child` says.

    Attributes:
        process: who ran last.
        author: the account on whose word this is; -1: it may be anybody's.
        is_left: whether the supervisor was ordered to leave.
    """

    process: Identity
    author: int
    is_left: bool


class Files:
    """A service directory's files, by its descriptor.

    Attributes:
        directory: the descriptor; the caller's.
        label: the directory's name.
        lock, control, ok: descriptors; -1 while we do not supervise.
        held: those that are open.
    """

    def __init__(self, directory: int, label: bytes) -> None:
        self.directory = directory
        self.label = label
        self.lock = self.control = self.ok = -1
        self.held: list[int] = []

    def path(self, base: bytes) -> str:
        """Name a file of this directory in a message."""
        return name(self.label + b"/" + base)

    def is_wanted(self) -> bool:
        """Look whether there is a file `down`."""
        try:
            os.stat(b"down", dir_fd=self.directory)
        except FileNotFoundError:
            return True
        except OSError as exc:
            raise Fatal(f"unable to stat {self.path(b'down')}") from exc
        return False

    # what is held

    def take(self, former: "Files | None" = None) -> None:
        """Make `supervise`, lock it, open control.

        Args:
            former: what we had of it; where its lock is still there, that one is kept.

        Raises:
            Fatal: with the words of C supervise; `close` then closes what was opened.
        """
        make_directory(b"supervise", self.directory)
        if former and former.is_there(former.lock, b"lock"):
            self.lock = os.dup(former.lock)  # a second descriptor of the same lock
            self.held.append(self.lock)
        else:
            self.lock = self.open_lock()
        self.control = self.open_fifo(b"control", BOTH)
        self.held.append(self.control)
        shorten(self.control)

    def open_ok(self) -> None:
        """Open ok: it says that we supervise. Where descriptors are short, it is control, too."""
        if joined.is_short(self.control) and joined.join(self.directory, self.control):
            self.ok = self.control
            return
        self.ok = self.open_fifo(b"ok", READ)
        self.held.append(self.ok)
        shorten(self.ok)

    def open_pipe(self) -> int:
        """Open the FIFO between service and logger as its holder, made if need be; the caller's."""
        return self.open_fifo(b"pipe", BOTH)

    def open_lock(self) -> int:
        """Open and lock `supervise/lock`: who holds it supervises."""
        flags = WRITE | os.O_APPEND | os.O_CREAT
        try:
            lock = os.open(b"supervise/lock", flags, 0o600, dir_fd=self.directory)
            self.held.append(lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise Fatal(f"unable to acquire {self.path(b'supervise/lock')}") from exc
        return lock

    def open_fifo(self, base: bytes, flags: int) -> int:
        """Make a FIFO if there is none, and open it; owner and mode of an old one are kept."""
        path = b"supervise/" + base
        with contextlib.suppress(OSError):
            os.mkfifo(path, 0o600, dir_fd=self.directory)
        try:
            fd = os.open(path, flags, dir_fd=self.directory)
        except OSError as exc:
            raise Fatal(f"unable to {self.verb(path)} {self.path(path)}") from exc
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise Fatal(f"unable to read {self.path(path)}: not a FIFO")
        return fd

    def verb(self, path: bytes) -> str:
        """Say where C cannot open a FIFO: it opens to read, then to write."""
        try:
            os.close(os.open(path, READ, dir_fd=self.directory))
        except OSError:
            return "read"
        return "write"

    def are_ours(self) -> bool:
        """Say whether `supervise` is still the directory that we took, with all that we hold."""
        ours = ((self.lock, b"lock"), (self.control, b"control"), (self.ok, b"ok"))
        return all(self.is_there(fd, base) for fd, base in ours)

    def is_there(self, held: int, base: bytes) -> bool:
        """Say whether a name in `supervise` is still the file that we hold."""
        ours, path = os.fstat(held), b"supervise/" + base
        try:
            found = os.stat(path, dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino)

    def close(self) -> None:
        """Close lock, control and ok: another may supervise."""
        while self.held:
            os.close(self.held.pop())
        self.lock = self.control = self.ok = -1

    # child: who the process is

    def own(self, process: Identity) -> Identity:
        """Tie an identity to this directory: a copy of it must not claim our process."""
        lock = os.fstat(self.lock)
        process.device, process.inode = lock.st_dev, lock.st_ino
        return process

    def record(self, process: Identity, path: bytes = CHILD) -> None:
        """Write down who will run, in place: it must work on a full disk.

        A file that is not our own is then replaced: its owner could change the record later.
        """
        data = identity.pack(self.own(process))
        try:
            fd = os.open(path, BOTH | os.O_CREAT, 0o600, dir_fd=self.directory)
            try:
                check(fd)
                os.pwrite(fd, data, 0)
                is_own = author(fd) == os.geteuid()
            finally:
                os.close(fd)
        except OSError as exc:
            raise Fatal(f"unable to write {self.path(path)}") from exc
        if not is_own:
            with contextlib.suppress(OSError):  # it stays as it is, and is believed as little
                self.replace_child(data, path)

    def replace_child(self, data: bytes, path: bytes) -> None:
        """Write child.new, which nobody else has ever had open, and rename it to child."""
        new, here = path + b".new", self.directory
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=here)
        fd = os.open(new, WRITE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=here)
        try:
            os.pwrite(fd, data, 0)
        finally:
            os.close(fd)
        os.rename(new, path, src_dir_fd=here, dst_dir_fd=here)

    def leave(self) -> None:
        """Record, in place, that we were ordered to leave: whoever comes next asks `down`."""
        with contextlib.suppress(OSError):
            fd = os.open(b"supervise/child", BOTH, dir_fd=self.directory)
            try:
                check(fd)
                os.pwrite(fd, identity.leave(os.read(fd, identity.BYTES)), 0)
            finally:
                os.close(fd)

    def recorded(self, path: bytes = CHILD) -> Recorded | None:
        """Read who ran last; None if nobody did, or if it cannot be made out.

        Raises:
            OSError: it cannot be read, and may name a process that lives.
        """
        try:
            fd = os.open(path, READ, dir_fd=self.directory)
            try:
                data = os.read(fd, identity.BYTES)
                return Recorded(identity.unpack(data), author(fd), identity.is_left(data))
            finally:
                os.close(fd)
        except (FileNotFoundError, identity.IdentityError):
            return None

    def read(self, path: bytes, size: int) -> bytes:
        """Read the beginning of a small file."""
        fd = os.open(path, READ, dir_fd=self.directory)
        try:
            return os.read(fd, size)
        finally:
            os.close(fd)

    # status

    def read_status(self) -> Status | None:
        """Read what a predecessor said last; nothing that can be read is nothing said."""
        try:
            return status.unpack(self.read(b"supervise/status", status.BYTES))
        except (OSError, status.StatusError):
            return None

    def write_status(self, data: bytes) -> None:
        """Write the status: by rename, with owner and mode that somebody gave the old one.

        Where no new file can be made (a full disk) the old one is written in place.

        Raises:
            Fatal: neither could be done; what C says when it cannot do the first.
        """
        try:
            self.replace_status(data)
        except Fatal:
            try:
                self.overwrite_status(data)
            except OSError:
                pass
            else:
                return
            raise

    def replace_status(self, data: bytes) -> None:
        """Write status.new and rename it to status."""
        new, here = b"supervise/status.new", self.directory
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=here)
        try:
            fd = os.open(new, WRITE | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=here)
        except OSError as exc:
            raise Fatal(f"unable to open {self.path(new)}") from exc
        try:
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, "")
            self.keep_owner_and_mode(fd)
        except OSError as exc:
            raise Fatal(f"unable to write {self.path(new)}") from exc
        finally:
            os.close(fd)
        try:
            os.rename(new, b"supervise/status", src_dir_fd=here, dst_dir_fd=here)
        except OSError as exc:
            raise Fatal(f"unable to rename {self.path(new)} to status") from exc

    def keep_owner_and_mode(self, fd: int) -> None:
        """Give a new status file what the old one has, if it has something of its own."""
        new = os.fstat(fd)
        try:
            old = os.stat(b"supervise/status", dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return
        if not stat.S_ISREG(old.st_mode):
            return
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with contextlib.suppress(PermissionError):
                os.fchown(fd, old.st_uid, old.st_gid)
        if old.st_mode != new.st_mode:
            os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)

    def overwrite_status(self, data: bytes) -> None:
        """Write the old status file in place: no new block is needed."""
        fd = os.open(b"supervise/status", WRITE, dir_fd=self.directory)
        try:
            check(fd)
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)


def make_directory(base: bytes, directory: int) -> None:
    """Make a directory; where it is a dangling link (Debian's patch), what it points to.

    What stands in the way is said when something in it cannot be opened.
    """
    try:
        os.mkdir(base, 0o700, dir_fd=directory)
    except OSError:
        with contextlib.suppress(OSError):
            os.mkdir(os.readlink(base, dir_fd=directory), 0o700, dir_fd=directory)


def shorten(fifo: int) -> None:
    """Cut a FIFO for commands to a page; a user has 1,024 of full size, and logs need them."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(fifo, fcntl.F_SETPIPE_SZ, PAGE)


def author(fd: int) -> int:
    """Say whose word a file's contents are; -1 where others may write it, or have it elsewhere."""
    found = os.fstat(fd)
    is_private = found.st_nlink == 1 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid if is_private else -1


def check(fd: int) -> None:
    """Refuse to write over anything but a plain file of our own: a link's target is not ours."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise OSError(errno.EPERM, "not a file of our own")
