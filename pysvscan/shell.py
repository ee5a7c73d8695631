"""The stand-in road: a /bin/sh spawned ahead, blocked on a pipe, for where _start.c was not built.

0.7 ms from release to run's first instruction, where forking this interpreter takes 2 to 4. A shell
changes more than it should, though: so at the start it is asked to hand on the very environment,
and where it does not (bash sets `_`), or where ./run is anything but a plain script or binary (the
shell would run a file without #! itself, and words exec errors in its own way), it is not used.
"""

import contextlib
import os
import resource
import stat
import subprocess
from typing import Self

from pysvscan.inherited import Inherited
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel
from pysvscan.waiting import Piped, forget, identify, pipe

SHELL = b"/bin/sh"

# Descriptor 0 is the release pipe, another one below 10 the real standard input; the supervisor's
# own are reached, and FIFOs opened afresh, through /proc.
SCRIPT = b"""read -r pysvscan_dir pysvscan_in pysvscan_out pysvscan_err || exit 0
cd -P "/proc/$PPID/fd/$pysvscan_dir" || exit 111
%(directories)s
[ "$pysvscan_out" = - ] || exec 1<>"/proc/$PPID/fd/$pysvscan_out"
[ "$pysvscan_err" = - ] || exec 2<>"/proc/$PPID/fd/$pysvscan_err"
if [ "$pysvscan_in" = - ]
then exec ./run <&%(stdin)d %(stdin)d<&-
else exec ./run <"/proc/$PPID/fd/$pysvscan_in" %(stdin)d<&-
fi"""

# Whether it hands on the environment, and reaches our descriptors: not where we have changed our
# account since we were executed.
CHECK = b"""%(directories)s
[ -e "/proc/$PPID/fd/%(stdin)d" ] && command -p cat /proc/self/environ"""


