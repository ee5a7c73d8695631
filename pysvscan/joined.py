"""control and ok as one FIFO under two names, so that a service takes a descriptor less.

C's programs do not mind. It is done only where descriptors get short: who lets others ask, by the
mode of ok, would then let them command.
"""

import contextlib
import os
import resource

CONTROL, OK, NEW = b"supervise/control", b"supervise/ok", b"supervise/ok.new"


def is_short(fd: int) -> bool:
    """Say whether more than half of our descriptors are in use: the lowest are given first."""
    return fd >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def join(directory: int, control: int) -> bool:
    """Have ok be another name of control.

    Args:
        directory: of the service.
        control: its control, open.

    Returns:
        False: ok has an owner or mode of its own, or the file system has no second names.
    """
    ours = os.fstat(control)
    try:
        found = look(directory)
        if found is None or is_like(found, ours):
            link(directory)
            found = look(directory)
    except OSError:
        return False
    return found is not None and (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)


def look(directory: int) -> os.stat_result | None:
    """Look what ok is; None: nothing."""
    try:
        return os.stat(OK, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_like(found: os.stat_result, ours: os.stat_result) -> bool:
    """Say whether two FIFOs have the same owner and mode, but are not the same one."""
    owned = [(it.st_mode, it.st_uid, it.st_gid) for it in (found, ours)]
    return owned[0] == owned[1] and found.st_ino != ours.st_ino


def link(directory: int) -> None:
    """Put a second name of control in the place of ok.

    Raises:
        OSError: that cannot be.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(NEW, dir_fd=directory)
    os.link(CONTROL, NEW, src_dir_fd=directory, dst_dir_fd=directory)
    os.rename(NEW, OK, src_dir_fd=directory, dst_dir_fd=directory)
