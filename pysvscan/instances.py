"""The instances of a scan directory: listed, made, changed and removed.

NAME is an instance that svscan sees; .NAME is one that it does not see: not complete yet, or
removed and kept for its log. One rename leads from either to the other, so that whatever we are
interrupted in, the next call finds what there is and goes on. What is to be: core/changes.py.
"""

import contextlib
import fcntl
import os
import shutil
import time

from pysvscan import removal
from pysvscan.core.changes import CHANGE, START, STOP, Change, Present
from pysvscan.core.instance import InstanceError, check_name, check_template
from pysvscan.core.values import show_key
from pysvscan.instancedir import CHANGING, InstanceDir
from pysvscan.pidfd import Kernel
from pysvscan.removal import Removal
from pysvscan.strerr import Fatal, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOCK = ".svinstance"
POLL_S = 0.02


class Instances:
    """A scan directory, locked against other svinstances.

    Attributes:
        fd: its descriptor.
        say: prints what has been done.
        warn: prints what could not be.
        wait_s: how long a service may take to end.
        troubles: how many warnings there were.
    """

    def __init__(
        self, path: bytes, say: "Callable[[str], None]", warn: "Callable[[str], None]", wait_s: int
    ) -> None:
        """Open and lock the directory.

        Raises:
            Fatal: that cannot be, or another svinstance is at work.
        """
        self.say = say
        self.say_trouble = warn
        self.wait_s = wait_s
        self.troubles = 0
        self.kernel = Kernel()
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise Fatal(f"unable to open {name(path)}") from exc
        self.take_lock(name(path))

    def take_lock(self, shown: str) -> None:
        """Be the only svinstance here, until we end."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            lock = os.open(LOCK, flags, 0o600, dir_fd=self.fd)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise Fatal(f"unable to lock {shown}/{LOCK}, another svinstance is at work") from exc
        except OSError as exc:
            raise Fatal(f"unable to lock {shown}/{LOCK}") from exc

    def warn(self, message: str) -> None:
        """Say what could not be done; the others go on."""
        self.troubles += 1
        self.say_trouble(message)

    # what there is

    def names(self) -> list[str]:
        """List the names that instances may have, those that svscan does not see with their dot."""
        return sorted(it for it in os.listdir(self.fd) if is_service(it.removeprefix(".")))

    def present(self) -> dict[str, Present]:
        """Read all instances that svscan sees."""
        found = {}
        for it in self.names():
            here = None if it.startswith(".") else self.look(it)
            if here:
                found[it] = here
        return found

    def look(self, service: str) -> Present | None:
        """Read one instance; None if that is none of ours."""
        try:
            here = InstanceDir(self.fd, service)
        except Fatal:
            return None  # a link, or another's: no work of svinstance
        with contextlib.closing(here):
            mark = here.mark()
            if mark is None:
                return None
            files = here.read_all([*mark.files, "instance.toml"])
            return Present(files, mark.table, CHANGING in os.listdir(here.fd))

    def is_taken(self, service: str) -> bool:
        """Say whether a name is there."""
        try:
            os.stat(service, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def check(self, services: list[str]) -> None:
        """Refuse names that cannot be removed: unknown ones, and those that a table still has."""
        for it in services:
            here = self.look(it) if is_service(it) and self.is_taken(it) else None
            if here is None and not (is_service(it) and self.is_taken(f".{it}")):
                raise Fatal(f"unable to delete {show_key(it)}: no instance")
            if here and here.table and os.path.exists(here.table):
                raise Fatal(f"unable to delete {it}: it is of the table {here.table}")

    def described(self) -> list[str]:
        """Say of each instance where it is from, and what is left of the removed ones."""
        found = []
        for it in self.names():
            here = self.look(it)
            if here and it.startswith("."):
                found.append(f"{it[1:]}: removed, {self.left_of(it)}")
            elif here:
                found.append(f"{it}: {f'table {here.table}' if here.table else 'created'}")
        return found

    def left_of(self, hidden: str) -> str:
        """Say what is left of a removed instance."""
        with contextlib.closing(InstanceDir(self.fd, hidden)) as here:
            return "its log kept" if Removal(here.fd).is_over() else "still running"

    # what is to be

    def carry_out(self, changes: "Iterable[Change]", keeps_logs: bool) -> None:
        """Carry out changes: all that is new appears only when all of it is complete."""
        changes = list(changes)
        new = [it for it in changes if it.verb == START]
        for it in new:
            if self.is_taken(it.service):
                raise Fatal(f"unable to make {it.service}: it is there, and no instance")
        self.end([f".{it.service}" for it in new if self.is_taken(f".{it.service}")])
        for it in new:
            self.stage(it)
        if new:
            os.sync()
        for it in new:
            self.show(it)
        for it in changes:
            if it.verb == CHANGE:
                self.change(it)
        self.remove([it.service for it in changes if it.verb == STOP], keeps_logs)

    def stage(self, change: Change) -> None:
        """Make a new instance where svscan does not see it, from what is there of it, if anything.

        Raises:
            Fatal: it cannot be made.
        """
        hidden = f".{change.service}"
        try:
            os.mkdir(hidden, 0o755, dir_fd=self.fd)
        except FileExistsError:
            pass
        except OSError as exc:
            raise Fatal(f"unable to make {hidden}") from exc
        with contextlib.closing(InstanceDir(self.fd, hidden)) as here:
            os.fchmod(here.fd, 0o755)
            if change.whole:
                here.fill(change.whole)
            for path in (CHANGING, "down"):
                here.remove(path)

    def show(self, change: Change) -> None:
        """Let svscan see a new instance."""
        self.rename(f".{change.service}", change.service)
        self.say(change.shown())

    def rename(self, old: str, new: str) -> None:
        """Rename an instance; what is there already stays."""
        if self.is_taken(new):
            raise Fatal(f"unable to rename {old}: {new} is there")
        try:
            os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as exc:
            raise Fatal(f"unable to rename {old} to {new}") from exc

    def change(self, change: Change) -> None:
        """Write what has changed, and tell service and log; a mark says that this goes on."""
        with contextlib.closing(InstanceDir(self.fd, change.service)) as here:
            here.write(CHANGING, b"", 0o644)
            for path in change.gone:
                here.remove(path)
            for path, (data, mode) in change.files.items():
                here.write(path, data, mode)
            if change.whole:
                here.make_places(change.whole)
            if self.tell(here, change):
                here.remove(CHANGING)
                self.say(change.shown())

    def tell(self, here: InstanceDir, change: Change) -> bool:
        """Have the service and its log begin anew where that is needed; False: nobody hears."""
        if change.reopens:
            removal.tell(here.fd, b"log", b"t")
        if not change.restarts or removal.tell(here.fd, b".", b"t"):
            return True
        if removal.is_running(here.fd, self.kernel):
            self.warn(
                f"{here.label} runs, but no svscan that could restart it: start one, then again"
            )
            return False
        return True

    def remove(self, services: list[str], keeps_logs: bool) -> None:
        """Remove instances: out of svscan's sight, ended, and from the disk if no log is kept."""
        hidden = []
        for it in services:
            if self.is_taken(it):
                self.refuse_orphan(it)
                self.rename(it, f".{it}")
            hidden.append(f".{it}")
        for it in self.end(hidden):
            if not keeps_logs:
                self.destroy(it)
            self.say(f"stop {it[1:]}{', its log kept' if keeps_logs else ', its log removed'}")

    def refuse_orphan(self, service: str) -> None:
        """Refuse to hide a service that runs without a svscan: nobody would ever end it."""
        with contextlib.closing(InstanceDir(self.fd, service)) as here:
            is_heard = removal.is_supervised(here.fd, b".")
            if not is_heard and removal.is_running(here.fd, self.kernel):
                raise Fatal(f"unable to stop {service}: it runs, but no svscan; start one first")

    def end(self, hidden: list[str]) -> list[str]:
        """End the services of directories that svscan does not see, all at the same time.

        Returns:
            Those that have ended; of the others a warning says that they have not.
        """
        with contextlib.ExitStack() as held:
            left = {}
            for it in hidden:
                here = InstanceDir(self.fd, it)
                held.callback(here.close)
                left[it] = Removal(here.fd)
            deadline = time.monotonic() + self.wait_s
            while True:
                left = {it: removing for it, removing in left.items() if not removing.is_done()}
                if not left or time.monotonic() > deadline:
                    break
                time.sleep(POLL_S)
        for it in left:
            self.warn(f"{it[1:]} was told to end, but still runs: call again to go on")
        return [it for it in hidden if it not in left]

    def end_left_over(self) -> None:
        """Go on with removals that were interrupted."""
        left = []
        for it in self.names():
            if it.startswith(".") and self.look(it):
                with contextlib.closing(InstanceDir(self.fd, it)) as here:
                    if not Removal(here.fd).is_over():
                        left.append(it)
        self.end(left)

    def destroy(self, hidden: str) -> None:
        """Remove a directory and all that is in it; links are removed, not followed."""
        try:
            shutil.rmtree(hidden, dir_fd=self.fd)
        except OSError as exc:
            raise Fatal(f"unable to remove {hidden}") from exc


def is_service(service: str) -> bool:
    """Say whether a name can be an instance's."""
    template, at, instance = service.partition("@")
    try:
        check_template(template + at)
        check_name(instance)
    except InstanceError:
        return False
    return True
