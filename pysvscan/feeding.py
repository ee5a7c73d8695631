"""What one pipe has read, on its way through its script to its outlets.

A read is kept until the script has run over it, and what the script made of it until the outlets
have it: whatever raises in between, nothing is lost.
"""

import time

from pysvscan.core.script import Output, Pipe, Script
from pysvscan.places import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.copyout import Source
    from pysvscan.counting import Counting
    from pysvscan.outlets import Outlets
    from pysvscan.stderr import Stderr


class Feeding:
    """The reads of one pipe.

    Attributes:
        pipe: the unfinished line.
        chunk: what was read and not yet run, and the unfinished line before it.
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
        self.is_skipping = place.is_within
        self.pipe = Pipe()
        self.chunk: tuple[bytes, bytes, list[bool] | None] | None = None
        self.output: Output | None = None
        self.copy: Source | None = None
        self.use(script)

    def use(self, script: Script) -> None:
        """Use a script from now on; no line is unfinished."""
        self.script = script
        self.first = script.directories[0].selection
        self.is_all = not script.selections[self.first].words

    def is_empty(self) -> bool:
        """Say whether all that was read is handed out, but for an unfinished line."""
        return not (self.chunk or self.output)

    def take(self, data: bytes) -> None:
        """Take a read, and run the script over it."""
        if self.is_skipping:
            data = self.skip(data)
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
        self.place.note(self.is_skipping or self.pipe.is_unfinished())

    def run(self) -> None:
        """Run the script over what was read."""
        if self.chunk:
            data, self.pipe.line, self.pipe.kept = self.chunk
            self.output = self.script.feed(self.pipe, data, time.time_ns())
            self.chunk = None
            self.note()
            self.counting.count(data, self.output.texts[self.first], self.is_all)

    def finish(self) -> None:
        """Give the unfinished line its newline."""
        self.output = self.script.finish(self.pipe)
        self.note()

    def deliver(self, outlets: "Outlets") -> bool:
        """Hand out what the script made of a read; says whether all is written."""
        output, is_written = self.output, True
        if output:
            if output.alerts:
                self.stderr.write(output.alerts)
            if self.copy:
                self.copy.put(output.texts[self.first])
            is_written = outlets.put(output)
            self.output = None
        return is_written
