r"""How an entry of a log is shown: with local time, UTC, its label, or as JSON. Pure.

On a terminal, bytes that a terminal would obey are shown as `\xNN`, and there may be colours.
"""

from pysvscan.core import stamp, tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.core.stamp import Zone

    Form = Callable[[bytes, bytes], bytes]  # label, text → what is shown

FORMS = ("local", "utc", "tai64n", "json")
PRINTABLE = bytes(range(32, 127)) + b"\t"
SECONDS_BYTES = 17  # of a label, up to its nanoseconds
COLOURS = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)
DIM, BOLD, PLAIN = b"\x1b[2m", b"\x1b[1m", b"\x1b[0m"


class Readable:
    """Writes an entry's time as tai64nlocal does, in one zone."""

    __slots__ = ("seconds", "text", "zone")

    def __init__(self, zone: "Zone") -> None:
        self.zone = zone
        self.seconds = b""  # of the last label, and what it is
        self.text = b""

    def __call__(self, label: bytes, text: bytes) -> bytes:
        """Show an entry; one without a stamp is its text."""
        return self.time(label) + b" " + text if label else text

    def time(self, label: bytes) -> bytes:
        """Write a label as date and time; a beyond the calendar stays what it is."""
        seconds = label[:SECONDS_BYTES]
        if seconds != self.seconds:
            unix = int(seconds[1:], 16) - tai.EPOCH
            try:
                self.text = stamp.date_and_time(unix + self.zone(unix))
            except (OverflowError, OSError, ValueError):
                return label
            self.seconds = seconds
        return b"%b.%09d" % (self.text, int(label[SECONDS_BYTES:], 16))


def labelled(label: bytes, text: bytes) -> bytes:
    """Show an entry with its label, as `t` writes it."""
    return label + b" " + text if label else text


def iso(label: bytes) -> str:
    """Write a label as ISO 8601 in UTC, with nanoseconds."""
    return Readable(stamp.utc).time(label).decode().replace(" ", "T") + "Z"


class Json:
    """Writes an entry as a JSON object of one line.

    `line` is the text; where that is no UTF-8, what is none in it is replaced, and `base64` has it
    as it is.
    """

    __slots__ = ("dumps", "names", "to_base64")

    def __init__(self, names: list[str]) -> None:
        """Take the names of the logs, by number."""
        from base64 import b64encode
        from json import dumps

        self.dumps = dumps
        self.to_base64 = b64encode
        self.names = names

    def write(self, which: int, label: bytes, text: bytes) -> bytes:
        """Write one."""
        found: dict[str, object] = {"service": self.names[which]}
        if label:
            found |= {"time": iso(label), "tai64n": label.decode()}
        found |= self.line(text)
        return self.dumps(found, ensure_ascii=False).encode() + b"\n"

    def line(self, text: bytes) -> dict[str, object]:
        """Write a text."""
        try:
            return {"line": text.decode()}
        except UnicodeDecodeError:
            shown = text.decode(errors="replace")
            return {"line": shown, "base64": self.to_base64(text).decode()}


class Terminal:
    """Shows what a terminal must not obey, and puts a colour on stamps and names."""

    __slots__ = ("is_coloured",)

    def __init__(self, *, is_coloured: bool) -> None:
        self.is_coloured = is_coloured

    def stamp(self, stamp: bytes) -> bytes:
        """Show a stamp, and the space after it."""
        return DIM + stamp + PLAIN if self.is_coloured else stamp

    def name(self, which: int, name: bytes) -> bytes:
        """Show a log's name."""
        if not self.is_coloured:
            return name
        return b"\x1b[%dm%b%b" % (COLOURS[which % len(COLOURS)], name, PLAIN)


def harmless(text: bytes) -> bytes:
    r"""Show a text on a terminal: what would not be printed becomes `\xNN` or `\uNNNN`.

    The carriage return and the space that recordio leaves at the end are not shown at all.
    """
    if not text.translate(None, PRINTABLE):
        return text
    end = text.rstrip(b" ")
    if end[-1:] == b"\r":
        text = end[:-1]
    shown = text.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\t" else escape(c) for c in shown).encode()


def escape(char: str) -> str:
    """Write a character by its number."""
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
