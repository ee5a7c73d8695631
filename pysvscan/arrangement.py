"""What [run] of service.toml asks for, done in the very process that becomes ./run.

In the order of a chain `envdir E setuidgid U softlimit … pgrphack`: what root alone may, then the
account, then the limits, which might not leave this interpreter its memory. Whatever fails, ./run
is not executed: never as root for want of something.
"""

import os

from pysvscan import account, envfiles, strerr
from pysvscan.core.runsettings import Environment, Run
from pysvscan.limits import BY_LETTER, MEMORY, set_soft
from pysvscan.pathexec import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def become(run: Run, env: dict[bytes, bytes]) -> "NoReturn":
    """Execute the current directory's ./run, with all that [run] says.

    Raises:
        strerr.Fatal: something of it cannot be done.
        OSError: ./run cannot be executed.
    """
    chain = Chain(dict(env))
    chain.limits = soft_limits(run)
    if run.environment is not None:
        set_environment(chain, run.environment)
    path = b"./run" if run.directory is None else go_to(run.directory)
    if run.session:
        os.setsid()  # cannot fail: nobody is in a group of this name
    if run.umask is not None:
        os.umask(run.umask)
    if run.nice is not None:
        set_nice(0, run.nice)
    if run.user is not None:
        become_account(run.user)
    if any(which in MEMORY for which, _ in chain.limits):
        chain.become_limited(path, [path])  # it holds memory for the exec, which costs 3 ms
    set_soft(chain.limits)
    os.execve(path, [path], chain.env)


def soft_limits(run: Run) -> list[tuple[int, int]]:
    """Give (resource, soft limit), in order; an option of softlimit may be several of them."""
    return [(which, soft) for letter, soft in run.limits for which in BY_LETTER[letter]]


def set_environment(chain: Chain, environment: Environment) -> None:
    """Set variables, and unset some.

    Raises:
        strerr.Fatal: the directory that has them cannot be read.
    """
    if isinstance(environment, bytes):
        envfiles.set_variables(chain, environment)
        return
    for name, value in environment:
        chain.set_variable(name, value)


def go_to(directory: bytes) -> bytes:
    """Go to a directory, from the service's; give the path by which ./run is found from there.

    An absolute one: a descriptor would be no name for the interpreter of a script.

    Raises:
        strerr.Fatal: that cannot be.
    """
    try:
        path = os.getcwdb() + b"/run"
        os.chdir(directory)
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {strerr.name(directory)}") from exc
    return path


def set_nice(pid: int, nice: int) -> None:
    """Set the nice value of a process, 0: our own.

    Raises:
        strerr.Fatal: only root may go below what it is.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    except ProcessLookupError:
        return  # killed while it waited: its release will tell
    except OSError as exc:
        raise strerr.Fatal(f"unable to set nice {nice}") from exc


def become_account(name: str) -> None:
    """Become an account, with its group and no other.

    Raises:
        strerr.Fatal: there is none, or only root may.
    """
    found = account.lookup(name.encode())
    account.drop_groups(found)
    account.become(found)
