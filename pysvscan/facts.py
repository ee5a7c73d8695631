"""All that can be found out of a service without asking anybody: for `svstat -l` and `--json`.

Gathered in the service's directory, ours or C's, as far as there is something and we may read it.
"""

import os

from pysvscan.core import history, status
from pysvscan.core.history import History
from pysvscan.core.status import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logfacts import LogFacts
    from pysvscan.proc import Tree, Usage


class Facts:
    """A service.

    Attributes:
        status: None: nobody supervises it.
        log_status: of the log process that daemontools-encore keeps beside it.
        pid: of its process, which may run on although nobody supervises it; 0: none that we know.
        finish: pid of its ./finish; 0: none runs.
        normally_up: there is no file `down`.
        history: what it went through; None: nobody wrote that down.
        usage: what its processes use; None: it has none that we know.
        log: what its log has; None: it has none that we know.
    """

    __slots__ = (
        "finish", "history", "log", "log_status", "normally_up", "pid", "status", "usage"
    )  # fmt: skip

    def __init__(self, data: bytes | None, normally_up: bool, processes: "Processes") -> None:
        """Look at the current directory.

        Raises:
            status.StatusError: the status is too short for one.
        """
        self.status: Status | None = None if data is None else status.unpack(data)
        self.log_status = None if data is None else status.unpack_log(data)
        self.normally_up = normally_up
        self.history = read_history()
        self.pid = self.status.pid if self.status else left_running()
        self.finish = 0 if self.pid else finishing()
        self.usage = processes.usage(self.pid)
        self.log = find_log()


class Processes:
    """The processes of the system, looked at when the first service asks."""

    def __init__(self) -> None:
        self.tree: "Tree | None" = None  # noqa: UP037 (the import is for the checker only)

    def usage(self, pid: int) -> "Usage | None":
        """Say what a process and its descendants use; None if there is none."""
        if pid == 0 or not os.path.exists(f"/proc/{pid}"):
            return None
        if self.tree is None:
            from pysvscan.proc import Tree  # psutil takes longer to import than all else here

            self.tree = Tree()
        return self.tree.usage(pid)


def left_running() -> int:
    """Give the pid that a dead supervisor has left in the current directory; 0: none lives."""
    from pysvscan import living

    return living.service()


def finishing() -> int:
    """Give the pid of the ./finish of the current directory; 0: none lives."""
    if not os.path.exists(b"supervise/finish"):
        return 0
    from pysvscan import living

    return living.finish()


def find_log() -> "LogFacts | None":
    """Look for the log of the current directory; without one nothing is imported."""
    if not (os.path.exists(b"log") or os.path.exists(b"supervise/counters")):
        return None
    from pysvscan import logfacts

    return logfacts.find()


def read_history() -> History | None:
    """Read what the service of the current directory went through, if anybody wrote that down."""
    try:
        fd = os.open(b"supervise/history", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            return history.unpack(os.read(fd, history.BYTES))
        finally:
            os.close(fd)
    except (OSError, history.HistoryError):
        return History() if os.path.exists(b"supervise/child") else None  # ours: it never ended
