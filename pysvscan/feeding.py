"""What one pipe has read, on its way through its script to its outlets.

A read is kept until the script has run over it, and what the script made of it until the outlets
have it: whatever raises in between, nothing is lost.
"""

import time

from pysvscan import redaction
from pysvscan.core.script import Output, Pipe, Script
from pysvscan.places import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.copyout import Source
    from pysvscan.core.redact import Redactor
    from pysvscan.counting import Counting
    from pysvscan.outlets import Outlets
    from pysvscan.stderr import Stderr


class Feeding:
    """The reads of one pipe.

    Attributes:
        pipe: the unfinished line.
        raw: what was read and not yet redacted.
        redactor: takes credentials out, first of all; None: there is none.
        redacts: what it was made for.
        chunk: what is to be written and was not yet run, and the unfinished line before it.
        output: what the script made of it, until it is handed out.
        first, is_all: what the first directory gets is counted and copied; whether that is all.
        copy: our part of the copy to stdout; None: there is none.
        place: for the next logger, were we killed.
        is_skipping: the rest of a line comes, whose begin a killed logger has taken with it.
    """

    def __init__(
        self, script: Script, counting: "Counting", stderr: "Stderr", place: Place
    ) -> None:
        self.counting = counting
        self.stderr = stderr
        self.place = place
        self.is_skipping = False
        self.pipe = Pipe()
        self.raw = b""
        self.redactor: Redactor | None = None
        self.redacts: tuple[bytes, ...] = ()
        self.chunk: tuple[bytes, bytes, list[bool] | None] | None = None
        self.output: Output | None = None
        self.copy: Source | None = None
        self.use(script)

    def use(self, script: Script) -> None:
        """Use a script from now on; a line that was decided goes on as that, if it can."""
        self.script = script
        if self.pipe.kept is not None:
            count = len(script.selections)
            self.pipe.kept = (self.pipe.kept + [False] * count)[:count]
        self.first = script.directories[0].selection
        self.is_all = not script.selections[self.first].words

    def redact(self, what: tuple[bytes, ...]) -> None:
        """Take these out from now on; conversations that go on are remembered if it is the same."""
        if what != self.redacts:
            self.redacts = what
            self.redactor = redaction.begin(what, time.monotonic_ns()) if what else None

    def is_unfinished(self) -> bool:
        """Say whether the last byte read was not a newline."""
        return self.pipe.is_unfinished() or bool(self.redactor and self.redactor.is_unfinished())

    def begin(self) -> None:
        """Begin where the logger before us ended, now that it has."""
        self.is_skipping = self.place.is_within()
        self.pipe.line = self.place.left()

    def leave_line(self) -> None:
        """Leave an unfinished line, of which nothing is written yet, to the logger after us."""
        is_whole = self.pipe.kept is None and not (self.chunk or self.redactor)
        if self.pipe.line and is_whole and self.place.leave(self.pipe.line):
            self.pipe.line = b""

    def is_empty(self) -> bool:
        """Say whether all that was read is handed out, but for an unfinished line."""
        return not (self.raw or self.chunk or self.output)

    def take(self, data: bytes) -> None:
        """Take a read, and run the script over it."""
        if self.is_skipping:
            data = self.skip(data)
        if self.redactor:
            self.raw += data
        else:
            self.chunk = (data, self.pipe.line, self.pipe.kept)
        self.run()

    def skip(self, data: bytes) -> bytes:
        """Leave out the rest of a line without its begin; gives what follows it."""
        end = data.find(b"\n") + 1
        self.is_skipping = not end
        skipped = end or len(data)
        self.counting.lose(1 if end else 0, skipped)
        return data[skipped:]

    def note(self) -> None:
        """Note whether what comes next is the rest of a line."""
        self.place.note(self.is_skipping or self.is_unfinished())

    def run(self) -> None:
        """Run the script over what was read."""
        if self.raw and self.redactor:
            data = self.redactor.feed(self.raw, time.monotonic_ns())
            self.chunk, self.raw = (data, self.pipe.line, self.pipe.kept), b""
        if self.chunk:
            data, self.pipe.line, self.pipe.kept = self.chunk
            self.output = self.script.feed(self.pipe, data, time.time_ns())
            self.chunk = None
            self.note()
            self.counting.count(data, self.output.texts[self.first], self.is_all)

    def finish(self) -> None:
        """Give the unfinished line its newline."""
        if self.redactor and self.redactor.held:
            rest = self.redactor.finish(time.monotonic_ns()) + b"\n"
            self.output = self.script.feed(self.pipe, rest, time.time_ns())
            self.counting.count(rest[:-1], self.output.texts[self.first], is_all=False)
        else:
            self.output = self.script.finish(self.pipe)
        self.note()

    def deliver(self, outlets: "Outlets") -> bool:
        """Hand out what the script made of a read; says whether all is written."""
        output, is_written = self.output, True
        if output:
            if output.alerts:
                self.stderr.write_lines(output.alerts)
            if self.copy:
                self.copy.put(output.texts[self.first])
            is_written = outlets.put(output)
            self.output = None
        return is_written
