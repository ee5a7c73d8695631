"""What [run] of service.toml asks for, done in the very process that becomes ./run.

In the order of a chain `envdir E setuidgid U softlimit … pgrphack`: what root alone may, then the
account, then the limits, which might not leave this interpreter its memory. Whatever fails, ./run
is not executed: never as root for want of something. Where the account may have had a hand in the
way to something, it goes that way with its own rights.
"""

import os
import resource

from pysvscan import account, envfiles, orders, strerr, trusted
from pysvscan.core.runsettings import Run
from pysvscan.inherited import Inherited
from pysvscan.limits import MEMORY, set_soft
from pysvscan.pathexec import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

RUN = (b"./run",)


def become(run: Run, inherited: Inherited, words: "Sequence[bytes]" = RUN) -> "NoReturn":
    """Execute the current directory's ./run, or another program, with all that [run] says.

    Raises:
        strerr.Fatal: something of it cannot be done.
        OSError: ./run cannot be executed.
    """
    chain = Chain(dict(inherited.env))
    chain.limits = inherited.limits + orders.soft_limits(run)
    is_set = set_environment(chain, run)
    path = words[0] if run.directory is None else own_path(words[0])
    if run.session:
        os.setsid()  # cannot fail: nobody is in a group of this name
    if run.umask is not None:
        os.umask(run.umask)
    if run.nice is not None:
        set_nice(run.nice)
    if run.user is not None:
        become_account(run.user)
    if not is_set and isinstance(run.environment, bytes):
        envfiles.set_variables(chain, run.environment)
    if run.directory is not None:
        go_to(run.directory)
    argv = [path, *words[1:]]
    # Not sooner: what was opened above had to go beyond the many that svscan has open.
    resource.setrlimit(resource.RLIMIT_NOFILE, inherited.descriptors)
    if any(which in MEMORY for which, _ in chain.limits):
        chain.become_limited(path, argv)  # it holds memory for the exec, which costs 3 ms
    set_soft(chain.limits)
    os.execve(path, argv, chain.env)


def set_environment(chain: Chain, run: Run) -> bool:
    """Set variables, and unset some; False: it is for the account to read them.

    Raises:
        strerr.Fatal: the directory that has them cannot be read.
    """
    here = os.open(b".", trusted.DIRECTORY)
    try:
        variables = orders.variables_of(run, here)
    finally:
        os.close(here)
    for name, value in variables or ():
        chain.set_variable(name, value)
    return variables is not None


def own_path(path: bytes) -> bytes:
    """Give the path by which the service's ./run is found from anywhere.

    An absolute one: a descriptor would be no name for the interpreter of a script.

    Raises:
        strerr.Fatal: there is none.
    """
    try:
        return os.path.join(os.getcwdb(), path.removeprefix(b"./"))
    except OSError as exc:
        raise strerr.Fatal("unable to find out the current directory") from exc


def go_to(directory: bytes) -> None:
    """Go to a directory, from the service's.

    Raises:
        strerr.Fatal: that cannot be.
    """
    try:
        os.chdir(directory)
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {strerr.name(directory)}") from exc


def set_nice(nice: int) -> None:
    """Set our nice value.

    Raises:
        strerr.Fatal: only root may go below what it is.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
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
