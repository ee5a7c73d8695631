"""The only road to execve, and what the programs of one chain hand on.

In `envdir ./env setuidgid u softlimit -m 3000000 PROG` each program runs the next. Where the next
is one of our own commands it is called, not executed: a chain costs one interpreter start. Limits
wait for the last exec, into a foreign program: an interpreter would not fit into qmail's 2 MB.
Source: daemontools 0.76 pathexec_run.c, pathexec_env.c.
"""

import errno
import os
import sys

from pysvscan import commands, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_PATH = b"/bin:/usr/bin"
GO_ON = (errno.EACCES, errno.EPERM, errno.EISDIR)  # remembered; the search goes on


class Chain:
    """Environment and limits on their way to the program at the end of the chain.

    Attributes:
        env: the environment that the last program gets; commands change it by `set_variable`.
        path: where the next program is looked for: the PATH that this command was given. One that
            envdir sets is for later programs: C searches by environ, not by what it will hand on.
        limits: (resource, soft limit) pairs of softlimit, set right before the last exec.
    """

    def __init__(self, env: dict[bytes, bytes]) -> None:
        self.env = env
        self.path = env.get(b"PATH", DEFAULT_PATH)
        self.limits: list[tuple[int, int]] = []

    def set_variable(self, name: bytes, value: bytes | None) -> None:
        """Set a variable, or unset it; an `=` in the name begins the value, as in C."""
        name, equals, begun = name.partition(b"=")
        self.env.pop(name, None)
        if value is not None and equals:
            value = begun + b"=" + value
        elif equals:
            value = begun
        if name and value is not None:
            self.env[name] = value

    def run(self, argv: list[bytes]) -> "NoReturn":
        """Become the program argv[0], looked for on PATH as the C programs do.

        Raises:
            OSError: it cannot be run; the caller says "unable to run PROG".
        """
        failure = OSError(errno.ENOENT, "")
        for path in candidates(argv[0], self.path):
            try:
                self.become(path, argv)
            except OSError as exc:
                if exc.errno in GO_ON:
                    failure = exc
                elif exc.errno != errno.ENOENT:
                    raise
        raise failure

    def become(self, path: bytes, argv: list[bytes]) -> "NoReturn":
        """Call the file if it is one of our commands, else execute it."""
        name = own_command(path)
        if name == "pysvscan" and len(argv) > 1 and os.fsdecode(argv[1]) in commands.NAMES:
            argv = argv[1:]
            name = os.fsdecode(argv[0])
        if name in commands.NAMES:
            self.path = self.env.get(b"PATH", DEFAULT_PATH)
            strerr.main(name, load(name), argv, self)
        strerr.restore_signals()
        if self.limits:
            set_limits(self.limits)
        os.execve(path, argv, self.env)


def candidates(prog: bytes, path: bytes) -> list[bytes]:
    """List where a program may be: itself if it has a slash, else each PATH entry, empty = dot."""
    if b"/" in prog:
        return [prog]
    return [(entry or b".") + b"/" + prog for entry in path.split(b":")]


def own_command(path: bytes) -> str:
    """Name the command of ours that this file is: the same file as the script beside our own."""
    name = os.path.basename(path)
    if os.fsdecode(name) not in commands.NAMES and name != b"pysvscan":
        return ""
    try:
        found = os.stat(path)
        ours = os.stat(scripts_directory() + b"/" + name)
    except OSError:
        return ""
    same = (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
    return os.fsdecode(name) if same else ""


def scripts_directory() -> bytes:
    """Say where our commands are installed: beside the running one, or else the interpreter."""
    script = sys.argv[0]
    beside = sys.executable if script.endswith("__main__.py") else script
    return os.fsencode(os.path.dirname(beside))


def load(name: str) -> "strerr.Command":
    """Import a command's main; an unreachable package is named, with the account's view of it.

    Raises:
        strerr.Fatal: the module cannot be read: installed where this account has no access.
    """
    try:
        module = __import__(f"pysvscan.commands.{name}", fromlist=["main"])
    except (ImportError, OSError) as exc:
        where = os.path.dirname(__file__)
        raise strerr.Fatal(f"unable to import {name} from {where} as uid {os.geteuid()}") from exc
    main: strerr.Command = module.main
    return main


def set_limits(limits: list[tuple[int, int]]) -> None:
    """Lower the soft limits, clamped to the hard ones."""
    import resource  # only where softlimit was in the chain

    for which, soft in limits:
        hard = resource.getrlimit(which)[1]
        wanted = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(which, (wanted, hard))


def environment() -> dict[bytes, bytes]:
    """Read the environment that this process was given, without what the start added to it.

    The /bin/sh that finds the interpreter adds PWD and drops names that are no identifiers; for
    commands that start others it hands over the original (see pysvscan/scripts/command). Without
    it, there is the interpreter's LC_CTYPE in the C locale (PEP 538), which the kernel's copy has
    not. An entry without a name or an `=` is lost: execve by Python takes none.
    """
    env = dict(os.environb)
    handed_over = env.pop(b"PYSVSCAN_ENVIRON", None)
    if handed_over is not None and "environ-given" in sys._xoptions:
        from binascii import a2b_base64  # builtin; 0.1 ms

        return parse_environment(a2b_base64(handed_over))
    if env.get(b"LC_CTYPE") in (b"C.UTF-8", b"C.utf8", b"UTF-8"):
        with open("/proc/self/environ", "rb") as file:
            given = parse_environment(file.read())
        env.pop(b"LC_CTYPE")
        if b"LC_CTYPE" in given:
            env[b"LC_CTYPE"] = given[b"LC_CTYPE"]
    env.pop(b"", None)
    return env


def parse_environment(data: bytes) -> dict[bytes, bytes]:
    """Split what /proc/PID/environ holds; of a name given twice the first counts, as for getenv."""
    env: dict[bytes, bytes] = {}
    for entry in data.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if name and equals:
            env.setdefault(name, value)
    return env
