"""Who a process is: its identity from /proc, and its death by pidfd, whoever's child it is.

The start time comes from /proc/PID/stat itself: psutil's moves with the wall clock.
"""

import os
import select
from typing import Self

from pysvscan.core import identity
from pysvscan.core.identity import Identity


def boot_id() -> bytes:
    """Read the kernel's boot id: 36 characters, another after each boot."""
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        return file.read().strip()


def pid_namespace() -> int:
    """Give the inode of our pid namespace."""
    return os.stat("/proc/self/ns/pid").st_ino


def start_ticks(pid: int) -> int:
    """Give the start of a process in clock ticks since boot, -1 for a dead one."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return identity.start_ticks(file.read(4096))
    except (FileNotFoundError, ProcessLookupError):
        return -1


class Kernel:
    """What is the same for all: boot, namespace, whether pidfds have inodes; and our start."""

    def __init__(self) -> None:
        self.boot = boot_id()
        self.namespace = pid_namespace()
        self.ticks = start_ticks(os.getpid())
        self.has_pidfs = has_pidfs()

    def identify(self, pid: int) -> Identity:
        """Say who a process is; whose it is (the service's lock) is for the caller to fill in.

        Raises:
            ProcessLookupError: there is none.
        """
        with Pidfd(pid) as held:
            return self.identify_held(pid, held.fd)

    def identify_held(self, pid: int, pidfd: int) -> Identity:
        """Say who the process is that this pidfd holds."""
        inode = os.fstat(pidfd).st_ino if self.has_pidfs else 0
        return Identity(self.boot, self.namespace, 0, 0, pid, start_ticks(pid), inode)


def has_pidfs() -> bool:
    """Ask whether a pidfd has an inode of its own: before Linux 6.9 it has any epoll's."""
    epoll = select.epoll()
    try:
        with Pidfd(os.getpid()) as held:
            return os.fstat(held.fd).st_ino != os.fstat(epoll.fileno()).st_ino
    finally:
        epoll.close()


class Pidfd:
    """A process held by descriptor; close-on-exec, as all of os.pidfd_open."""

    def __init__(self, pid: int) -> None:
        self.fd = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def is_dead(pidfd: int) -> bool:
    """Say whether a process has ended: its pidfd is readable."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