class Shell:
    """Keeps one shell waiting, and hands it out.

    Attributes:
        waiting: that one; None where it could not be had, or died.
        interpreters: what was found of each: (device, inode, time of change), may it be executed.
    """

    def __init__(self, loop: Loop, kernel: Kernel, inherited: Inherited) -> None:
        self.loop = loop
        self.kernel = kernel
        self.inherited = inherited
        directories = restore_directories(inherited.env)
        self.words = {b"directories": directories, b"stdin": inherited.stdin}
        self.machine = machine_of("/proc/self/exe")
        self.waiting: Piped | None = None
        self.interpreters: dict[bytes, tuple[tuple[int, int, int], bool]] = {}

    @classmethod
    def find(cls, loop: Loop, kernel: Kernel, inherited: Inherited) -> Self | None:
        """Give this road, if the shell hands on the environment as it is."""
        road = cls(loop, kernel, inherited)
        return road if road.is_exact() else None

    def is_exact(self) -> bool:
        """Ask whether the shell hands on the environment as it is, not a name more or less."""
        if any(name.startswith(b"pysvscan_") or name == b"IFS" for name in self.inherited.env):
            return False  # it would read its words in another way, or change somebody's variable
        if self.inherited.limits:
            return False  # it might not have the memory
        if self.inherited.stdin > 9 or len(self.inherited.defaults()) == 1:
            return False  # redirections take one digit; Popen resets both signals or none
        script = CHECK % self.words
        read, write = os.pipe2(os.O_CLOEXEC)
        with open(read, "rb") as file:
            try:
                pid = self.spawn(script, stdout=write)
            except OSError:
                return False
            finally:
                os.close(write)
            found = file.read()
            os.waitpid(pid, 0)
        given = {name + b"=" + value for name, value in self.inherited.env.items()}
        return set(found.split(b"\0")[:-1]) == given

    def spawn(self, script: bytes, stdin: int | None = None, stdout: int | None = None) -> int:
        """Spawn the shell with the signals of a service.

        Not by posix_spawn, which has glibc's two internal signals ignored in every child.
        """
        shell = subprocess.Popen(
            [b"sh", b"-c", script],
            executable=SHELL,
            env=self.inherited.env,
            stdin=stdin,
            stdout=stdout,
            pass_fds=(self.inherited.stdin,),
            restore_signals=bool(self.inherited.defaults()),
        )
        shell.returncode = 0  # it is for the loop to wait for it
        return shell.pid

    def prepare(self) -> None:
        """Have a process waiting for the next start; where that fails, `take` tries again."""
        if self.waiting is None:
            with contextlib.suppress(OSError):
                self.waiting = self.wait()
                self.loop.child(self.waiting.pid, None, self.lost)

    def lost(self, wstatus: int) -> None:  # noqa: ARG002
        """Forget a waiting process that died, killed by whoever; the next start makes another."""
        self.close()

    def take(self, directory: int) -> Piped | None:
        """Give a process that waits; None where ./run is nothing for a shell.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        if not self.is_plain(directory):
            return None
        waiting, self.waiting = self.waiting, None
        if not waiting:
            return self.wait()
        self.loop.child(waiting.pid, None, forget)  # its death is no matter of the next one's
        return waiting

    def wait(self) -> Piped:
        """Spawn a shell that waits."""
        with pipe(kept=1) as (read, write):
            pid = self.spawn(SCRIPT % self.words, stdin=read)
            self.lower_descriptors(pid)
            return Piped(identify(self.loop, self.kernel, pid), write)

    def lower_descriptors(self, pid: int) -> None:
        """Give a child the limit that we were given ourselves; it may be dead already."""
        if resource.getrlimit(resource.RLIMIT_NOFILE) != self.inherited.descriptors:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, self.inherited.descriptors)

    def is_plain(self, directory: int) -> bool:
        """Say whether the kernel will execute ./run without a word, so that a shell may exec it."""
        try:
            return self.kind(b"run", directory)
        except OSError:
            return False

    def kind(self, path: bytes, directory: int | None = None) -> bool:
        """Look at a file: executable, and a binary of this machine or a script of such a binary."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return False
            head = os.read(fd, 256)
        finally:
            os.close(fd)
        if not os.access(path, os.X_OK, dir_fd=directory, effective_ids=True):
            return False
        if head.startswith(b"#!") and directory is not None:
            return self.is_interpreter(head)
        return machine(head) == self.machine

    def is_interpreter(self, head: bytes) -> bool:
        """Look at a script's interpreter; the finding is kept as long as the file is the same."""
        path = interpreter(head)
        if not path.startswith(b"/"):
            return False
        found = os.stat(path)
        same = (found.st_dev, found.st_ino, found.st_mtime_ns)
        if self.interpreters.get(path, ((0, 0, 0), False))[0] != same:
            self.interpreters[path] = (same, self.kind(path))
        return self.interpreters[path][1]

    def close(self) -> None:
        """Let the waiting process go, unused."""
        if self.waiting:
            self.waiting.cancel()
            self.waiting = None


def interpreter(head: bytes) -> bytes:
    r"""Cut the interpreter out of a script's first line, as the kernel does: /bin/sh\r has a \r."""
    line = head[2:].split(b"\n", 1)[0].split(b"\0", 1)[0]
    return line.replace(b"\t", b" ").strip(b" ").split(b" ", 1)[0]


def machine(head: bytes) -> bytes:
    """Cut class, byte order and machine out of an ELF header; empty for anything else."""
    return head[4:6] + head[18:20] if head.startswith(b"\x7fELF") else b""


def machine_of(path: str) -> bytes:
    """Give the `machine` of a binary."""
    with open(path, "rb", buffering=0) as file:
        return machine(file.read(20))


def restore_directories(env: dict[bytes, bytes]) -> bytes:
    """Say in shell what undoes the shell's care for PWD and OLDPWD."""
    lines = []
    for name in (b"PWD", b"OLDPWD"):
        if name in env:
            quoted = env[name].replace(b"'", b"'\\''")
            lines.append(b"%s='%s'" % (name, quoted))
        else:
            lines.append(b"unset %s" % name)
    return b"\n".join(lines)
