"""Where one log's lines go: the =files and log directories of its script, all or none open.

What is stuck is said, tried again every 5 s as in C, and stops only its own log. Nothing here
waits: whoever calls advance() asks `due_ns` when to call again.
"""

import contextlib
import os
import time

from pysvscan import strerr
from pysvscan.core import script
from pysvscan.core.orders import Opening
from pysvscan.core.script import Output, Script
from pysvscan.cyclog import Cyclog
from pysvscan.keeping import Keeping
from pysvscan.pathexec import Chain
from pysvscan.statusfile import StatusFile
from pysvscan.stuck import Left, Stuck
from pysvscan.sync import Sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Outlet = Cyclog | StatusFile
    Say = Callable[[str, BaseException | None], None]

LEAST_BYTES = 4096  # of a read
RETRY_NS = 5_000_000_000  # multilog's interval


class Opener:
    """Opens what a script names.

    Attributes:
        directory: where relative paths begin.
    """

    def __init__(
        self, directory: int, parsed: Script, opening: Opening, chain: Chain, sync: Sync | None
    ) -> None:
        self.directory = directory
        self.script = parsed
        self.chain = chain
        self.sync = sync
        self.keeping = Keeping(opening.full, opening.compress, opening.max_age_ns, self.stamp)

    def stamp(self) -> bytes:
        """Give the stamp of a line that begins now."""
        return self.script.stamp(time.time_ns())

    def open_file(self, path: bytes) -> StatusFile:
        """Open an =file."""
        os.fchdir(self.directory)
        try:
            return StatusFile(path)
        finally:
            os.chdir("/")

    def open_log(self, index: int) -> Cyclog:
        """Open the directory of this index."""
        it = self.script.directories[index]
        files = (it.path, it.size_bytes, it.count, it.processor)
        return Cyclog(*files, self.chain, self.keeping, self.sync, self.directory, suffix=it.suffix)


