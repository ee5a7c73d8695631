"""The only road to execve, and what the programs of one chain hand on.

In `envdir ./env setuidgid u softlimit -m 3000000 PROG` each program runs the next. Where the next
is one of our own commands it is called, not executed: a chain costs one interpreter start. Limits
wait for the last exec, into a foreign program: an interpreter would not fit into qmail's 2 MB.
Source: daemontools 0.76 pathexec_run.c, pathexec_env.c.
"""

import errno
import os
import sys
from binascii import a2b_base64

from pysvscan import commands, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

DEFAULT_PATH = b"/bin:/usr/bin"
GO_ON = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR)  # the search goes on


class Chain:
    """Environment and limits on their way to the program at the end of the chain.

    Attributes:
        env: the environment that the last program gets; commands change it by `set_variable`.
        path: where the next program is looked for: the PATH that this command was given. One that
            envdir sets is for later programs: C searches by environ, not by what it will hand on.
        ignored: of the signals that Python ignores, those that were ignored when we started.
        limits: (resource, soft limit) pairs of softlimit, for the last exec; see limits.py.
    """

    def __init__(self, env: dict[bytes, bytes], ignored: frozenset[int] = frozenset()) -> None:
        self.env = env
        self.path = env.get(b"PATH", DEFAULT_PATH)
        self.ignored = ignored
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
            strerr.Fatal: it cannot be run.
        """
        failure = OSError(errno.ENOENT, "")
        for path in candidates(argv[0], self.path):
            if own_command(path):
                self.call(os.fsdecode(os.path.basename(path)), argv)
            try:
                self.become(path, argv)
            except OSError as exc:
                if exc.errno != errno.ENOENT:
                    failure = exc
                if exc.errno not in GO_ON:
                    break
        raise strerr.Fatal(f"unable to run {strerr.name(argv[0])}") from failure

    def call(self, name: str, argv: list[bytes]) -> "NoReturn":
        """Go on as one of our commands; `pysvscan NAME` is NAME."""
        self.path = self.env.get(b"PATH", DEFAULT_PATH)
        if name == "pysvscan":
            from pysvscan.__main__ import run

            run(name, [os.fsdecode(word) for word in argv[1:]], self)
        command = load(name)
        if self.limits and name not in commands.CHAINING:
            from pysvscan import limits

            if name in commands.STARTING:
                self.limits = limits.keep_for_children(self.limits)
            else:
                limits.keep_alive(name, self.limits)
        strerr.main(name, command, argv, self)

    def execute(self, argv: list[bytes]) -> "NoReturn":
        """Become one of our commands in a new image; what of `limits` we do not have, it hands on.

        Raises:
            strerr.Fatal: it cannot be run.
        """
        if self.limits and os.fsdecode(argv[0]) in commands.STARTING:
            from pysvscan import limits

            command = scripts_directory() + b"/" + argv[0]
            argv = [b"softlimit", *limits.options(self.limits), command, *argv[1:]]
        self.limits = []
        try:
            self.become(scripts_directory() + b"/" + argv[0], argv)
        except OSError as exc:
            raise strerr.Fatal(f"unable to run {strerr.name(argv[0])}") from exc

    def become(self, path: bytes, argv: list[bytes]) -> "NoReturn":
        """Execute a file.

        Raises:
            OSError: it cannot be executed; signals are by then those it was to get.
        """
        if not argv[0]:  # the directories of PATH themselves; Python does not even try
            raise PermissionError(errno.EACCES, "")
        strerr.restore_signals(self.ignored)
        if self.limits:
            self.become_limited(path, argv)
        os.execve(path, argv, self.env)

    def become_limited(self, path: bytes, argv: list[bytes]) -> "NoReturn":
        """Execute a file under the limits; if it fails, we need our memory back.

        Raises:
            OSError: it cannot be executed.
        """
        from pysvscan import limits  # only where softlimit was in the chain

        held = limits.reserve([*argv, *self.env, *self.env.values()])
        before = limits.set_soft(self.limits)
        try:
            os.execve(path, argv, self.env)
        except MemoryError:
            raise OSError(errno.ENOMEM, "") from None
        finally:
            limits.set_soft(before)
            del held


def candidates(prog: bytes, path: bytes) -> list[bytes]:
    """List where a program may be: itself if it has a slash, else each PATH entry, empty = dot."""
    if b"/" in prog:
        return [prog]
    return [(entry or b".") + b"/" + prog for entry in path.split(b":")]


def own_command(path: bytes) -> bool:
    """Say whether this file is one of our commands: the very script beside the running one."""
    name = os.path.basename(path)
    if os.fsdecode(name) not in commands.NAMES and name != b"pysvscan":
        return False
    try:
        found = os.stat(path)
        ours = os.stat(scripts_directory() + b"/" + name)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)


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


def given() -> Chain:
    """Read the environment and the ignored signals that this process was given.

    The interpreter ignores SIGPIPE and SIGXFSZ and in the C locale adds LC_CTYPE (PEP 538); the
    /bin/sh that finds it adds PWD and drops names that are no identifiers. So that shell hands the
    originals over, in PYSVSCAN_GIVEN: the fields of /proc/PID/stat from the third on, then, for
    commands that start others, "environ" and /proc/PID/environ in base64. Where it could not,
    there is what we have. An entry without a name or an `=` is lost: Python's execve takes none.
    """
    env = dict(os.environb)
    env.pop(b"", None)
    stat, handed_over, encoded = env.pop(b"PYSVSCAN_GIVEN", b"").partition(b" environ ")
    if handed_over:
        env = parse_environment(a2b_base64(encoded))
    elif env.get(b"LC_CTYPE") in (b"C.UTF-8", b"C.utf8", b"UTF-8"):
        with open("/proc/self/environ", "rb") as file:
            kernels = parse_environment(file.read())
        env = {name: value for name, value in env.items() if name in kernels}
    return Chain(env, ignored_signals(stat.split()))


def ignored_signals(fields: list[bytes]) -> frozenset[int]:
    """Pick what Python ignores anyway from field 33, "sigignore"; fields[0] is the third."""
    ignored = int(fields[30]) if len(fields) > 30 and fields[30].isdigit() else 0
    return frozenset(n for n in strerr.PYTHON_IGNORES if ignored >> (n - 1) & 1)


def parse_environment(data: bytes) -> dict[bytes, bytes]:
    """Split what /proc/PID/environ holds; of a name given twice the first counts, as for getenv."""
    env: dict[bytes, bytes] = {}
    for entry in data.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if name and equals:
            env.setdefault(name, value)
    return env
