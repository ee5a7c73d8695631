"""What each signal to svscan asks for, and that none is lost which comes before svscan listens.

A process that is PID 1 loses every signal that it has no handler for, unless it is blocked: so
commands/svscan.py calls `hold` before it imports anything large. An interpreter takes a while to
come that far: who wants to lose none has `env --block-signal=… PYSVSCAN_HELD=1` execute svscan. The
signals that stand nowhere here do to svscan what they do to any process, which to PID 1 is nothing.
"""

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

# docker and kill, a terminal, the power failing (SysV init's), systemd's "halt" to a container
STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGPWR, signal.SIGRTMIN + 3)
HEARD: set[int] = {*STOP, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}


def hold(env: dict[bytes, bytes]) -> set[int]:
    """Let signals wait until `listen`; give those that are not to be blocked for services.

    Args:
        env: what services get; from which PYSVSCAN_HELD goes: the signals are blocked for us alone.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    return HEARD if env.pop(b"PYSVSCAN_HELD", None) else HEARD - before


class Signals:
    """The signals of a scan directory's svscan."""

    def __init__(self, scan: "Svscan") -> None:
        self.scan = scan

    def listen(self) -> None:
        """Hear them from now on, those first that came before."""
        scan = self.scan
        for number in STOP:
            scan.loop.signal(number, scan, scan.stop)
        scan.loop.signal(signal.SIGHUP, scan, scan.look_at_all)
        scan.loop.signal(signal.SIGUSR1, scan, scan.rotate)
        scan.loop.signal(signal.SIGUSR2, scan, scan.reexec.begin)
        if not scan.state:  # else they wait until all that was handed over is taken
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
