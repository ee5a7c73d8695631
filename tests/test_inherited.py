"""What services get of us, and what not; all of it is compared with C in oracle/test_svscan.py."""

import os
import signal
import subprocess
from pathlib import Path

from pysvscan.inherited import Inherited
from tests import scan
from tests.hosted import ENV
from tests.scan import OURS
from tests.wait import wait_until


def test_inherited_leaves_no_descriptor_to_services(tmp_path: Path) -> None:
    """What is open by chance is closed when a service starts; 0, 1 and 2 are something at least."""
    path = scan.service(tmp_path / "a", "exec ls -l /proc/self/fd >seen 2>&1")
    fd = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(fd, True)
    argv = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *OURS, "supervise", "a"]
    with subprocess.Popen(argv, cwd=tmp_path, pass_fds=[fd]) as process:
        seen = path / "seen"
        wait_until(lambda: seen.exists() and " 2 -> " in seen.read_text())
        process.kill()
    os.close(fd)
    targets = [line.split(" -> ")[1] for line in seen.read_text().splitlines() if " -> " in line]
    assert targets[0] == "/dev/null"
    assert "/dev/zero" not in targets


def test_inherited_hands_on_no_blocked_sigchld() -> None:
    """SIGCHLD is unblocked, as C supervise does for its service; the rest stays as it was."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR2})
    try:
        assert Inherited(ENV, frozenset()).mask == before | {signal.SIGUSR2}
        assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
