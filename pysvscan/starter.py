"""Starts services: a process exists first and waits, is recorded, and only then becomes `./run`.

Two roads. The fast one is a /bin/sh spawned ahead, blocked on a pipe: 0.7 ms from release to run's
first instruction where forking this interpreter takes 2 to 4. A shell changes more than it should,
though: so at the start it is asked to hand on the very environment, and where it does not (bash
sets `_`), or where ./run is anything but a plain script or binary (the shell would run a file
without #! itself, and words exec errors in its own way), the slow road forks. End of file instead
of a release means: exit without running, the supervisor is dead.

posix_spawn of ./run followed by the record would be faster still, and leaves a process that nobody
knows when the supervisor is killed in between.
"""

import contextlib
import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
from collections.abc import Iterator

from pysvscan.core.identity import Identity
from pysvscan.loop import Loop
from pysvscan.pidfd import Kernel

SHELL = b"/bin/sh"
OURS = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by us: a write fails instead

# Descriptor 0 is the release pipe, another one below 10 the real standard input; the supervisor's
# own are reached, and FIFOs opened afresh, through /proc. The words: directory, input, output.
SCRIPT = b"""read -r pysvscan_dir pysvscan_in pysvscan_out || exit 0
cd -P "/proc/$PPID/fd/$pysvscan_dir" || exit 111
%(directories)s
if [ "$pysvscan_out" != - ]
then exec ./run <&%(stdin)d %(stdin)d<&- 1<>"/proc/$PPID/fd/$pysvscan_out"
elif [ "$pysvscan_in" != - ]
then exec ./run <"/proc/$PPID/fd/$pysvscan_in" %(stdin)d<&-
else exec ./run <&%(stdin)d %(stdin)d<&-
fi"""


