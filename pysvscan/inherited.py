"""What this process was given, before it changed anything for itself: its services get the same."""

import contextlib
import fcntl
import os
import resource
import signal
from collections.abc import Sequence

OURS = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by us: a write fails instead
LAUNCHERS = (b"PYTHONEXECUTABLE", b"__PYVENV_LAUNCHER__")  # followed by an interpreter with -I, too
NEEDED = frozenset((b"PATH", b"LANG", b"TZ", b"TZDIR", b"PYSVSCAN_PURE"))  # by a logger
NEEDED_PREFIXES = (b"LC_", b"LD_", b"MALLOC_")


class Inherited:
    """What this process was given, and its services get: nothing of what we change for ourselves.

    Attributes:
        words: the command line, the command's name first.
        env: the environment.
        mask: the blocked signals; without SIGCHLD, which C supervise unblocks for a service.
        ignored: those of OURS that were ignored when we were started; no other is, or was, changed.
        descriptors: the (soft, hard) limit of open descriptors.
        limits: (resource, soft limit) of a softlimit before us, which we cannot live with.
        stdin: a second descriptor of the standard input.
    """

    def __init__(
        self,
        env: dict[bytes, bytes],
        ignored: frozenset[int],
        limits: Sequence[tuple[int, int]] = (),
        words: tuple[bytes, ...] = (),
    ) -> None:
        self.words = words
        self.env = env
        self.limits = list(limits)
        self.mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD}) - {signal.SIGCHLD}
        self.ignored = ignored
        self.descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        for number in OURS:
            signal.signal(number, signal.SIG_IGN)
        for fd in (0, 1, 2):  # a closed one would become some file of ours
            with contextlib.suppress(OSError):
                os.fstat(fd)
                continue
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)
        for given in os.listdir("/proc/self/fd"):  # a service gets 0, 1, 2 of us, and no more
            if int(given) > 2:
                with contextlib.suppress(OSError):
                    os.set_inheritable(int(given), False)
        self.stdin = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)

    def raise_descriptors(self) -> None:
        """Take as many descriptors as may be had; a start gives the old limit back to the child."""
        hard = self.descriptors[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def isolated(self) -> dict[bytes, bytes]:
        """Give the environment for an interpreter: nothing in it moves its packages."""
        return {name: value for name, value in self.env.items() if name not in LAUNCHERS}

    def bare(self) -> dict[bytes, bytes]:
        """Give what of the environment a logger of another account needs; the rest is root's."""
        return {
            name: value
            for name, value in self.env.items()
            if name in NEEDED or name.startswith(NEEDED_PREFIXES)
        }

    def defaults(self) -> set[signal.Signals]:
        """List the signals that Python ignores, and a service shall not."""
        return {number for number in OURS if number not in self.ignored}
