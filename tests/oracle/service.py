"""A service directory as supervise leaves it, made by hand: what svc, svok and svstat look at."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class Service:
    """Holds supervise/ok and supervise/control open for reading, as a supervise does.

    Attributes:
        path: the service directory.
        control: a non-blocking descriptor; what svc wrote can be read from it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inside = path / "supervise"
        self.inside.mkdir(parents=True)
        os.mkfifo(self.inside / "ok")
        os.mkfifo(self.inside / "control")
        self.ok = os.open(self.inside / "ok", os.O_RDONLY | os.O_NONBLOCK)
        self.control = os.open(self.inside / "control", os.O_RDONLY | os.O_NONBLOCK)

    def received(self) -> bytes:
        """Read what svc has sent since the last call."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self.control, 65536)
        return b""

    def close(self) -> None:
        """Let go, as a supervise that dies."""
        os.close(self.ok)
        os.close(self.control)


@contextlib.contextmanager
def service(path: Path) -> Iterator[Service]:
    """Make a service directory that seems to be supervised."""
    made = Service(path)
    try:
        yield made
    finally:
        made.close()
