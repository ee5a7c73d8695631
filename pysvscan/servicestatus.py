"""`supervise/status` of a service: the 18 bytes that svstat shows, of C's svstat, too.

The record: core/status.py. Source: daemontools 0.76 supervise.c announce().
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import ownfile
from pysvscan.core import status
from pysvscan.core.status import Status
from pysvscan.ownfile import WRITE, open_own
from pysvscan.strerr import Fatal

if TYPE_CHECKING:
    from pysvscan.files import Files

STATUS = b"supervise/status"
Report = Callable[[str, str, BaseException | None], None]  # label ("warning"), message, cause


def announce(files: "Files", data: bytes, report: Report, is_unwritable: bool) -> bool:
    """Write the status; that it cannot be written is said once.

    Returns:
        Whether it cannot be: what the next call is to be given as is_unwritable.
    """
    try:
        write(files, data)
    except Fatal as exc:
        if not is_unwritable:
            report("warning", str(exc), exc.__cause__)
        return True
    return False


def read(directory: int) -> Status | None:
    """Read what a predecessor said last; nothing that can be read is nothing said."""
    try:
        return status.unpack(ownfile.read(directory, STATUS, status.BYTES))
    except (OSError, status.StatusError):
        return None


def write(files: "Files", data: bytes) -> None:
    """Write the status: by rename, with owner and mode that somebody gave the old one.

    Where no new file can be made (a full disk) the old one is written in place.

    Raises:
        Fatal: neither could be done; what C says when it cannot do the first.
    """
    try:
        replace(files, data)
    except Fatal:
        try:
            overwrite(files.directory, data)
        except OSError:
            pass
        else:
            return
        raise


def replace(files: "Files", data: bytes) -> None:
    """Write status.new and rename it to status."""
    new, here = STATUS + b".new", files.directory
    try:
        fd = create(here, new)
    except OSError as exc:
        raise Fatal(f"unable to open {files.path(new)}") from exc
    try:
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, "")
        keep_owner_and_mode(here, fd)
    except OSError as exc:
        raise Fatal(f"unable to write {files.path(new)}") from exc
    finally:
        os.close(fd)
    try:
        os.rename(new, STATUS, src_dir_fd=here, dst_dir_fd=here)
    except OSError as exc:
        raise Fatal(f"unable to rename {files.path(new)} to status") from exc


def create(directory: int, new: bytes) -> int:
    """Make a file, in place of one that somebody's death has left there."""
    flags = WRITE | os.O_CREAT | os.O_EXCL
    try:
        return os.open(new, flags, 0o644, dir_fd=directory)
    except FileExistsError:
        os.unlink(new, dir_fd=directory)
    return os.open(new, flags, 0o644, dir_fd=directory)


def keep_owner_and_mode(directory: int, fd: int) -> None:
    """Give a new status file what the old one has, if it has something of its own."""
    new = os.fstat(fd)
    try:
        old = os.stat(STATUS, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return
    if not stat.S_ISREG(old.st_mode):
        return
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(fd, old.st_uid, old.st_gid)
    if old.st_mode != new.st_mode:
        os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)


def overwrite(directory: int, data: bytes) -> None:
    """Write the old status file in place: no new block is needed."""
    fd = open_own(directory, STATUS, WRITE)
    try:
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)
