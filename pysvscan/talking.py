"""svlog --conversations: prints each conversation as a head and what was said below it."""

import json

from pysvscan.core import showing
from pysvscan.core.conversation import Conversation, Conversations, between, seconds
from pysvscan.printing import Printer
from pysvscan.strerr import name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logreader import Entry, Match

INDENT = b"    "


class Talk:
    """Collects conversations from entries, and prints those that are wanted when they end."""

    def __init__(self, printer: Printer, pid: bytes | None, match: "Match | None") -> None:
        """Begin.

        Args:
            printer: for the texts.
            pid: only this one's; None: all.
            match: only those of which a line matches; None: all.
        """
        self.printer = printer
        self.conversations = Conversations(pid)
        self.match = match
        self.last: int | None = None
        self.held: list[bytes] = []

    def add(self, entry: "Entry") -> None:
        """Take an entry."""
        for it in self.conversations.feed(entry):
            self.put(it)

    def end(self) -> None:
        """Print those that have not ended, too."""
        for it in self.conversations.rest():
            self.put(it)
        for text in self.held[-self.last :] if self.last else []:
            self.printer.text(text)

    def put(self, it: Conversation) -> None:
        """Print one, now or, where only the last ones are wanted, at the end."""
        if self.match and not any(self.match(text) for text in shown_texts(it)):
            return
        text = self.as_json(it) if self.printer.form == "json" else self.as_text(it)
        if self.last is None:
            self.printer.text(text)
        else:
            self.held = [*self.held, text][-self.last :] if self.last else []

    def as_text(self, it: Conversation) -> bytes:
        """Write a conversation for people."""
        lines = [self.printer.prefixes[it.which] + self.head(it)]
        for label, direction, text in it.lines:
            since_ns = between(it.begin, label)
            time = b"" if since_ns is None else b"%10b " % seconds(since_ns).encode()
            lines.append(INDENT + time + direction + b" " + self.safe(text))
        if it.left_out:
            lines.append(INDENT + b"... %d lines more" % it.left_out)
        return b"\n".join(lines) + b"\n"

    def head(self, it: Conversation) -> bytes:
        """Write who, when, how long, what, and how it ended."""
        is_label = self.printer.form == "tai64n" or not it.begin
        time = it.begin if is_label else self.printer.time.time(it.begin)
        parts = [time, it.pid] if time else [it.pid]
        for word, value in ((b"from", it.client), (b"", it.host), (b"to", it.local)):
            parts += [word + b" " + self.safe(value) if word else self.safe(value)] if value else []
        took_ns = it.took_ns()
        took = f", {seconds(took_ns)} s" if took_ns is not None else ""
        end = f"{took}: {', '.join(it.asked()) or 'no command'}: {it.result()}"
        error = b" (" + self.safe(it.error) + b")" if it.error else b""
        return b" ".join(parts) + end.encode() + error

    def safe(self, text: bytes) -> bytes:
        """Show a text, on a terminal without what that would obey."""
        return showing.harmless(text) if self.printer.terminal else text

    def as_json(self, it: Conversation) -> bytes:
        """Write a conversation as a JSON object of one line."""
        took_ns = it.took_ns()
        found: dict[str, object] = {
            "service": name(self.printer.names[it.which]).encode(errors="replace").decode(),
            "pid": int(it.pid),
            "begin": showing.iso(it.begin) if it.begin else None,
            "end": showing.iso(it.end) if it.end else None,
            "seconds": None if took_ns is None else took_ns / 10**9,
            "client": decode(it.client),
            "host": decode(it.host),
            "local": decode(it.local),
            "commands": {command.decode(): count for command, count in it.commands.items()},
            "result": it.result(),
            "error": decode(it.error),
            "lines": [decode(direction + b" " + text) for _, direction, text in it.lines],
            "left_out": it.left_out,
        }
        return json.dumps(found, ensure_ascii=False).encode() + b"\n"


def shown_texts(it: Conversation) -> list[bytes]:
    """List what a pattern is looked for in."""
    return [it.client, it.host, it.local, *(text for _, _, text in it.lines)]


def decode(text: bytes) -> str:
    """Decode what may be no UTF-8."""
    return text.decode(errors="replace")
