"""A cgroup (version 2) of its own for a service with `[stop] tree`: what is in it ends at once.

Below svscan's own, where that can be written; a move costs some milliseconds. Nothing of this is
needed: where there is none, tree.py looks for what belongs together.
"""

import contextlib
import os
import signal

WRITE = os.O_WRONLY | os.O_CLOEXEC


class Cgroup:
    """One cgroup, by its path."""

    def __init__(self, path: bytes) -> None:
        self.path = path

    def take(self, pid: int) -> None:
        """Move a process into it; what that starts is in it as well."""
        with contextlib.suppress(OSError):
            write(self.path + b"/cgroup.procs", b"%d" % pid)

    def kill(self) -> None:
        """Kill all that is in it; before Linux 5.14 one by one."""
        try:
            write(self.path + b"/cgroup.kill", b"1")
        except OSError:
            with contextlib.suppress(OSError):
                self.kill_each()

    def kill_each(self) -> None:
        """Kill what is in it, until there is nothing that was not killed already.

        Raises:
            OSError: the cgroup is gone.
        """
        killed: set[int] = set()
        while new := set(self.processes()) - killed:
            for pid in new:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            killed |= new

    def processes(self) -> list[int]:
        """List what is in it.

        Raises:
            OSError: the cgroup is gone.
        """
        with open(self.path + b"/cgroup.procs", "rb") as file:
            return [int(line) for line in file.read().split()]

    def remove(self) -> None:
        """Remove it; where something is in it, the next start finds it again."""
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


def write(path: bytes, data: bytes) -> None:
    """Write to one of the kernel's files.

    Raises:
        OSError: it refuses.
    """
    fd = os.open(path, WRITE)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def of(directory: int) -> Cgroup | None:
    """Make the cgroup of a service directory, or find it; None where that cannot be."""
    found = os.fstat(directory)
    base = own()
    if base is None:
        return None
    path = base + b"/pysvscan-%d-%d" % (found.st_dev, found.st_ino)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        os.close(os.open(path + b"/cgroup.procs", WRITE))
    except OSError:
        return None
    return Cgroup(path)


def own() -> bytes | None:
    """Give the path of the cgroup that we are in; None where version 2 is not mounted."""
    try:
        with open("/proc/self/cgroup", "rb") as file:
            lines = file.read().splitlines()
        with open("/proc/self/mountinfo", "rb") as file:
            mounts = file.read().splitlines()
    except OSError:
        return None
    ours = [line[len(b"0::") :] for line in lines if line.startswith(b"0::/")]
    return place(ours[0], mounts) if ours else None


def place(path: bytes, mounts: list[bytes]) -> bytes | None:
    """Find a cgroup's path in the lines of mountinfo; None where no mount shows it."""
    for line in mounts:
        fields, _, end = line.partition(b" - ")
        root, point = fields.split()[3:5]
        root = root.rstrip(b"/")
        if end.split()[0] == b"cgroup2" and (path + b"/").startswith(root + b"/"):
            return point + path.removeprefix(root).rstrip(b"/")
    return None
