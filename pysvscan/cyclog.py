"""One log directory: `current`, its archives, and the way from one to the other.

All work is a list of steps of one system call each. A step that fails raises Stuck and stays first
in the list: whoever waits, and for how long, is the caller's business. Nothing here sleeps. The
order of the steps is C multilog's, so that either continues what the other left at any of them.
Source: daemontools 0.76 multilog.c restart(), fullcurrent(), finish(), c_quit().
"""

import contextlib
import fcntl
import os
import time
from _signal import SIG_DFL, SIGALRM, SIGTERM, set_wakeup_fd, signal

from pysvscan import pathexec, strerr
from pysvscan.core import tai
from pysvscan.stuck import Stuck, dying, pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = Callable[[], "list[Step]"]

MARGIN_BYTES = 2000  # a file this close to its size, and at the end of a line, is full
CLEAN = 0o100  # this bit of current's mode: written to the end; of processed's: complete
NEW = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK


class Cyclog:
    """One log directory, locked and open.

    Attributes:
        path: as the script names it, for messages.
        pid: the running processor; 0 means none.
        bytes: in `current`.
    """

    def __init__(
        self,
        path: bytes,
        size_bytes: int,
        count: int,
        processor: bytes | None,
        chain: pathexec.Chain,
    ) -> None:
        """Open and lock the directory; recovery is left to advance().

        Raises:
            strerr.Fatal: what keeps multilog from starting.
        """
        self.path = path
        self.name = strerr.name(path)
        self.size_bytes = size_bytes
        self.count = count
        self.processor = processor
        self.chain = chain
        self.pid = 0
        self.wstatus = 0  # of the last processor
        self.is_abandoned = False
        self.current_fd = -1
        self.bytes = 0
        self.text = b""  # to be written, from self.at on
        self.at = 0
        self.steps: list[Step] = [self.look_at_current]
        with contextlib.suppress(OSError):  # opening it says what is wrong
            os.mkdir(path, 0o700)
        with dying(f"unable to open directory {self.name}"):
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        with dying(f"unable to lock directory {self.name}"):
            self.lock_fd = self.open_new(b"lock", os.O_APPEND, 0o600)
            fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    # What a caller does.

    def put(self, text: bytes) -> None:
        """Take text to be written; advance() writes it."""
        self.text = self.unwritten() + text
        self.at = 0

    def unwritten(self) -> bytes:
        """Return the text that is not yet in the file."""
        return self.text[self.at :]

    def is_busy(self) -> bool:
        """Say whether anything is left to do."""
        return bool(self.steps) or self.at < len(self.text)

    def advance(self) -> None:
        """Do all that can be done now; while a processor runs, that is nothing.

        Raises:
            Stuck: a step failed. Try again later.
            strerr.Fatal: the directory cannot be taken into use.
        """
        while not self.pid and self.is_busy():
            if self.steps:
                self.steps[:1] = self.steps[0]()
            else:
                self.write()

    def rotate(self) -> None:
        """Ask for a rotation; what an abandoned processor did not finish is kept as it is."""
        unprocessed = [lambda: self.archive(b"previous", b".u")] if self.is_abandoned else []
        self.steps += [
            *unprocessed,
            self.sync_current,
            self.rename_current,
            self.create_current,
            self.mode_live,
            self.mode_previous,
        ]
        if self.processor is None:
            self.steps.append(lambda: self.archive(b"previous", b".s"))
        else:
            self.steps += unprocessed or [self.start_processor]

    def reaped(self, wstatus: int) -> None:
        """Take the processor's wait status."""
        self.pid, self.wstatus = 0, wstatus

    def abandon_processor(self) -> None:
        """Wait no longer: previous stays as it is, until it must make room or the next multilog.

        That one makes it an archive, and removes what the processor still writes to. For it to
        look, current must not be marked as complete.
        """
        self.pid = 0
        self.steps.clear()
        self.is_abandoned = True

    def finish(self) -> None:
        """Ask for the clean end: current on disk and marked as complete."""
        self.steps.append(self.sync_current)
        if not self.is_abandoned:
            self.steps.append(self.mode_clean)

    def close(self) -> None:
        """Let go of the directory."""
        for fd in (self.current_fd, self.lock_fd, self.fd):
            if fd >= 0:
                os.close(fd)

    # Start and recovery.

    def look_at_current(self) -> "list[Step]":
        """Continue a current that was left complete; else put everything into archives."""
        if self.mode(b"current") & CLEAN:
            return [lambda: self.open_current("unable to append to")]
        self.unlink_quietly(b"state")
        self.unlink_quietly(b"newstate")
        name, suffix = b"previous", b".u"
        if self.mode(b"processed") & CLEAN:
            self.unlink_quietly(b"previous")
            name, suffix = b"processed", b".s"
        else:
            self.unlink_quietly(b"processed")
        return [
            lambda: self.archive(name, suffix),
            lambda: self.archive(b"current", b".u"),
            self.create_state,
            lambda: self.open_current("unable to write to"),
        ]

    def mode(self, name: bytes) -> int:
        """Return a file's mode, 0 if there is none."""
        with dying(f"unable to stat {self.file(name)}"):
            try:
                return os.stat(name, dir_fd=self.fd).st_mode
            except FileNotFoundError:
                return 0

    def unlink_quietly(self, name: bytes) -> None:
        """Remove a file if possible: a leftover that stays does no harm."""
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self.fd)

    def create_state(self) -> "list[Step]":
        """Begin with an empty state for the processor."""
        with dying(f"unable to write to {self.file(b'state')}"):
            os.close(self.open_new(b"state", os.O_TRUNC, 0o644))
        return []

    def open_current(self, unable: str) -> "list[Step]":
        """Open current at the start: no multilog without it."""
        with dying(f"{unable} {self.file(b'current')}"):
            self.current_fd = self.open_new(b"current", os.O_APPEND, 0o600)
            self.bytes = os.fstat(self.current_fd).st_size
        with dying(f"unable to set mode of {self.file(b'current')}"):
            os.fchmod(self.current_fd, 0o644)
        return []

    # Writing.

    def write(self) -> None:
        """Write once, never beyond the size, and to the end of a line if the file gets full."""
        room = self.size_bytes - self.bytes
        if room <= 0:
            self.rotate()
            return
        end = min(len(self.text), self.at + room)
        if self.bytes + end - self.at >= self.size_bytes - MARGIN_BYTES:
            end = self.text.rfind(b"\n", self.at, end) + 1 or end
        with pausing(f"unable to write to {self.file(b'current')}"):
            count = os.write(self.current_fd, memoryview(self.text)[self.at : end])
        self.bytes += count
        self.at += count
        at_line_end = self.text[self.at - 1 : self.at] == b"\n"
        if at_line_end and self.bytes >= self.size_bytes - MARGIN_BYTES:
            self.rotate()

    def sync_current(self) -> "list[Step]":
        """Bring current to the disk."""
        with pausing(f"unable to write {self.file(b'current')} to disk"):
            os.fsync(self.current_fd)
        return []

    def mode_clean(self) -> "list[Step]":
        """Mark current as complete."""
        with pausing(f"unable to set mode of {self.file(b'current')}"):
            os.fchmod(self.current_fd, 0o744)
        return []

    # Rotation.

    def rename_current(self) -> "list[Step]":
        """Make current previous."""
        with pausing(f"unable to rename current to previous in directory {self.name}"):
            os.rename(b"current", b"previous", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        with contextlib.suppress(OSError):  # it is on the disk
            os.close(self.current_fd)
        self.current_fd = -1
        return []

    def create_current(self) -> "list[Step]":
        """Begin a new current."""
        with pausing(f"unable to create {self.file(b'current')}"):
            self.current_fd = self.open_new(b"current", os.O_APPEND, 0o600)
        self.bytes = 0
        return []

    def mode_live(self) -> "list[Step]":
        """Mark current as being written."""
        with pausing(f"unable to set mode of {self.file(b'current')}"):
            os.fchmod(self.current_fd, 0o644)
        return []

    def mode_previous(self) -> "list[Step]":
        """Mark previous as complete."""
        with pausing(f"unable to set mode of {self.file(b'previous')}"):
            os.chmod(b"previous", 0o744, dir_fd=self.fd)
        return []

    def archive(self, name: bytes, suffix: bytes) -> "list[Step]":
        """Give a file its archive name, unless that happened before a crash."""
        with pausing(f"unable to stat {self.file(name)}"):
            try:
                found = os.stat(name, dir_fd=self.fd)
            except FileNotFoundError:
                return []
        is_nothing = suffix == b".u" and found.st_size == 0
        if found.st_nlink == 1 and not is_nothing:
            target = tai.label(max(time.time_ns(), self.newest_ns() + 1)) + suffix
            with pausing(f"unable to link to {self.file(target)}"):
                os.link(name, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        return [lambda: self.unlink(name), self.prune]

    def newest_ns(self) -> int:
        """Return the moment of the newest archive's name, 0 if there is none.

        Archives are deleted by name, oldest first: a clock that was set back must not make the
        newest file the next to go.
        """
        labels = (name[: tai.LABEL_BYTES] for name in self.archives())
        return max((moment(label) for label in labels), default=0)

    def archives(self) -> list[bytes]:
        """List the archives, oldest first: whatever is named `@` and 24 bytes or more."""
        with pausing(f"unable to read {self.name}"):
            names = [os.fsencode(name) for name in os.listdir(self.fd)]
        found = [name for name in names if name[:1] == b"@" and len(name) >= tai.LABEL_BYTES]
        return sorted(found, key=lambda name: name[: tai.LABEL_BYTES])

    def unlink(self, name: bytes) -> "list[Step]":
        """Remove one name."""
        with pausing(f"unable to remove {self.file(name)}"), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)
        return []

    def prune(self) -> "list[Step]":
        """Remove the oldest archives until there are less than count."""
        names = self.archives()
        for name in names[: max(0, len(names) - self.count + 1)]:
            self.unlink(name)
        return []

    # The processor.

    def start_processor(self) -> "list[Step]":
        """Start the processor on previous; the caller reaps it and calls reaped()."""
        with pausing(f"unable to fork for processor in {self.name}"):
            self.pid = os.fork()
        if not self.pid:
            self.become_processor()
        return [self.judge]

    def become_processor(self) -> None:
        """In the child: become the processor, or say why not."""
        command = self.processor or b""
        try:
            os.close(self.lock_fd)  # the lock must not outlive the parent, were it killed now
            set_wakeup_fd(-1)  # it is the parent's
            signal(SIGTERM, SIG_DFL)
            signal(SIGALRM, SIG_DFL)
            os.fchdir(self.fd)
            for fd, name, flags in (
                (0, b"previous", os.O_RDONLY),
                (1, b"processed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                (4, b"state", os.O_RDONLY),
                (5, b"newstate", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                opened = os.open(name, flags, 0o644)
                os.dup2(opened, fd)
                os.set_inheritable(fd, True)  # dup2 does not where opened is fd
            self.chain.become(b"/bin/sh", [b"sh", b"-c", command])
        except OSError as exc:
            message = f"unable to run {strerr.name(command)}"
            strerr.write(strerr.line("multilog", "fatal", message, exc))
        finally:  # nothing may return into the parent's code
            os._exit(111)

    def judge(self) -> "list[Step]":
        """Go on after a processor that succeeded; start one again that did not."""
        if self.wstatus:
            self.steps[0] = self.start_processor
            how = "crashed" if os.WIFSIGNALED(self.wstatus) else "failed"
            raise Stuck(f"processor {how} in {self.name}, pausing")
        return [
            self.seal_processed,
            self.seal_newstate,
            lambda: self.unlink(b"previous"),
            self.rename_newstate,
            lambda: self.archive(b"processed", b".s"),
        ]

    def seal_processed(self) -> "list[Step]":
        """Bring the processor's output to the disk, and mark it as complete."""
        unable = f"unable to set mode of {self.file(b'processed')}"
        with self.synced(b"processed") as fd, pausing(unable):
            os.fchmod(fd, 0o744)
        return []

    def seal_newstate(self) -> "list[Step]":
        """Bring the processor's new state to the disk."""
        with self.synced(b"newstate"):
            return []

    @contextlib.contextmanager
    def synced(self, name: bytes) -> "Iterator[int]":
        """Open a processor's file and bring it to the disk."""
        with pausing(f"unable to create {self.file(name)}"):
            fd = self.open_new(name, os.O_APPEND, 0o600)
        try:
            with pausing(f"unable to write {self.file(name)} to disk"):
                os.fsync(fd)
            yield fd
        finally:
            os.close(fd)

    def rename_newstate(self) -> "list[Step]":
        """Make the processor's new state its state."""
        with pausing(f"unable to rename newstate to state in directory {self.name}"):
            os.rename(b"newstate", b"state", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        return []

    def open_new(self, name: bytes, flags: int, mode: int) -> int:
        """Open a file of this directory for writing, made if it is missing."""
        return os.open(name, NEW | flags, mode, dir_fd=self.fd)

    def file(self, name: bytes) -> str:
        """Name a file of this directory for a message."""
        return f"{self.name}/{strerr.name(name)}"


def moment(label: bytes) -> int:
    """Decode an archive's name; one that is no label of a legal moment is as old as can be."""
    try:
        moment_ns = tai.unpack(bytes.fromhex(label[1:].decode()))
    except ValueError:
        return 0
    return moment_ns if label < b"@8" and tai.label(moment_ns) == label else 0
