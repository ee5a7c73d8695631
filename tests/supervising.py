"""A service of a host, whose ./run notes its pid: for the tests of supervise.py."""

from pathlib import Path

from pysvscan.supervise import Supervise
from tests import scan
from tests.hosted import Host

RUN = "echo $$ >>starts\nexec sleep 1000"
ROADS = ["direct", "shell", "fork"]


def up(host: Host, service: Supervise, path: Path) -> int:
    """Wait until the service's present process runs, and give its pid."""
    host.until(lambda: service.pid and service.pid in scan.starts(path))
    return service.pid


def status(path: Path) -> tuple[int, bool, bytes]:
    """Read pid, paused and want."""
    found = scan.status(path)
    assert found
    return found.pid, found.paused, found.want


def replaced(host: Host, service: Supervise, path: Path) -> Supervise:
    """Supervise anew, as after KILL: the old object lets go, the process lives on."""
    service.close()
    assert not scan.is_supervised(path)
    return host.begin(path)
