"""Starts what works on a log's files, a processor or a compressor, in the log directory.

Two roads. `spawn` copies nothing of this process, however big it is and whatever threads it has.
But limits can be set only when the program runs already, so that its first child might escape
them: where softlimit's limits are to be handed on, `fork`.
"""

import contextlib
import os
import resource
from _signal import SIG_DFL, SIGALRM, SIGTERM, set_wakeup_fd, signal

from pysvscan import strerr
from pysvscan.limits import clamped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pysvscan.logdir import Logdir
    from pysvscan.pathexec import Chain

READ = os.O_RDONLY
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Program:
    """What is to be started.

    Attributes:
        argv: the vector; argv[0] is not the path.
        path: of the program.
        files: (descriptor, name, flags) of what it finds open, all in the log directory.
    """

    def __init__(
        self, path: bytes, argv: list[bytes], files: tuple[tuple[int, bytes, int], ...]
    ) -> None:
        self.path = path
        self.argv = argv
        self.files = files

    def start(self, directory: "Logdir", chain: "Chain") -> int:
        """Start it; returns the pid.

        Raises:
            OSError: it cannot be started.
        """
        if all(which == resource.RLIMIT_NOFILE for which, _ in chain.limits):
            return self.spawn(directory, chain)
        return self.fork(directory, chain)

    def spawn(self, directory: "Logdir", chain: "Chain") -> int:
        """Start it without a copy of this process."""
        with inside(directory.fd):
            pid = os.posix_spawn(
                self.path,
                self.argv,
                chain.env,
                file_actions=[
                    (os.POSIX_SPAWN_CLOSE, directory.lock_fd),
                    *((os.POSIX_SPAWN_OPEN, *file, 0o644) for file in self.files),
                ],
                setsigmask=(),
                setsigdef=[it for it in strerr.PYTHON_IGNORES if it not in chain.ignored],
            )
        set_limits(pid, chain.limits)
        return pid

    def fork(self, directory: "Logdir", chain: "Chain") -> int:
        """Start it by way of a copy of this process, which sets the limits."""
        pid = os.fork()
        if not pid:
            self.become(directory, chain)
        return pid

    def become(self, directory: "Logdir", chain: "Chain") -> None:
        """In the child: become the program, or say why not."""
        try:
            os.close(directory.lock_fd)  # it must not outlive the parent, were that killed now
            set_wakeup_fd(-1)  # it is the parent's
            signal(SIGTERM, SIG_DFL)
            signal(SIGALRM, SIG_DFL)
            os.fchdir(directory.fd)
            for fd, name, flags in self.files:
                opened = os.open(name, flags, 0o644)
                os.dup2(opened, fd)
                os.set_inheritable(fd, True)  # dup2 does not where opened is fd
            chain.become(self.path, self.argv)
        except OSError as exc:
            message = f"unable to run {strerr.name(self.argv[-1])}"
            strerr.write(strerr.line("multilog", "fatal", message, exc))
        finally:  # nothing may return into the parent's code
            os._exit(111)


@contextlib.contextmanager
def inside(directory_fd: int) -> "Iterator[None]":
    """Be in a directory for as long as it takes: posix_spawn knows of no other way."""
    home_fd = os.open(b".", os.O_PATH | os.O_CLOEXEC)
    try:
        os.fchdir(directory_fd)
        yield
    finally:
        with contextlib.suppress(OSError):  # our account may not enter it; no matter, once all
            os.fchdir(home_fd)  # directories are open
        os.close(home_fd)


def set_limits(pid: int, limits: list[tuple[int, int]]) -> None:
    """Lower the soft limits of a child, clamped to the hard ones; it may be dead already."""
    with contextlib.suppress(OSError):
        for which, soft in limits:
            hard = resource.prlimit(pid, which)[1]
            resource.prlimit(pid, which, (clamped(soft, hard), hard))
