"""The variables of [run] environment, read as root for a service of another account.

That account may own what is around: by a link it could have root read for it what it must not
see. So the way is gone step by step, and every directory on it has to be one that root alone can
write to; what is read at its end may be anybody's. Where it is not, the account reads for itself.
"""

import errno
import os
import stat

from pysvscan import envfiles, strerr

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
MAX_BYTES = 128 * 1024  # no variable may be longer: Linux's MAX_ARG_STRLEN
LINKS = 40  # as many as the kernel follows

Variables = list[tuple[bytes, bytes | None]]


class Untrusted(Exception):
    """The way leads through a directory that not only root can write to."""


def variables(directory: int, path: bytes) -> Variables:
    """List name and value, None unsets, for each file, in the order of the directory.

    Args:
        directory: where a relative path begins.
        path: of the directory of files.

    Raises:
        Untrusted: the account has to read it.
        strerr.Fatal: it cannot be read; in envdir's words.
    """
    shown = strerr.name(path)
    doing = f"unable to switch to directory {shown}"
    found: Variables = []
    try:
        place = enter(directory, path)
        try:
            doing = f"unable to read directory {shown}"
            for name in os.listdir(place):
                doing = f"unable to read {shown}/{name}"
                if not name.startswith("."):
                    found.append((os.fsencode(name), value(place, os.fsencode(name))))
        finally:
            os.close(place)
    except OSError as exc:
        raise strerr.Fatal(doing) from exc
    return found


def enter(directory: int, path: bytes) -> int:
    """Open a directory to list it; the caller's."""
    place = walk(directory, path)
    try:
        check(place)
        return os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)


def value(place: int, name: bytes) -> bytes | None:
    """Read a file; None: it is empty, or a link to nothing."""
    try:
        end = walk(place, name)
    except FileNotFoundError:
        return None
    try:
        fd = os.open(b"/proc/self/fd/%d" % end, READ)
    finally:
        os.close(end)
    try:
        return envfiles.first_line(read(fd))
    finally:
        os.close(fd)


def read(fd: int) -> bytes:
    """Read as much of a file as can be a variable's value.

    Raises:
        OSError: it is more.
    """
    data = b""
    while chunk := os.read(fd, MAX_BYTES):
        data += chunk
        if b"\n" in chunk:
            break
        if len(data) >= MAX_BYTES:
            raise OSError(errno.E2BIG, "")
    return data


def walk(directory: int, path: bytes) -> int:
    """Go a way, each link by itself; return a descriptor of its end, the caller's.

    Raises:
        Untrusted: see there.
        OSError: there is no such way.
    """
    here = os.dup(directory)
    left = split(path)
    links = 0
    try:
        while left:
            check(here)
            there = os.open(left.pop(0), PLACE, dir_fd=here)
            if not stat.S_ISLNK(os.fstat(there).st_mode):
                here, there = there, here
            else:
                left[:0] = split(os.readlink(b"", dir_fd=there))
                links += 1
            os.close(there)
            if links > LINKS:
                raise OSError(errno.ELOOP, "")
        return os.dup(here)
    finally:
        os.close(here)


def split(path: bytes) -> list[bytes]:
    """List the steps of a way; an absolute one begins with a slash."""
    steps = [it for it in path.split(b"/") if it]
    return [b"/", *steps] if path.startswith(b"/") else steps


def check(directory: int) -> None:
    """Look whether root alone, or our account, can write to a directory; /tmp is none of these.

    Raises:
        Untrusted: not so.
    """
    it = os.fstat(directory)
    if it.st_uid not in (0, os.geteuid()) or it.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted
