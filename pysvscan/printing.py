"""Prints entries of logs on descriptor 1, many at once."""

import os

from pysvscan.core import showing, stamp
from pysvscan.core.showing import Json, Readable, Terminal
from pysvscan.strerr import Fatal
from pysvscan.zone import zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.logreader import Entry

    Show = Callable[[Entry], bytes]

HELD_BYTES = 1 << 16
HELD_ENTRIES = 512


class Printer:
    """Prints entries in one form.

    Attributes:
        form: of showing.FORMS.
        names: of the logs, by number.
        terminal: None: descriptor 1 is none.
        show: makes the line of an entry.
    """

    def __init__(self, form: str, names: list[bytes]) -> None:
        self.form = form
        self.names = names
        self.terminal = terminal()
        self.time = Readable(stamp.utc if form == "utc" else zone)
        self.prefixes = [self.prefix(which) for which in range(len(names))]
        self.held: list[bytes] = []
        self.show = self.chosen()

    def prefix(self, which: int) -> bytes:
        """Write what stands before a log's lines: its name, if there are several."""
        if len(self.names) < 2:
            return b""
        name = self.names[which]
        if self.terminal:
            name = self.terminal.name(which, showing.harmless(name))
        return name + b": "

    def chosen(self) -> "Show":
        """Choose how to show an entry."""
        if self.form == "json":
            write = Json([os.fsdecode(it) for it in self.names]).write
            return lambda entry: write(entry[1], entry[2], entry[3])
        if self.terminal:
            return self.on_terminal
        form = showing.labelled if self.form == "tai64n" else self.time
        if len(self.names) < 2:
            return lambda entry: form(entry[2], entry[3]) + b"\n"
        return lambda entry: self.prefixes[entry[1]] + form(entry[2], entry[3]) + b"\n"

    def on_terminal(self, entry: "Entry") -> bytes:
        """Show an entry where control characters would be obeyed."""
        _, which, label, text = entry
        terminal = self.terminal or Terminal(is_coloured=False)
        time = label if self.form == "tai64n" or not label else self.time.time(label)
        shown = terminal.stamp(time) + b" " if label else b""
        return self.prefixes[which] + shown + showing.harmless(text) + b"\n"

    def add(self, entry: "Entry") -> None:
        """Print an entry, soon."""
        self.held.append(self.show(entry))
        if len(self.held) >= HELD_ENTRIES:
            self.flush()

    def text(self, text: bytes) -> None:
        """Print a text that is no entry, soon."""
        self.held.append(text)
        if len(text) >= HELD_BYTES or len(self.held) >= HELD_ENTRIES:
            self.flush()

    def flush(self) -> None:
        """Print what is held."""
        data = memoryview(b"".join(self.held))
        self.held.clear()
        while data:
            try:
                data = data[os.write(1, data) :]
            except BrokenPipeError:
                os._exit(0)  # whoever reads has seen enough; SIGPIPE was ignored
            except OSError as exc:
                raise Fatal("unable to write output") from exc


def terminal() -> Terminal | None:
    """Look whether descriptor 1 is a terminal, and wants colours."""
    if not os.isatty(1):
        return None
    plain = os.environb.get(b"NO_COLOR") or os.environb.get(b"TERM", b"dumb") == b"dumb"
    return Terminal(is_coloured=not plain)
