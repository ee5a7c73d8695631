"""One scan directory: every service in it, in one process.

Lists names and starts what is new, keeps what was there by (device, inode) whatever its name, stops
everything in order on TERM. inotify (watch.py) makes it quick; the look every 5 s (C's), or every
minute while inotify works and nothing is amiss, makes it true.

Source: daemontools 0.76 svscan.c; where it differs, tests/oracle/deviations.py says why.
"""

import contextlib
import errno
import fcntl
import functools
import os
import stat
import time

from pysvscan import groups, strerr
from pysvscan.core.handover import Scan
from pysvscan.core.settings import Settings
from pysvscan.entry import Entry, Key
from pysvscan.files import make_directory
from pysvscan.inherited import Inherited
from pysvscan.log import Log
from pysvscan.loggers import Loggers
from pysvscan.loop import Callback, Deadline, Loop
from pysvscan.pid1 import Orphans
from pysvscan.reexec import Reexec
from pysvscan.signals import Signals
from pysvscan.starter import Starter
from pysvscan.stderr import last_frame
from pysvscan.stopping import Stopping
from pysvscan.watch import Watch

SECOND_NS = 1_000_000_000
TICK_NS = 5 * SECOND_NS  # C's interval
CALM_NS = 60 * SECOND_NS  # while inotify works, and all is well
RESERVE = 64  # descriptors that no new service gets: for restarts of those that are there
PAGE = 4096
# The kernel sends HUP to such a group when its shell ends and any member is stopped (svc -p).
JOB = "running as a shell's job, whose signals reach all services"


