"""What [run] asks for, found out ahead: for direct.py, whose process in C can look for nothing.

Where that would take long, or is not for svscan to do, the slow road (arrangement.py) is taken.
"""

import os
import struct

from pysvscan import passwd, trusted
from pysvscan.core.runsettings import Run
from pysvscan.limits import BY_LETTER
from pysvscan.pathexec import Chain

AS_IS = -1
NO_NICE = 100  # for _start.c
HERE = (None, b"./run")

Names = tuple[bytes | None, bytes]  # a directory, or None for the service's; ./run from there
Orders = tuple[tuple[bytes, ...], Names, bytes, int, int, bool, int, int]


def soft_limits(run: Run) -> list[tuple[int, int]]:
    """Give (resource, soft limit), in order; an option of softlimit may be several of them."""
    return [(which, soft) for letter, soft in run.limits for which in BY_LETTER[letter]]


def pack(limits: list[tuple[int, int]]) -> bytes:
    """Write (resource, soft limit) pairs for _start.c."""
    return b"".join(struct.pack("=QQ", which, soft) for which, soft in limits)


def entries(env: dict[bytes, bytes]) -> tuple[bytes, ...]:
    """Write an environment for execve."""
    return tuple(name + b"=" + value for name, value in env.items())


def find_out(
    run: Run, directory: int, env: dict[bytes, bytes], limits: list[tuple[int, int]]
) -> Orders | None:
    """Say what a process is to be given; None: the slow road has to be taken.

    Args:
        run: the table [run].
        directory: the service's.
        env: what every service gets.
        limits: likewise.

    Raises:
        strerr.Fatal: something of it cannot be done.
    """
    found = (AS_IS, AS_IS) if run.user is None else passwd.find(run.user)
    names = HERE if run.directory is None else names_of(run.directory, directory)
    variables = variables_of(run, directory)
    if found is None or names is None or variables is None:
        return None
    chain = Chain(dict(env))
    for name, value in variables:
        chain.set_variable(name, value)
    umask = AS_IS if run.umask is None else run.umask
    nice = NO_NICE if run.nice is None else run.nice
    soft = pack(limits + soft_limits(run))
    return (entries(chain.env), names, soft, *found, run.session, umask, nice)


def variables_of(run: Run, directory: int) -> trusted.Variables | None:
    """List what the environment is to have; None: it is not for svscan to read that."""
    if run.environment is None:
        return []
    if not isinstance(run.environment, bytes):
        return list(run.environment)
    try:
        return trusted.variables(directory, run.environment)
    except trusted.Untrusted:
        return None


def names_of(wanted: bytes, directory: int) -> Names | None:
    """Name a directory, and ./run from there; None: our directory has no name."""
    path = os.readlink(b"/proc/self/fd/%d" % directory)
    try:
        is_there = os.path.samestat(os.stat(path), os.fstat(directory))
    except OSError:
        return None
    return (wanted, path + b"/run") if is_there else None
