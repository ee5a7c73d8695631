"""How a process ended that another waits for: its parent was our predecessor, now it is init.

The kernel tells by pidfd (PIDFD_GET_INFO, Linux 6.15), once it has been waited for. That is after
its death, on which we act at once.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable

from pysvscan.loop import SECOND_NS, Loop

INFO = struct.Struct("=QQ11Ii")  # mask, cgroup, ten ids and one more, exit status
EXIT = 1 << 3  # in mask: what is asked for, and what is known
GET_INFO = 3 << 30 | INFO.size << 16 | 0xFF << 8 | 11  # _IOWR(0xFF, 11, struct pidfd_info)
PATIENCE_NS = SECOND_NS

Known = Callable[[int], None]


def wait(pid: int) -> int | None:
    """Give the wait status of a dead process, if it was our child after all."""
    try:
        return os.waitpid(pid, os.WNOHANG)[1]
    except ChildProcessError:
        return None


def ask(pidfd: int) -> int | None:
    """Ask for the wait status of a process that has been waited for; None: it is not known."""
    data = bytearray(INFO.size)
    INFO.pack_into(data, 0, EXIT, *[0] * 13)
    try:
        fcntl.ioctl(pidfd, GET_INFO, data)
    except OSError:
        return None
    mask, *_, wstatus = INFO.unpack(data)
    return int(wstatus) if mask & EXIT else None


class Unseen:
    """A dead process whose end is not known yet; asked for when it has been waited for."""

    def __init__(self, loop: Loop, owner: object, pidfd: int, known: Known) -> None:
        """Take over the pidfd.

        Args:
            loop: that the pidfd is not in.
            owner: who answers for `known`.
            pidfd: of the process; ours from now on.
            known: called with the wait status; not at all where nobody tells within a second.
        """
        self.loop = loop
        self.pidfd = pidfd
        self.known = known
        self.timer = loop.at(time.monotonic_ns() + PATIENCE_NS, owner, self.close)
        loop.hangup(pidfd, owner, self.waited_for)

    def waited_for(self) -> None:
        """Serve that it has been waited for."""
        wstatus = ask(self.pidfd)
        self.close()
        if wstatus is not None:
            self.known(wstatus)

    def close(self) -> None:
        """Ask no more."""
        self.timer.cancel()
        if self.pidfd >= 0:
            self.loop.forget(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = -1