class Svscan:
    """A scan directory.

    Attributes:
        entries: the services, by what their directory is.
        settings: that the services have; those that are equal are one object.
        names: what each listed name is.
        dangling: names that could not be taken in; looked at again soon.
        watch: inotify, as far as there is any.
        is_stopping: an ordered stop is under way.
        stopping: how that is done.
        loggers: the processes that write the built-in logs.
    """

    def __init__(
        self, path: bytes, log: Log, inherited: Inherited, state: Scan | None = None
    ) -> None:
        """Take the directory.

        Args:
            path: the scan directory.
            log: for what we have to say.
            inherited: what services get.
            state: what another image of us has handed over.

        Raises:
            Fatal: it cannot be entered, or another svscan runs there.
        """
        self.path = path
        self.log = log
        self.entries: dict[Key, Entry] = {}
        self.settings: dict[Settings, Settings] = {}
        self.names: dict[bytes, Key] = {}
        self.dangling: set[bytes] = set()
        self.is_stopping = False
        self.stopping = Stopping(self)
        self.timer: Deadline | None = None
        self.state = state
        self.inherited = inherited
        self.in_hand: object = None
        self.directory = self.enter()
        self.watch = Watch(self.look_at_all)
        self.loop = Loop(self.boundary)
        inherited.raise_descriptors()
        self.limit = inherited.descriptors[1]
        self.orphans = Orphans(self.loop)
        self.starter = Starter(self.loop, inherited)
        self.reexec = Reexec(self)
        self.loggers = Loggers(self)
        self.listen()
        self.loggers.take_over()

    def enter(self) -> int:
        """Enter and lock the scan directory."""
        shown = strerr.name(self.path)
        if self.state:
            os.fchdir(self.state.directory)
            return self.state.directory
        try:
            os.chdir(self.path)
            directory = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise strerr.Fatal(f"unable to chdir to {shown}") from exc
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(directory)
            raise strerr.Fatal(f"unable to lock {shown}, another svscan runs there") from exc
        return directory

    def listen(self) -> None:
        """Open the descriptors and signals that bring us news."""
        self.open_watch()
        self.control = self.state.control if self.state else self.open_control()
        if self.control >= 0:
            self.loop.read(self.control, self, self.obey)
        self.orphans.adopt()
        Signals(self).listen()

    def open_watch(self) -> None:
        """Have inotify; where there is none, each look tries again."""
        try:
            self.watch.open()
            self.watch.add(self.directory, self.name_changed)
        except OSError as exc:
            self.watch.close()
            self.say_seldom("svscan", "warning", "unable to use inotify, looking every 5 s", exc)
            return
        self.loop.read(self.watch.fd, self, self.watch.read)

    def open_control(self) -> int:
        """Make and open `.svscan/control`, passed over by C for its dot; do without if need be."""
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(b".svscan", 0o700, dir_fd=self.directory)
            make_directory(b".svscan", self.directory)  # if it is a link that dangles
            with contextlib.suppress(FileExistsError):
                os.mkfifo(b".svscan/control", 0o600, dir_fd=self.directory)
            control = os.open(b".svscan/control", flags, dir_fd=self.directory)
            if not stat.S_ISFIFO(os.fstat(control).st_mode):
                os.close(control)
                raise OSError(errno.EINVAL, "")
        except OSError as exc:
            self.log.say("svscan", "warning", "unable to open .svscan/control", exc)
            return -1
        return control

    def obey(self) -> None:
        """Serve the bytes in our control: see LETTERS."""
        with contextlib.suppress(BlockingIOError):
            for byte in os.read(self.control, PAGE):
                if byte in LETTERS:
                    self.boundary(self, functools.partial(LETTERS[byte], self))

    def begin(self) -> None:
        """Take in what is there, or over what another image has handed over.

        Raises:
            Exception: that cannot be taken over.
        """
        if self.state:
            self.reexec.resume(self.state)
        else:
            self.boundary(self, self.look_first)
        self.state = None
        self.loggers.end_former()
        self.starter.prepare()

    def serve(self) -> int:
        """Supervise until an ordered stop is done; give the exit code."""
        self.reexec.guard(self.loop.run)
        self.starter.close()
        return self.stopping.code

    def rotate(self) -> None:
        """Rotate the current file of every built-in log."""
        for entry in list(self.entries.values()):
            self.boundary(entry, entry.rotate)

    def look_first(self) -> None:
        """Take in what was there before us: it is complete."""
        if not groups.is_of_session():
            self.log.say("svscan", "warning", f"{JOB}; use setsid")
        for name in self.list_names():
            self.look(name, is_whole=True)
        self.tend_all()

    # one bad service stays one bad service

    def boundary(self, owner: object, callback: Callback) -> None:
        """Call back; whatever is raised sets aside the entry that it belongs to, and no other."""
        before, self.in_hand = self.in_hand, owner
        try:
            callback()
        except Exception as exc:  # noqa: BLE001 (the one place: DESIGN 3)
            if isinstance(owner, Entry):
                owner.set_aside(exc)
            else:
                self.log.say("svscan", "warning", f"going on after {last_frame(exc)}")
                self.look_soon()
        self.in_hand = before  # not reached where an exception escapes: see reexec.py

    def say_seldom(self, prog: str, label: str, message: str, cause: BaseException | None) -> None:
        """Say what each look would say again."""
        self.log.say_seldom(prog, label, message, cause)

    # looking

    def look_at_all(self) -> None:
        """List the directory, look at each name, then tend each entry."""
        if self.is_stopping:
            return
        self.loop.reap()
        if self.watch.fd < 0:
            self.open_watch()
        for name in {*self.list_names(), *self.names}:
            self.look(name, is_whole=False)
        self.tend_all()

    def tend_all(self) -> None:
        """Tend each entry, and decide when to look next."""
        for entry in list(self.entries.values()):
            self.boundary(entry, entry.tend)
        settled = all(entry.is_settled() for entry in self.entries.values())
        is_calm = self.watch.fd >= 0 and settled and not self.dangling
        self.look_in(CALM_NS if is_calm else TICK_NS)

    def look_soon(self) -> None:
        """Have the next look within C's interval."""
        if not self.is_stopping and (
            not self.timer or self.timer.at_ns > time.monotonic_ns() + TICK_NS
        ):
            self.look_in(TICK_NS)

    def look_in(self, delay_ns: int) -> None:
        """Have the next look after a delay, and at no other moment."""
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.at(time.monotonic_ns() + delay_ns, self, self.look_at_all)

    def list_names(self) -> list[bytes]:
        """List what may be services."""
        try:
            names = os.listdir(self.directory)
        except OSError as exc:
            self.say_seldom("svscan", "warning", "unable to read directory", exc)
            return []
        return [os.fsencode(name) for name in names]

    def name_changed(self, name: bytes, came_by_rename: bool) -> None:
        """Look at one name after an event; the others cost nothing."""
        gone = self.names.get(name)
        key = self.look(name, is_whole=came_by_rename)
        if gone and gone != key and gone in self.entries:
            self.boundary(self.entries[gone], self.entries[gone].tend)
        if key:
            entry = self.entries[key]
            self.boundary(entry, entry.tend)
            if not entry.is_settled():
                self.look_soon()
        elif name in self.dangling:
            self.look_soon()

    def look(self, name: bytes, is_whole: bool) -> Key | None:
        """Look what a name is now; note that, and take in what is new.

        Args:
            name: in the scan directory; a dot name is none of ours.
            is_whole: a directory of this name came by rename, or was there before us: it is
                complete, as what a link points to is always.

        Returns:
            The key of the entry of this name, or None.
        """
        if not name or name.startswith(b"."):
            return None
        before = self.names.pop(name, None)
        is_link, found = self.identify(name)
        if before and before != found and before in self.entries:
            self.entries[before].names.discard(name)
        if not found or not (found in self.entries or self.take(found, name, is_whole or is_link)):
            return None
        self.names[name] = found
        self.entries[found].add_name(name)
        return found

    def identify(self, name: bytes) -> tuple[bool, Key | None]:
        """Say whether a name is a link, and which directory it is; None for anything else."""
        self.dangling.discard(name)
        try:
            link = os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return False, None  # it went while we looked
        is_link = stat.S_ISLNK(link.st_mode)
        try:
            found = os.stat(name, dir_fd=self.directory) if is_link else link
        except OSError as exc:
            self.dangling.add(name)
            self.say_seldom("svscan", "warning", f"unable to stat {strerr.name(name)}", exc)
            return is_link, None
        return is_link, (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None

    def take(self, key: Key, name: bytes, is_whole: bool) -> bool:
        """Make an entry of a directory that was not known."""
        if self.is_stopping:
            return False
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            self.need_room()
            fd = os.open(name, flags, dir_fd=self.directory)
            found = os.fstat(fd)
            if key != (found.st_dev, found.st_ino):
                os.close(fd)
                raise OSError(errno.EAGAIN, "")
        except OSError as exc:
            self.cannot_take(name, exc)
            return False
        self.entries[key] = Entry(self, key, name, fd, is_whole)
        return True

    def need_room(self) -> None:
        """Keep some descriptors for restarts of those services that are there.

        Raises:
            OSError: a new one gets none.
        """
        with contextlib.ExitStack() as held:
            if self.has_half(held):
                return
            for _ in range(RESERVE):
                self.dup(held, 0)

    def has_half(self, held: contextlib.ExitStack) -> bool:
        """Say whether half of all descriptors are free: the lowest are given first."""
        try:
            return self.dup(held, self.limit // 2) == self.limit // 2
        except OSError as exc:
            if exc.errno == errno.EINVAL:  # somebody has lowered our limit below that
                return False
            raise

    def dup(self, held: contextlib.ExitStack, lowest: int) -> int:
        """Take one more descriptor, for the time being."""
        found: int = fcntl.fcntl(self.directory, fcntl.F_DUPFD_CLOEXEC, lowest)
        held.callback(os.close, found)
        return found

    def cannot_take(self, name: bytes, exc: OSError) -> None:
        """Say why an entry cannot be taken in; where we lack something, once for all of them."""
        self.dangling.add(name)
        self.look_soon()
        if exc.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            self.say_seldom("svscan", "warning", "unable to start more services", exc)
        else:
            self.say_seldom("svscan", "warning", f"unable to start {strerr.name(name)}", exc)

    def put_back(self, entry: Entry, exc: OSError) -> None:
        """Give up an entry that we lack something for; what it holds may be enough for another.

        One that had a pipe keeps it: who else holds it, a process set aside, may die.
        """
        self.cannot_take(entry.label, exc)
        if entry.is_idle() and entry.pipe < 0:
            for name in entry.names:
                del self.names[name]
            self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """Forget an entry: no longer listed, and nothing runs there."""
        del self.entries[entry.key]
        entry.close()

    # the end

    def stop(self) -> None:
        """Stop in order: all services at once, each logger when its service is gone, then we."""
        if self.is_stopping:
            return
        self.is_stopping = True
        if self.timer:
            self.timer.cancel()
        self.watch.end()
        self.stopping.begin()

    def leave(self) -> None:
        """Leave everything running for the next svscan; as PID 1 that would be its end."""
        if os.getpid() == 1:
            self.log.say("svscan", "warning", "unable to leave: the container ends with process 1")
            return
        self.loop.stop()

    def reexecute(self) -> None:
        """Go on as the newly installed version."""
        self.reexec.begin()


LETTERS = {
    ord("a"): Svscan.look_at_all,
    ord("q"): Svscan.leave,
    ord("r"): Svscan.reexecute,
    ord("t"): Svscan.stop,
}
