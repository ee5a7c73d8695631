"""One service directory: carries out core.service's actions on real files and processes.

Everything goes by the directory's descriptor, never by a path that may be renamed meanwhile; the
name is for messages. Files are those of daemontools 0.76 in `supervise/` (lock, control, ok,
status) and one more, `child`: who the process is, written before it may run. A new supervisor that
finds it alive takes it over, and never starts a second copy.

Source: daemontools 0.76 supervise.c; the words of its messages are kept.
"""

import contextlib
import errno
import fcntl
import os
import signal
import stat
import sys
import termios
import time
from collections.abc import Callable

from pysvscan.core import identity, restart, service, status
from pysvscan.core.identity import Identity
from pysvscan.core.service import Action, State
from pysvscan.core.status import Status
from pysvscan.loop import Deadline, Loop
from pysvscan.pidfd import Pidfd, is_dead
from pysvscan.starter import Starter, Waiting
from pysvscan.strerr import Fatal, name

PAGE = 4096
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
WRITE = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
WANTS = {Action.WANT_UP: b"u", Action.WANT_DOWN: b"d", Action.WANT_ONCE: b"\0"}
SIGNALS = {
    Action.ALRM: signal.SIGALRM,
    Action.CONT: signal.SIGCONT,
    Action.HUP: signal.SIGHUP,
    Action.INT: signal.SIGINT,
    Action.KILL: signal.SIGKILL,
    Action.STOP: signal.SIGSTOP,
    Action.TERM: signal.SIGTERM,
}

Report = Callable[[str, str, BaseException | None], None]  # label ("warning"), message, cause


