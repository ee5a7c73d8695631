"""One instance's directory: its files read, written and removed, and its log's places made.

All by descriptors, and no link is followed: the scan directory, or an old log, may be another
account's, and we be root. What an instance consists of: core/instance.py.
"""

import contextlib
import os
import pwd
import stat

from pysvscan.core import instance
from pysvscan.core.instance import Composed, Files
from pysvscan.strerr import Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_BYTES = 1_000_000
CHANGING = ".changing"


class InstanceDir:
    """A service directory, by its descriptor.

    Attributes:
        fd: the descriptor; ours.
        label: its name in messages.
    """

    def __init__(self, parent: int, name: str) -> None:
        """Open a directory that is ours alone.

        Raises:
            Fatal: it is not, or it cannot be opened.
        """
        self.label = name
        try:
            self.fd = os.open(name, DIRECTORY, dir_fd=parent)
        except OSError as exc:
            raise Fatal(f"unable to open {name}") from exc
        if is_foreign(self.fd):
            os.close(self.fd)
            raise Fatal(f"unable to use {name}: other accounts can write there")

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    @contextlib.contextmanager
    def inside(self, path: str, verb: str, makes: bool = False) -> "Iterator[tuple[int, str]]":
        """Give the directory that a path is in, and its name there; errors are said of the path."""
        *parts, base = path.split("/")
        with contextlib.ExitStack() as held:
            here = self.fd
            try:
                for part in parts:
                    if makes:
                        with contextlib.suppress(FileExistsError):
                            os.mkdir(part, 0o755, dir_fd=here)
                    here = os.open(part, DIRECTORY, dir_fd=here)
                    held.callback(os.close, here)
                yield here, base
            except OSError as exc:
                raise Fatal(f"unable to {verb} {self.label}/{path}") from exc

    def read(self, path: str) -> tuple[bytes, int] | None:
        """Read a file and its mode; None if there is no plain file."""
        with self.inside(path, "read") as (here, base), contextlib.suppress(FileNotFoundError):
            fd = os.open(base, READ, dir_fd=here)
            with open(fd, "rb", buffering=0) as file:
                found = os.fstat(fd)
                if stat.S_ISREG(found.st_mode):
                    return file.read(MAX_BYTES), stat.S_IMODE(found.st_mode)
        return None

    def read_all(self, paths: "list[str]") -> Files:
        """Read those of some files that are there."""
        found: Files = {}
        for path in paths:
            with contextlib.suppress(Fatal):  # what cannot be read is written anew
                it = self.read(path)
                if it:
                    found[path] = it
        return found

    def write(self, path: str, data: bytes, mode: int) -> None:
        """Write a file as a whole: whoever looks sees the old one or the new one."""
        with self.inside(path, "write", makes=True) as (here, base):
            new = f".{base}.new"
            try:
                fd = os.open(new, NEW, 0o600, dir_fd=here)
            except FileExistsError:  # we were interrupted here
                os.unlink(new, dir_fd=here)
                fd = os.open(new, NEW, 0o600, dir_fd=here)
            with open(fd, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fchmod(fd, mode)
            os.rename(new, base, src_dir_fd=here, dst_dir_fd=here)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with self.inside(path, "remove") as (here, base), contextlib.suppress(FileNotFoundError):
            os.unlink(base, dir_fd=here)

    def fill(self, whole: Composed) -> None:
        """Make all that an instance consists of, and remove what it consisted of before.

        A log that was kept stays.
        """
        mark = self.mark()
        for path in mark.files if mark else []:
            if path not in whole.files:
                self.remove(path)
        for path, (data, mode) in whole.files.items():
            self.write(path, data, mode)
        self.make_places(whole)

    def mark(self) -> instance.Mark | None:
        """Read what instance.toml says; None: this is no instance."""
        found = self.read_all([instance.MARK]).get(instance.MARK)
        return instance.read_mark(found[0]) if found else None

    # the log's places

    def make_places(self, whole: Composed) -> None:
        """Make log directories and =files, and give them to the log's account."""
        owner = account(whole.log.user) if whole.log and whole.log.user else None
        with self.inside("log/x", "open", makes=True) as (log, _):
            for path in instance.directories(whole.log):
                with self.inside(f"log/{path}", "make"), contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o700, dir_fd=log)
                self.give(f"log/{path}", owner)
            for path in instance.shown_files(whole.log):
                self.touch(f"log/{path}", owner)

    def touch(self, path: str, owner: tuple[int, int] | None) -> None:
        """Make an =file, if there is none."""
        with self.inside(path, "make", makes=True) as (here, base):
            with contextlib.suppress(FileExistsError):
                os.close(os.open(base, NEW, 0o644, dir_fd=here))
            give_one(here, base, owner)

    def give(self, path: str, owner: tuple[int, int] | None) -> None:
        """Give a log directory to an account, with what is in it, if it is not that already."""
        with self.inside(path, "give away") as (here, base):
            fd = os.open(base, DIRECTORY, dir_fd=here)
            try:
                if owner and os.fstat(fd).st_uid != owner[0]:
                    for name in os.listdir(fd):
                        give_one(fd, name, owner)
                    os.fchown(fd, *owner)
            finally:
                os.close(fd)


def give_one(directory: int, name: str, owner: tuple[int, int] | None) -> None:
    """Give a plain file that has no other name to an account."""
    if not owner:
        return
    fd = os.open(name, READ, dir_fd=directory)
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid != owner[0]:
            os.fchown(fd, *owner)
    finally:
        os.close(fd)


def account(name: str) -> tuple[int, int] | None:
    """Look up to whom a log belongs; None where we are not root, and so nobody can choose.

    Raises:
        Fatal: there is no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(name)
    except (KeyError, OSError):
        raise Fatal(f"unknown account {name}") from None
    return found.pw_uid, found.pw_gid


def is_foreign(fd: int) -> bool:
    """Say whether others than we can write in a directory."""
    found = os.fstat(fd)
    mine = found.st_gid in (0, os.getegid())
    writers = found.st_mode & (0o002 if mine else 0o022)
    return found.st_uid != os.geteuid() or bool(writers)


def read_template(directory: bytes, name: str) -> Files:
    """Read a template: its plain files, those of `env` and the like, and log/run.

    Raises:
        Fatal: it is not there, or has no run.
    """
    path = os.path.join(os.fsdecode(directory), name)
    found: Files = {}
    try:
        for top, inner, files in os.walk(path, onerror=raise_it):
            inner[:] = [it for it in inner if it not in ("supervise", "main")]
            for base in files:
                full = os.path.join(top, base)
                with open(full, "rb") as file:
                    mode = os.fstat(file.fileno()).st_mode & 0o111
                    found[os.path.relpath(full, path)] = (file.read(), 0o755 if mode else 0o644)
    except OSError as exc:
        raise Fatal(f"unable to read template {path}") from exc
    if "run" not in found:
        raise Fatal(f"unable to use template {path}: it has no run")
    return found


def raise_it(exc: OSError) -> None:
    """Have os.walk say what it cannot list."""
    raise exc
