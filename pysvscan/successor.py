"""The next image of a svscan, which reentry.py has imported.

`attempt` says whether this version can take the state that FD holds, and touches nothing. `take`
goes on with it: all signals are blocked until the handlers stand.
"""

import os
import signal
from collections.abc import Callable

import pysvscan.log
import pysvscan.svscan  # noqa: F401 (all that svscan will import: what is missing is found now)
from pysvscan import accelerators, handover, servicetoml, strerr
from pysvscan.commands import svscan
from pysvscan.core.handover import HandoverError, Scan, descriptors, unpack
from pysvscan.core.values import SettingsError


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
    """Say whether this version can take the state."""
    return said(check, fd)


def take(fd: int) -> int:
    """Be that svscan from now on."""
    return said(go_on, fd)


def go_on(fd: int) -> int:
    """Take the state, and run."""
    state = read(fd)
    os.close(fd)
    for held in descriptors(state):
        os.set_inheritable(held, False)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the interpreter's would raise
    return svscan.run(handover.inherit(state), state)


def said(do: Callable[[int], int], fd: int) -> int:
    """Do it, and say what cannot be."""
    try:
        return do(fd)
    except (HandoverError, strerr.Fatal) as exc:
        strerr.write(strerr.line("svscan", "fatal", str(exc), exc.__cause__))
        return 111
