"""`supervise/child`: who the process of a service is, written before it may run.

A new supervisor finds the process by it: predecessor.py, supervise.py. Likewise recorded is the
program of [stop] finish, under a name of its own. The record: core/identity.py.
"""

import contextlib
import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from pysvscan.core import identity
from pysvscan.core.identity import Identity
from pysvscan.ownfile import BOTH, READ, WRITE, author, open_own
from pysvscan.pidfd import Kernel, Pidfd, is_dead
from pysvscan.strerr import Fatal

if TYPE_CHECKING:
    from pysvscan.files import Files

CHILD = b"supervise/child"


class Recorded(NamedTuple):
    """What the file says.

    Attributes:
        process: who ran last.
        author: the account on whose word this is; -1: it may be anybody's.
        is_left: whether the supervisor was ordered to leave.
    """

    process: Identity
    author: int
    is_left: bool


def record(files: "Files", process: Identity, path: bytes = CHILD) -> None:
    """Write down who will run, in place: it must work on a full disk.

    A file that is not our own is then replaced: its owner could change the record later.

    Raises:
        Fatal: it cannot be written; then the process must not run.
    """
    data = identity.pack(files.own(process))
    try:
        fd = open_own(files.directory, path, BOTH | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, data, 0)
            is_own = author(fd) == os.geteuid()
        finally:
            os.close(fd)
    except OSError as exc:
        raise Fatal(f"unable to write {files.path(path)}") from exc
    if not is_own:
        with contextlib.suppress(OSError):  # it stays as it is, and is believed as little
            replace(files.directory, data, path)


def replace(directory: int, data: bytes, path: bytes) -> None:
    """Write child.new, which nobody else has ever had open, and rename it to child."""
    new = path + b".new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=directory)
    fd = os.open(new, WRITE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    try:
        os.pwrite(fd, data, 0)
    finally:
        os.close(fd)
    os.rename(new, path, src_dir_fd=directory, dst_dir_fd=directory)


def leave(directory: int) -> None:
    """Record, in place, that we were ordered to leave: whoever comes next asks `down`."""
    try:
        fd = open_own(directory, CHILD, WRITE)
    except OSError:
        return
    with contextlib.suppress(OSError):
        os.pwrite(fd, identity.LAST_WORD, identity.LAST_WORD_AT)
    os.close(fd)


def read(directory: int, path: bytes = CHILD) -> Recorded | None:
    """Read who ran last; None if nobody did, or if it cannot be made out.

    Raises:
        OSError: it cannot be read, and may name a process that lives.
    """
    try:
        fd = os.open(path, READ, dir_fd=directory)
        try:
            data = os.read(fd, identity.BYTES)
            return Recorded(identity.unpack(data), author(fd), identity.is_left(data))
        finally:
            os.close(fd)
    except (FileNotFoundError, identity.IdentityError):
        return None


def find(files: "Files", kernel: Kernel, path: bytes = CHILD) -> tuple[int, int]:
    """Look for the recorded process.

    Returns:
        Its pid and a pidfd, or (0, -1) if there is none or it is a stranger.

    Raises:
        OSError: that cannot be found out, or it runs and the record is not to be believed:
            whoever may write there shall not have us signal a process that he may not.
    """
    record = read(files.directory, path)
    held = hold(record.process.pid) if record else None
    if not record or not held:
        return 0, -1
    recorded, author, _ = record
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, held.fd)
        found = files.own(kernel.identify_held(recorded.pid, held.fd))
        if not identity.is_same(recorded, found) or is_dead(held.fd):
            return 0, -1
        if author not in (0, os.geteuid(), os.stat(f"/proc/{recorded.pid}").st_uid):
            raise PermissionError(errno.EPERM, "")
        undo.pop_all()
    return recorded.pid, held.fd


def hold(pid: int) -> Pidfd | None:
    """Hold the process of a pid, if there is one; a thread's number is none."""
    try:
        return Pidfd(pid)
    except OverflowError:
        return None
    except OSError as exc:
        if exc.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            return None
        raise