class Supervise:
    """One service: its lock and FIFOs, its process, its status file.

    Attributes:
        label: the directory's name, for messages only.
        owner: who answers for exceptions here; see loop.py.
        stdin, stdout: descriptors of the log FIFO, opened afresh at each start; -1 for our own.
        pid: 0 means down.
        pidfd: held only for a process that we took over; -1 for a child of ours.
        since_ns: wall clock at the last start or death.
        on_change: called after an event that changed the state.
        on_start: called before each start.
        on_failure: called when a start failed; the next try is scheduled already.
    """

    def __init__(
        self,
        loop: Loop,
        starter: Starter,
        report: Report,
        directory: int,
        label: bytes,
        owner: object = None,
    ) -> None:
        self.loop = loop
        self.starter = starter
        self.report = report
        self.directory = directory
        self.label = label
        self.owner = owner or self
        self.stdin = self.stdout = -1
        self.state = State.DOWN
        self.pid = 0
        self.pidfd = -1
        self.want = b"d"
        self.paused = False
        self.since_ns = time.time_ns()
        self.last_start_ns = time.monotonic_ns() - restart.GAP_NS
        self.failures = 0
        self.timer: Deadline | None = None
        self.exec_error = -1  # the slow road's report, until it is read
        self.is_announced = True
        self.files = contextlib.ExitStack()
        self.control = self.lock = -1
        self.on_change: Callable[[], None] = lambda: None
        self.on_start: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None

    # the directory

    def open(self) -> None:
        """Take the directory: lock, control, status, ok; and the process that runs there already.

        Raises:
            Fatal: with the words of C supervise; nothing is held then.
        """
        with contextlib.ExitStack() as files:
            self.want = b"u" if self.is_wanted() else b"d"
            self.make_directory()
            self.lock = self.open_lock(files)
            self.control = self.open_fifo(files, b"control", os.O_RDWR)
            self.adopt()
            self.announce()
            self.open_fifo(files, b"ok", os.O_RDONLY)
            self.files = files.pop_all()
        self.loop.read(self.control, self.owner, self.obey)
        self.watch_process()

    def begin(self) -> None:
        """Start the service, if it is wanted and not running already."""
        if self.state is State.DOWN and self.want == b"u":
            self.feed(ord("u"))

    def is_wanted(self) -> bool:
        """Look whether there is a file `down`."""
        try:
            os.stat(b"down", dir_fd=self.directory)
        except FileNotFoundError:
            return True
        except OSError as exc:
            raise Fatal(f"unable to stat {self.path(b'down')}") from exc
        return False

    def make_directory(self) -> None:
        """Make `supervise`; where it is a dangling link (Debian's patch), what it points to."""
        try:
            os.mkdir(b"supervise", 0o700, dir_fd=self.directory)
        except OSError:  # what stands in the way is said when the lock cannot be opened
            with contextlib.suppress(OSError):
                target = os.readlink(b"supervise", dir_fd=self.directory)
                os.mkdir(target, 0o700, dir_fd=self.directory)

    def open_lock(self, files: contextlib.ExitStack) -> int:
        """Open and lock `supervise/lock`: who holds it supervises."""
        flags = WRITE | os.O_APPEND | os.O_CREAT
        try:
            lock = os.open(b"supervise/lock", flags, 0o600, dir_fd=self.directory)
            files.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise Fatal(f"unable to acquire {self.path(b'supervise/lock')}") from exc
        return lock

    def open_fifo(self, files: contextlib.ExitStack, base: bytes, flags: int) -> int:
        """Make a FIFO if there is none, and open it; owner and mode of an old one are kept."""
        path = b"supervise/" + base
        with contextlib.suppress(OSError):
            os.mkfifo(path, 0o600, dir_fd=self.directory)
        flags |= os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags, dir_fd=self.directory)
            files.callback(os.close, fd)
        except OSError as exc:
            raise Fatal(f"unable to read {self.path(path)}") from exc
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            raise Fatal(f"unable to read {self.path(path)}: not a FIFO")
        if base != b"pipe":  # commands are short; a user has 1,024 pipes of full size, for logs
            with contextlib.suppress(OSError):
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PAGE)
        return fd

    def is_gone(self) -> bool:
        """Say whether `x` is done: nothing is held any more."""
        return self.state is State.GONE

    def open_pipe(self) -> int:
        """Open the holder of the FIFO between service and logger, made if need be; the caller's."""
        with contextlib.ExitStack() as files:
            pipe = self.open_fifo(files, b"pipe", os.O_RDWR)
            files.pop_all()
        return pipe

    def unread(self) -> int:
        """Count the bytes in the FIFO that this logger reads, 0 if it is not there any more."""
        try:
            fd = os.open(b"../supervise/pipe", READ, dir_fd=self.directory)
        except OSError:
            return 0
        try:
            return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
        finally:
            os.close(fd)

    def path(self, base: bytes) -> str:
        """Name a file of this directory in a message."""
        return name(self.label + b"/" + base)

    def renew(self) -> None:
        """Look whether `supervise` is still the directory that we took; if not, make it again.

        The service is not touched: it is recorded and announced in the new one.

        Raises:
            Fatal: it cannot be made; it is tried again at the next look.
        """
        ours = os.fstat(self.lock)
        try:
            there = os.stat(b"supervise/lock", dir_fd=self.directory, follow_symlinks=False)
            if (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino):
                return
        except OSError:
            pass
        before = self.lock, self.control
        try:
            files = self.take_anew()
        except BaseException:
            self.lock, self.control = before  # they are still ours
            raise
        self.loop.forget(before[1])
        self.files.close()
        self.files = files
        self.loop.read(self.control, self.owner, self.obey)
        self.announce()
        self.report(
            "warning", f"{self.path(b'supervise')} was removed or replaced: made again", None
        )

    def take_anew(self) -> contextlib.ExitStack:
        """Open a new `supervise` around a running service, as `open` does around none."""
        with contextlib.ExitStack() as files:
            self.make_directory()
            self.lock = self.open_lock(files)
            self.control = self.open_fifo(files, b"control", os.O_RDWR)
            self.record_again()
            self.open_fifo(files, b"ok", os.O_RDONLY)
            return files.pop_all()

    def record_again(self) -> None:
        """Record the process that runs, in a `supervise` that does not know it yet."""
        if not self.pid:
            return
        try:
            self.record(self.starter.kernel.identify(self.pid))
        except ProcessLookupError:
            return  # it has just died, and we have not been told yet
        except OSError as exc:
            raise Fatal(f"unable to write {self.path(b'supervise/child')}") from exc

    def close(self) -> None:
        """Let go of everything but the process, which lives on and can be taken over."""
        if self.timer:
            self.timer.cancel()
        if self.pidfd >= 0:
            self.loop.forget(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = -1
        elif self.pid:
            self.loop.abandon(self.pid)
        self.drop_exec_error()
        if self.lock >= 0:
            self.loop.forget(self.control)
            self.files.close()
            self.lock = self.control = -1

    # a process that was there before us

    def adopt(self) -> None:
        """Take over the recorded process if it is alive, with what its status says of it.

        Raises:
            Fatal: whether it lives cannot be found out; a second copy is never started.
        """
        try:
            pid, self.pidfd = self.find()
        except OSError as exc:
            raise Fatal(f"unable to look for the process of {name(self.label)}") from exc
        if not pid:
            return
        self.pid = pid
        old = self.read_status()
        if old and old.pid == pid:
            self.since_ns, self.paused, self.want = old.since_ns, old.paused, old.want
        self.state = service.adopted(self.want)
        age_ns = max(0, time.time_ns() - self.since_ns)
        self.last_start_ns = time.monotonic_ns() - age_ns

    def find(self) -> tuple[int, int]:
        """Look for the recorded process.

        Returns:
            Its pid and a pidfd, or (0, -1) if there is none or it is a stranger.
        """
        try:
            recorded = identity.unpack(self.read_file(b"supervise/child", identity.BYTES))
            held = Pidfd(recorded.pid)
        except (FileNotFoundError, ProcessLookupError, identity.IdentityError, OverflowError):
            return 0, -1
        found = self.own(self.starter.kernel.identify_held(recorded.pid, held.fd))
        if identity.is_same(recorded, found) and not is_dead(held.fd):
            return recorded.pid, held.fd
        os.close(held.fd)
        return 0, -1

    def own(self, process: Identity) -> Identity:
        """Tie an identity to this directory."""
        lock = os.fstat(self.lock)
        process.device, process.inode = lock.st_dev, lock.st_ino
        return process

    def read_file(self, path: bytes, size: int) -> bytes:
        """Read the beginning of a small file of this directory."""
        fd = os.open(path, READ, dir_fd=self.directory)
        try:
            return os.read(fd, size)
        finally:
            os.close(fd)

    def read_status(self) -> Status | None:
        """Read what our predecessor said last; nothing that can be read is nothing said."""
        try:
            return status.unpack(self.read_file(b"supervise/status", status.BYTES))
        except (OSError, status.StatusError):
            return None

    def watch_process(self) -> None:
        """Wait for the death of a process that is not our child."""
        if self.pidfd >= 0:
            self.loop.read(self.pidfd, self.owner, self.adopted_died)

    def adopted_died(self) -> None:
        """Serve the death of a process that we took over; its exit status is not known."""
        self.died(-1)

    # events

    def obey(self) -> None:
        """Serve the bytes in control; each is an event."""
        try:
            commands = os.read(self.control, PAGE)
        except BlockingIOError:
            return
        for byte in commands:
            if self.state is State.GONE:
                return
            self.feed(byte)

    def died(self, wstatus: int) -> None:  # noqa: ARG002
        """Serve the death of the process; on the slow road it may be one that never ran."""
        if self.pidfd >= 0:
            self.loop.forget(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = -1
        failure = self.drop_exec_error()
        if failure is None:
            self.failures = 0
            self.feed(service.CHILD)
        else:
            self.start_failed("fatal", f"unable to start {self.path(b'run')}", failure)
            self.feed(service.SPAWN_FAILED)

    def start_failed(self, label: str, message: str, cause: OSError) -> None:
        """Say why the service does not run; whoever we report to says it again only seldom."""
        self.failures += 1
        self.report(label, message, cause)

    def feed(self, event: int) -> None:
        """Let an event happen, and what follows from it; then write the status once."""
        before = self.state
        events = [event]
        while events:
            actions, after = service.step(self.state, events.pop(0))
            self.state = after
            for action in actions:
                events += self.act(action)
        if not self.is_announced:
            self.announce()
        self.starter.prepare()
        if self.state is not before:
            self.on_change()

    def act(self, action: Action) -> list[int]:
        """Carry out one action; START and a SCHEDULE that is due have an event as their result."""
        if action in SIGNALS:
            self.kill(SIGNALS[action])
        elif action in WANTS:
            self.want = WANTS[action]
        elif action is Action.START:
            return [service.SPAWNED if self.start() else service.SPAWN_FAILED]
        elif action is Action.SCHEDULE:
            return self.schedule()
        else:
            self.note(action)
        return []

    def note(self, action: Action) -> None:
        """Carry out the actions that only change what we know."""
        if action is Action.ANNOUNCE:
            self.is_announced = False
        elif action is Action.EXITED:
            self.pid, self.paused, self.since_ns = 0, False, time.time_ns()
        elif action in (Action.PAUSED, Action.UNPAUSED):
            self.paused = action is Action.PAUSED
        elif action is Action.LEAVE:
            self.announce()
            self.close()
        elif action is Action.RETRY:
            delay_ns = min(restart.delay(self.failures), restart.RETRY_NS)
            self.wait(time.monotonic_ns() + delay_ns)
            self.on_failure()
        elif self.timer:  # UNSCHEDULE
            self.timer.cancel()

    def schedule(self) -> list[int]:
        """Have TIMER come as soon as the service may start, which may be now."""
        now_ns = time.monotonic_ns()
        at_ns = restart.next_start(self.last_start_ns, now_ns)
        if at_ns <= now_ns:
            if self.timer:
                self.timer.cancel()
            return [service.TIMER]
        self.wait(at_ns)
        return []

    def wait(self, at_ns: int) -> None:
        """Have TIMER come at a moment, and at no other."""
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.at(at_ns, self.owner, lambda: self.feed(service.TIMER))

    def retry(self) -> None:
        """Try a failed start now: something in the directory has changed."""
        if self.failures and self.state in (State.WAIT, State.ONCE):
            self.wait(restart.next_start(self.last_start_ns, time.monotonic_ns()))

    def kill(self, number: signal.Signals) -> None:
        """Signal the process, and it alone; one that is just dying does not mind."""
        with contextlib.suppress(ProcessLookupError):
            if self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, number)
            elif self.pid:
                os.kill(self.pid, number)

    # starting

    def start(self) -> bool:
        """Start ./run: record the process that waits, then release it."""
        self.on_start()
        self.last_start_ns = time.monotonic_ns()
        for _ in range(2):  # once more if the waiting process is dead
            try:
                waiting = self.starter.take(self.directory)
            except OSError as exc:
                self.start_failed("warning", f"unable to fork for {name(self.label)}", exc)
                return False
            try:
                self.record(waiting.identity)
            except OSError as exc:
                waiting.cancel()
                self.loop.child(waiting.pid, self.owner, lambda _: None)
                self.start_failed(
                    "warning", f"unable to write {self.path(b'supervise/child')}", exc
                )
                return False
            if self.release(waiting):
                return True
        self.start_failed(
            "warning", f"unable to fork for {name(self.label)}", OSError(errno.EPIPE, "")
        )
        return False

    def record(self, process: Identity) -> None:
        """Write down who will run, in place: it must work on a full disk."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(b"supervise/child", flags, 0o600, dir_fd=self.directory)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise OSError(errno.EPERM, "not a file of our own")
            os.pwrite(fd, identity.pack(self.own(process)), 0)
        finally:
            os.close(fd)

    def release(self, waiting: Waiting) -> bool:
        """Let the recorded process run."""
        self.loop.child(waiting.pid, self.owner, self.died)
        try:
            waiting.go(self.directory, self.stdin, self.stdout)
        except BrokenPipeError:
            self.loop.child(waiting.pid, self.owner, lambda _: None)
            return False
        self.pid, self.since_ns, self.exec_error = waiting.pid, time.time_ns(), waiting.error
        return True

    def drop_exec_error(self) -> OSError | None:
        """Read and close the slow road's report.

        Returns:
            Why ./run could not be executed, or None if it was.
        """
        if self.exec_error < 0:
            return None
        fd, self.exec_error = self.exec_error, -1
        try:
            number = os.read(fd, 16)
        except BlockingIOError:
            return None
        finally:
            os.close(fd)
        return OSError(int(number), "") if number else None

    # the status file

    def announce(self) -> None:
        """Write the status: by rename, with owner and mode that somebody gave the old one.

        Where no new file can be made (a full disk) the old one is written in place.
        """
        self.is_announced = True
        data = status.pack(Status(self.since_ns, self.pid, self.paused, self.want))
        try:
            self.replace_status(data)
        except OSError as exc:
            try:
                self.overwrite_status(data)
            except OSError:
                path = self.path(b"supervise/status.new")
                self.report("warning", f"unable to write {path}", exc)

    def replace_status(self, data: bytes) -> None:
        """Write status.new and rename it to status."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(b"supervise/status.new", dir_fd=self.directory)
        fd = os.open(
            b"supervise/status.new", WRITE | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self.directory
        )
        try:
            if os.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, "")
            self.keep_owner_and_mode(fd)
        finally:
            os.close(fd)
        os.rename(
            b"supervise/status.new",
            b"supervise/status",
            src_dir_fd=self.directory,
            dst_dir_fd=self.directory,
        )

    def keep_owner_and_mode(self, fd: int) -> None:
        """Give a new status file what the old one has, if it has something of its own."""
        new = os.fstat(fd)
        try:
            old = os.stat(b"supervise/status", dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return
        if not stat.S_ISREG(old.st_mode):
            return
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with contextlib.suppress(PermissionError):
                os.fchown(fd, old.st_uid, old.st_gid)
        if old.st_mode != new.st_mode:
            os.fchmod(fd, stat.S_IMODE(old.st_mode) & 0o777)

    def overwrite_status(self, data: bytes) -> None:
        """Write the old status file in place: no new block is needed."""
        fd = os.open(b"supervise/status", WRITE, dir_fd=self.directory)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise OSError(errno.EPERM, "not a file of our own")
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)