class Inherited:
    """What this process was given, and its services get: nothing of what we change for ourselves.

    Attributes:
        env: the environment.
        mask: the blocked signals; without SIGCHLD, which C supervise unblocks for a service.
        ignored: those of OURS that were ignored when we were started; no other is, or was, changed.
        descriptors: the (soft, hard) limit of open descriptors.
        stdin: a second descriptor of the standard input.
    """

    def __init__(self, env: dict[bytes, bytes], ignored: frozenset[int]) -> None:
        self.env = env
        self.mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD}) - {signal.SIGCHLD}
        self.ignored = ignored
        self.descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        for number in OURS:
            signal.signal(number, signal.SIG_IGN)
        for fd in (0, 1, 2):  # a closed one would become some file of ours
            with contextlib.suppress(OSError):
                os.fstat(fd)
                continue
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)
        for given in os.listdir("/proc/self/fd"):  # a service gets 0, 1, 2 of us, and no more
            if int(given) > 2:
                with contextlib.suppress(OSError):
                    os.set_inheritable(int(given), False)
        self.stdin = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)

    def raise_descriptors(self) -> None:
        """Take as many descriptors as may be had; a start gives the old limit back to the child."""
        hard = self.descriptors[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def defaults(self) -> set[signal.Signals]:
        """List the signals that Python ignores, and a service shall not."""
        return {number for number in OURS if number not in self.ignored}


class Waiting:
    """A process that waits for its release.

    Attributes:
        pid: of the process.
        identity: who it is; `supervise/child` wants the service's lock in it besides.
        release: the pipe's write end.
        error: where the slow road reports the errno of a failed exec; -1 on the fast road.
    """

    def __init__(self, identity: Identity, release: int, error: int = -1) -> None:
        self.pid = identity.pid
        self.identity = identity
        self.release = release
        self.error = error

    def go(self, directory: int, stdin: int, stdout: int) -> bool:
        """Let it become ./run of this directory, with these FIFOs (-1: what we have ourselves).

        Returns:
            False if it is dead; then it is for the caller to cancel it.
        """
        words = (b"-" if fd < 0 else b"%d" % fd for fd in (directory, stdin, stdout))
        try:
            os.write(self.release, b" ".join(words) + b"\n")
        except BrokenPipeError:
            return False
        os.close(self.release)
        return True

    def cancel(self) -> None:
        """Close the pipes: without a release before, the process exits."""
        os.close(self.release)
        if self.error >= 0:
            os.close(self.error)


class Starter:
    """Keeps one process waiting, and hands it out."""

    def __init__(self, loop: Loop, inherited: Inherited) -> None:
        self.loop = loop
        self.inherited = inherited
        self.kernel = Kernel()
        self.restore = restore_directories(inherited.env)
        self.script = SCRIPT % {b"directories": self.restore, b"stdin": inherited.stdin}
        self.machine = machine_of("/proc/self/exe")
        self.shell_is_exact = self.try_shell()
        self.waiting: Waiting | None = None
        self.interpreters: dict[bytes, tuple[tuple[int, int, int], bool]] = {}

    def try_shell(self) -> bool:
        """Ask whether the shell hands on the environment as it is, not a name more or less."""
        if any(name.startswith(b"pysvscan_") or name == b"IFS" for name in self.inherited.env):
            return False  # it would read its words in another way, or change somebody's variable
        if self.inherited.stdin > 9 or len(self.inherited.defaults()) == 1:
            return False  # redirections take one digit; Popen resets both signals or none
        script = self.restore + b"\ncommand -p cat /proc/self/environ"
        read, write = os.pipe2(os.O_CLOEXEC)
        with open(read, "rb") as file:
            try:
                pid = self.spawn_shell(script, stdout=write)
            except OSError:
                return False
            finally:
                os.close(write)
            found = file.read()
            os.waitpid(pid, 0)
        given = {name + b"=" + value for name, value in self.inherited.env.items()}
        return set(found.split(b"\0")[:-1]) == given

    def spawn_shell(
        self, script: bytes, stdin: int | None = None, stdout: int | None = None
    ) -> int:
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
        if self.shell_is_exact and self.waiting is None:
            with contextlib.suppress(OSError):
                self.waiting = self.wait_in_shell()
                self.loop.child(self.waiting.pid, self, self.lost)

    def lost(self, wstatus: int) -> None:  # noqa: ARG002
        """Forget a waiting process that died, killed by whoever; the next start makes another."""
        self.close()

    def take(self, directory: int) -> Waiting:
        """Give a process that waits, by the road that ./run needs; it is the caller's child now.

        Raises:
            OSError: no process, or no descriptor, can be had.
        """
        if not (self.shell_is_exact and self.is_plain(directory)):
            return self.wait_in_fork()
        waiting, self.waiting = self.waiting, None
        if not waiting:
            return self.wait_in_shell()
        self.loop.child(
            waiting.pid, self, lambda _: None
        )  # its death is no matter of the next one's
        return waiting

    def wait_in_shell(self) -> Waiting:
        """Spawn the fast road."""
        with pipe(kept=1) as (read, write):
            pid = self.spawn_shell(self.script, stdin=read)
            self.lower_descriptors(pid)
            return Waiting(self.kernel.identify(pid), write)

    def lower_descriptors(self, pid: int) -> None:
        """Give a child the limit that we were given ourselves; it may be dead already."""
        if resource.getrlimit(resource.RLIMIT_NOFILE) != self.inherited.descriptors:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, self.inherited.descriptors)

    def wait_in_fork(self) -> Waiting:
        """Fork the slow road: exact in everything, and says why it could not execute."""
        with pipe(kept=1) as (read, write), pipe(kept=0) as (error, error_write):
            os.set_blocking(error, False)
            # Until its handlers are gone, a signal for the child would be written to our wakeup.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(write)
                    self.become_run(read, error_write)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return Waiting(self.kernel.identify(pid), write, error)

    def become_run(self, read: int, error: int) -> None:
        """In the child: wait for the release, arrange everything, execute; never returns."""
        try:
            words = os.read(read, 100).split()
            if not words:
                os._exit(0)
            directory, stdin, stdout = (-1 if word == b"-" else int(word) for word in words)
            self.arrange(directory, stdin, stdout)
            os.execve(b"./run", [b"./run"], self.inherited.env)
        except OSError as exc:
            os.write(error, b"%d" % (exc.errno or errno.EINVAL))
        finally:  # nothing may escape into the parent's code
            os._exit(111)

    def arrange(self, directory: int, stdin: int, stdout: int) -> None:
        """In the child: directory, descriptors, limit, signals, as the service gets them."""
        os.fchdir(directory)
        if stdout >= 0:
            os.dup2(os.open(f"/proc/self/fd/{stdout}", os.O_RDWR), 1)
        if stdin >= 0:
            os.dup2(os.open(f"/proc/self/fd/{stdin}", os.O_RDONLY), 0)
        for fd in (0, 1, 2):
            os.set_inheritable(fd, True)
        resource.setrlimit(resource.RLIMIT_NOFILE, self.inherited.descriptors)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)) or number in self.inherited.defaults():
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.inherited.mask)

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


@contextlib.contextmanager
def pipe(kept: int) -> Iterator[tuple[int, int]]:
    """Make a pipe, (read, write); closed afterwards, but for the one end kept if all went well."""
    ends = os.pipe2(os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, ends[kept])
        try:
            yield ends
        finally:
            os.close(ends[1 - kept])
        undo.pop_all()


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