class Outlets:
    """The files and directories of one log.

    Attributes:
        every: files, then logs, in the script's order.
        processed: the logs that have a processor.
        growth: how many times what is read it may be, mostly, when it is stamped.
        retries: how often something was stuck.
        due: of each that is stuck, when to try again (monotonic). What is said about it is for
            `say` to say seldom; to try seldom would keep a service waiting, or lose its lines.
    """

    def __init__(
        self,
        parsed: Script,
        opener: "Opener",
        say: "Say",
    ) -> None:
        """Open everything; what a crash left is for advance() to mend.

        Args:
            parsed: the script.
            opener: opens its files and directories.
            say: takes what is stuck, and why.

        Raises:
            strerr.Fatal: something cannot be opened; nothing is held then.
        """
        self.say = say
        self.files: list[StatusFile] = []
        self.logs: list[Cyclog] = []
        self.retries = 0
        self.due: dict[Outlet, int] = {}
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            for file in parsed.files:
                self.files.append(opener.open_file(file.path))
            for index in range(len(parsed.directories)):
                self.logs.append(opener.open_log(index))
            undo.pop_all()
        self.every: list[Outlet] = [*self.files, *self.logs]
        self.processed = [log for log in self.logs if log.processor]
        self.growth = 2 if parsed.stamp(0) else 1
        selections = [it.selection for it in parsed.directories]
        self.logs_by_selection = list(zip(self.logs, selections, strict=True))

    def put(self, out: Output) -> bool:
        """Hand out what a chunk asks for; alerts are the caller's.

        Returns:
            Whether all is written already; else it is for advance().
        """
        is_written = not self.files
        for log, selection in self.logs_by_selection:
            text = out.texts[selection]
            if text and not log.put(text):
                is_written = False
        for file, record in zip(self.files, out.shown, strict=True):
            if record:
                file.put(record)
        return is_written

    def share(self, size: int) -> int:
        """Say how much of a read's size to read.

        What goes beyond a file is held while its processor runs, for hours perhaps, and were we
        killed then, that would be lost of each such log: it is as well left in the pipe.
        """
        if not self.processed:
            return size
        room = min(log.current.room() for log in self.processed)
        return max(LEAST_BYTES, min(size, room // self.growth))

    def advance(self) -> bool:
        """Do what can be done now; says whether anything is left.

        Raises:
            strerr.Fatal: a directory cannot be taken into use.
        """
        is_busy = False
        for outlet in self.every:
            if not outlet.is_busy():
                continue
            if not self.due or self.is_due(outlet):
                try:
                    self.advance_one(outlet)
                except Stuck as exc:
                    self.stick(outlet, exc)
                else:
                    self.due.pop(outlet, None)
            is_busy = is_busy or outlet.is_busy()
        return is_busy

    def advance_one(self, outlet: "Outlet") -> None:
        """Advance an outlet; say what is no reason to wait: what was left, and what had to go."""
        before = outlet.lost_archives if isinstance(outlet, Cyclog) else 0
        try:
            outlet.advance()
        except Left as exc:
            self.say(str(exc), exc.__cause__)
        finally:
            lost = outlet.lost_archives - before if isinstance(outlet, Cyclog) else 0
            if lost:
                self.say(f"out of disk space, removed {lost} archives in {outlet.name}", None)

    def is_due(self, outlet: "Outlet") -> bool:
        """Say whether an outlet may be tried: it is not stuck, or was so for long enough."""
        return self.due.get(outlet, 0) <= time.monotonic_ns()

    def look_for_removed(self) -> None:
        """Look whether somebody has removed a directory that we write in, or its `current`.

        Raises:
            strerr.Fatal: so it is; C would write to nobody, and wait for ever at the next rotation.
        """
        for log in self.logs:
            # One look a second for each log: where the directory went, `current` went first.
            if (log.current if log.current.fd >= 0 else log.directory).is_removed():
                what = f"directory {log.name}" if log.directory.is_removed() else log.current.file
                raise strerr.Fatal(f"{what} was removed, opening {log.name} anew")

    def stick(self, outlet: "Outlet", exc: Stuck) -> None:
        """Note that an outlet is stuck, unless it will be for ever.

        Raises:
            strerr.Fatal: what it was to rename, say, is not there any more, and never will be.
        """
        self.look_for_removed()
        if isinstance(exc.__cause__, FileNotFoundError):
            raise strerr.Fatal(
                str(exc).replace(", pausing", ", opening it anew")
            ) from exc.__cause__
        self.retries += 1
        self.due[outlet] = time.monotonic_ns() + RETRY_NS
        self.say(str(exc), exc.__cause__)

    def due_ns(self) -> int | None:
        """Say when something stuck is to be tried again; None: nothing is."""
        return min(self.due.values(), default=None)

    def is_blocking(self) -> bool:
        """Say whether no more may be read for the present."""
        return any(file.is_busy() for file in self.files) or any(
            log.is_blocking() for log in self.logs
        )

    def rotate(self) -> None:
        """Rotate what is not empty; for when all is written."""
        for log in self.logs:
            if not log.is_empty():
                log.rotate()

    def finish(self) -> None:
        """Ask for the clean end: all written, and the directories marked as complete."""
        for log in self.logs:
            log.finish()

    def unwritten(self) -> list[bytes]:
        """Give what each directory has not written."""
        return [log.unwritten() for log in self.logs]

    def put_back(self, texts: list[bytes]) -> None:
        """Take what `unwritten` gave; other directories than those get nothing."""
        for log, text in zip(self.logs, texts, strict=False):
            if text:
                log.put(text)

    def close(self) -> None:
        """Let go of everything."""
        for file in self.files:
            file.close()
        for log in self.logs:
            log.close()


def closed() -> Outlets:
    """Have no outlets; may be shared."""
    nothing = script.parse([])
    opener = Opener(-1, nothing, Opening(b"", ()), Chain({}), None)
    return Outlets(nothing, opener, lambda _message, _cause: None)
