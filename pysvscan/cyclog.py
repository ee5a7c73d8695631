"""One log directory: `current`, its archives, and the way from one to the other.

All work is a list of steps of one system call each. A step that fails raises Stuck and stays first
in the list: whoever waits, and for how long, is the caller's business. Nothing here sleeps. The
order of the steps is C multilog's, so that either continues what the other left at any of them.
Source: daemontools 0.76 multilog.c fullcurrent(), finish(), c_quit().
"""

import errno

from pysvscan import pathexec
from pysvscan.archives import Archives
from pysvscan.core.losses import Losses
from pysvscan.core.suffix import FINISHED, TORN
from pysvscan.current import Current
from pysvscan.keeping import Keeping
from pysvscan.logdir import Logdir
from pysvscan.recovery import Recovery
from pysvscan.strand import Strand
from pysvscan.stuck import Stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.compressor import Compressor
    from pysvscan.processor import Processor
    from pysvscan.strand import Step
    from pysvscan.sync import Sync

FULL = (errno.ENOSPC, errno.EDQUOT)


class Cyclog:
    """One log directory, locked and open.

    A caller puts text and advances. Then, if the log is_waiting: it goes on after reaped(), for
    the child `pid`, or when Sync.collect() names it; if it raised Stuck: when the caller thinks
    that it is time. While it is_blocking, no more text should be read for it. `pid` may be another
    one after each advance().

    Attributes:
        path: as the script names it.
        name: the same, for messages.
        rotations: since it was opened.
        losses: the lines dropped.
        lost_archives: dropped on a full disk since it was opened.
        is_stuck: the last thing that it tried failed.
    """

    def __init__(
        self,
        path: bytes,
        size_bytes: int,
        count: int,
        processor: bytes | None,
        chain: pathexec.Chain,
        keeping: Keeping | None = None,
        sync: "Sync | None" = None,
        at_fd: int | None = None,
        suffix: bytes = FINISHED,
    ) -> None:
        """Open and lock the directory; recovery is left to advance().

        Args:
            path: of the directory.
            size_bytes: of a file.
            count: of files, current included.
            processor: a shell command; None: none.
            chain: what children get: environment, signals, limits.
            keeping: what is kept, and how; None: as multilog. One with a processor and `compress`
                is not compressed.
            sync: brings files to the disk; None: that is done here, and takes as long as it takes.
            at_fd: the directory where a relative path begins; None: the current one.
            suffix: of what is finished in order.

        Raises:
            strerr.Fatal: what keeps multilog from starting.
        """
        self.keeping = keeping or Keeping()
        self.directory = Logdir(path, at_fd)
        self.path = path
        self.name = self.directory.name
        self.strand = Strand(self, sync)
        self.archives = Archives(self.directory, count, self.keeping.max_age_ns, suffix)
        self.current = Current(self.directory, size_bytes, self.strand)
        self.processor = self.process(processor, chain) if processor is not None else None
        self.compressor = None
        if self.keeping.compress and processor is None:
            self.compressor = self.compress(self.keeping.compress, chain, sync)
        self.losses = Losses()
        self.is_stuck = False
        self.is_abandoned = False
        self.is_ending = False
        self.text: bytes | memoryview = b""  # to be written, from self.at on
        self.at = 0
        self.rotations = 0
        self.lost_archives = 0
        self.strand.steps = [self.look_at_current]

    @property
    def pid(self) -> int:
        """The running child, 0 for none: it is for the caller to wait for it."""
        return self.strand.pid or (self.compressor.strand.pid if self.compressor else 0)

    def process(self, command: bytes, chain: pathexec.Chain) -> "Processor":
        """Prepare for a processor; imported when needed, as most logs have none."""
        from pysvscan.processor import Processor

        return Processor(command, self.archives, chain, self.strand)

    def compress(self, method: str, chain: pathexec.Chain, sync: "Sync | None") -> "Compressor":
        """Prepare to compress."""
        from pysvscan.compressor import Compressor

        return Compressor(self.archives, method, chain, Strand(self, sync))

    # What a caller does.

    def put(self, text: "bytes | memoryview") -> bool:
        """Take text; what cannot be written at once, in one piece, advance() writes.

        Args:
            text: a memoryview must stay as it is until the log is not busy.

        Returns:
            Whether all is written.
        """
        if self.keeping.full == "drop-lines":
            text = self.sift(bytes(text))
        if text and not (self.text or self.strand.steps or self.is_ending):
            count = self.current.add(text)
            if count == len(text):
                return True
            self.text, self.at = text, count
        else:
            self.text, self.at = self.unwritten() + text, 0
        return False

    def is_empty(self) -> bool:
        """Say whether nothing is in `current`: nothing to rotate."""
        return not self.current.bytes

    def unwritten(self) -> bytes:
        """Return the text that is not yet in the file."""
        return bytes(self.text[self.at :])

    def is_busy(self) -> bool:
        """Say whether anything is left to write or to do."""
        is_compressing = self.compressor is not None and self.compressor.is_busy()
        return self.is_stuck or self.is_pending() or is_compressing

    def is_blocking(self) -> bool:
        """Say whether to read on would be too much: there is something to be written first."""
        is_dropping = self.is_stuck and self.keeping.full == "drop-lines"
        return self.is_pending() and not is_dropping

    def is_waiting(self) -> bool:
        """Say whether advance() would do nothing: it waits for a child, or for the disk."""
        if self.compressor and not self.strand.is_waiting() and not self.is_pending():
            return self.compressor.strand.is_waiting()
        return self.strand.is_waiting()

    def advance(self) -> None:
        """Do all that can be done now.

        Raises:
            Stuck: a step failed. Try again later.
            Left: a step of the compressor failed: no reason to pause.
            strerr.Fatal: the directory cannot be taken into use.
        """
        try:
            self.work()
        except Stuck:
            self.is_stuck = True
            raise
        if self.compressor:
            self.compressor.advance()

    def rotate(self) -> None:
        """Ask for a rotation; what an abandoned processor did not finish is kept as it is."""
        self.rotations += 1
        unprocessed = [lambda: self.archives.add(b"previous", TORN)] if self.is_abandoned else []
        self.strand.steps += [*unprocessed, *self.current.rotation()]
        if self.processor is None:
            self.strand.steps.append(lambda: self.archives.add(b"previous", self.archives.suffix))
        else:
            self.strand.steps += unprocessed or [self.processor.start]
        if self.compressor:
            self.strand.steps.append(self.compressor.look)

    def reaped(self, wstatus: int) -> None:
        """Take the child's wait status."""
        if self.strand.pid or not self.compressor:
            self.strand.reaped(wstatus)
        else:
            self.compressor.strand.reaped(wstatus)

    def abandon_processor(self) -> None:
        """Wait no longer: previous stays as it is, until it must make room or the next multilog.

        That one makes it an archive, and removes what the processor still writes to. For it to
        look, current must not be marked as complete.
        """
        self.strand.abandon()
        self.is_stuck = False
        self.is_abandoned = True

    def finish(self) -> None:
        """Ask for the clean end: everything written, current on disk and marked as complete."""
        self.is_ending = True
        self.losses.end()
        if self.compressor:
            self.compressor.end()

    def close(self) -> None:
        """Let go of the directory, done or not: another one may have it."""
        self.strand.abandon()
        if self.compressor:
            self.compressor.end()
        self.current.close()
        self.directory.close()

    # What it does.

    def is_pending(self) -> bool:
        """Say whether the log itself has anything to do, the compressor aside."""
        return bool(self.strand.steps or self.text or self.is_ending or self.losses.is_due())

    def work(self) -> None:
        """Do what the log itself has to do, the compressor aside."""
        if not self.strand.is_waiting():
            self.is_stuck = False
        while self.is_pending() and not self.strand.is_waiting():
            try:
                self.do()
            except Stuck as exc:
                if not self.make_room(exc):
                    raise

    def do(self) -> None:
        """Do one thing, or all steps that there are."""
        if self.strand.steps:
            self.strand.work()
        elif self.text:
            self.write()
        elif self.losses.is_due():
            self.text = self.notice()
        else:
            self.is_ending = False
            self.strand.steps = self.end_steps()

    def look_at_current(self) -> "list[Step]":
        """Continue a current that was left complete; else put everything into archives."""
        recovery = Recovery(self.archives)
        last: list[Step] = [self.compressor.look] if self.compressor else []
        if recovery.is_clean():
            return [lambda: self.current.open("unable to append to"), *last]
        steps = recovery.steps()
        return [*steps, lambda: self.current.open("unable to write to"), *last]

    def write(self) -> None:
        """Write once; ask for a rotation when current is full."""
        if self.current.room() <= 0:
            self.rotate()
            return
        self.at += self.current.write(self.text, self.at)
        if self.at == len(self.text):
            self.text, self.at = b"", 0
        if self.current.is_full():
            self.rotate()

    def end_steps(self) -> "list[Step]":
        """List the steps of the clean end."""
        return [self.current.sync, *([] if self.is_abandoned else [self.current.mode_clean])]

    # Where the disk is full.

    def make_room(self, exc: Stuck) -> bool:
        """Drop an archive if that may help, and is wanted."""
        cause = exc.__cause__
        is_full = isinstance(cause, OSError) and cause.errno in FULL
        if not is_full or self.keeping.full != "drop-archives" or not self.archives.drop_oldest():
            return False
        self.lost_archives += 1
        return True

    def sift(self, text: bytes) -> bytes:
        """Drop lines while nothing can be written; returns what is to be written."""
        if self.is_stuck and text:
            self.text, self.at = self.losses.cut(self.unwritten()), 0
            self.losses.drop(text)
            return b""
        text = self.losses.resume(text)
        return self.notice() + text if self.losses.is_due() else text

    def notice(self) -> bytes:
        """Say what was dropped, in a line of its own."""
        is_torn = not self.text and not self.current.is_line_start
        return (b"\n" if is_torn else b"") + self.keeping.stamp() + self.losses.notice()
