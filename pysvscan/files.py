"""The files by which a service directory is supervised: `down`; in `supervise/` lock and FIFOs.

The FIFOs are control and ok, as in daemontools 0.76, and `pipe`. Everything goes by the directory's
descriptor, never by a path that may be renamed meanwhile; the label is for messages only. Not here:
what is written for others to read: childfile.py, servicestatus.py, historyfile.py.

Source: daemontools 0.76 supervise.c; the words of its messages are kept.
"""

import contextlib
import fcntl
import os
import stat

from pysvscan import joined
from pysvscan.core.identity import Identity
from pysvscan.ownfile import BOTH, READ, WRITE
from pysvscan.strerr import Fatal, name

PAGE = 4096
COMMANDS = 32  # served in one turn: all that one svc sends, and no more of what floods a control


class Files:
    """A service directory's lock and FIFOs, by its descriptor.

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

    def read_control(self) -> bytes:
        """Read some of the commands that have come; none where another look took them."""
        try:
            return os.read(self.control, COMMANDS)
        except BlockingIOError:
            return b""

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

    def own(self, process: Identity) -> Identity:
        """Tie an identity to this directory: a copy of it must not claim our process."""
        lock = os.fstat(self.lock)
        process.device, process.inode = lock.st_dev, lock.st_ino
        return process


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
