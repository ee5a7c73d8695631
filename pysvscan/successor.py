"""The next image of a svscan, which reentry.py has imported.

`attempt` says whether this version can take the state that FD holds, and touches nothing. `take`
goes on with it, and `start` without it; all signals are blocked until the handlers stand.
"""

import fcntl
import os
import signal
from collections.abc import Sequence

import pysvscan.log  # noqa: F401 (all that svscan will import: what is missing is found now)
from pysvscan import accelerators, handover, servicetoml, strerr
from pysvscan.commands import svscan
from pysvscan.core.handover import HandoverError, Scan, descriptors, unpack
from pysvscan.core.values import SettingsError
from pysvscan.inherited import Inherited
from pysvscan.signals import HEARD
from pysvscan.svscan import Svscan


def read(fd: int) -> Scan:
    """Read the state from the beginning; the offset may be anybody's."""
    return unpack(os.pread(fd, os.fstat(fd).st_size, 0))


def check(fd: int) -> int:
    """Find out what could only be told by another, too late.

    Raises:
        HandoverError: this version cannot go on with that.
    """
    state = read(fd)
    accelerators.load("_start")
    for entry in state.entries:
        try:
            servicetoml.check(entry.text or b"", os.geteuid() == 0)
        except SettingsError as exc:
            where = strerr.name(entry.label + b"/" + servicetoml.NAME)
            raise HandoverError(f"{where}: {exc}") from None
    return 0


def attempt(fd: int) -> int:
    """Say whether this version can take the state, or what it cannot."""
    try:
        return check(fd)
    except (HandoverError, strerr.Fatal) as exc:
        strerr.write(strerr.line("svscan", "fatal", str(exc), exc.__cause__))
        return 111


def take(fd: int) -> Svscan:
    """Be that svscan from now on; to be served.

    Raises:
        Exception: whatever it is, this version cannot, and nothing is served yet.
    """
    state = read(fd)
    for held in descriptors(state):
        os.set_inheritable(held, False)
    leave_interrupt_alone()
    scan = svscan.make(handover.inherit(state), state)
    scan.begin()
    return scan


def start(fd: int, words: Sequence[str]) -> Svscan:
    """Be a svscan that finds what another has left as if that had been killed.

    What services get is in the state, if that can be read; else it is what we have. Signals that
    came, and an ordered stop, are served when we listen; a stop has what is left of its time.

    Args:
        fd: of the state.
        words: the command line.

    Raises:
        Exception: that cannot be done either.
    """
    state = found(fd)
    inherited = handover.inherit(state) if state else bare(words)
    inherited.stdin = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    for number in state.signals if state else ():
        signal.raise_signal(number)
    leave_interrupt_alone()
    signal.pthread_sigmask(signal.SIG_SETMASK, inherited.mask | HEARD)
    scan = svscan.make(inherited, path=b".")  # where we are, whatever its name is now
    if state and (state.is_stopping or state.is_stop_due):
        scan.stopping.begun_ns, scan.stopping.code = state.stop_ns, state.stop_code
        scan.stopping.begin_soon()
    scan.begin()
    return scan


def found(fd: int) -> Scan | None:
    """Read the state, if that can be done."""
    try:
        return read(fd)
    except (HandoverError, OSError):
        return None


def bare(words: Sequence[str]) -> Inherited:
    """Give services what we have, but for the signals that are blocked now."""
    inherited = Inherited(dict(os.environb), frozenset(), (), tuple(map(os.fsencode, words)))
    inherited.mask = set()
    return inherited


def leave_interrupt_alone() -> None:
    """Have no exception on INT before we listen."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
