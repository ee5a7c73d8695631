"""What a service has gone through: its last ends, and why it cannot be started. Pure.

`supervise/history` is one record of lines of text, of fixed size: it can be written anew in place,
on a full disk as well. `svstat -l` reads it, so that nobody needs to be asked, and a dead
supervisor's last words remain.
Who can write in `supervise` can write any bytes into it; what is shown of them is printable.
"""

from pysvscan.core import tai
from pysvscan.core.restart import Backoff

BYTES = 1024
MESSAGE_BYTES = 400
KEPT = 5  # ends
WHERE_BYTES = 100
HEAD = b"pysvscan history 2"
UNKNOWN = b"?"
BLANK = bytes(range(0x20)) + b"\x7f"  # what is shown as a question mark
PRINTABLE = bytes.maketrans(BLANK, b"?" * len(BLANK))
SIGNALS = {
    1: "HUP",
    2: "INT",
    3: "QUIT",
    4: "ILL",
    6: "ABRT",
    7: "BUS",
    8: "FPE",
    9: "KILL",
    10: "USR1",
    11: "SEGV",
    12: "USR2",
    13: "PIPE",
    14: "ALRM",
    15: "TERM",
    24: "XCPU",
    25: "XFSZ",
}  # on Linux; the others by number


class HistoryError(ValueError):
    """The bytes are no record."""


class End:
    """One death of the service's process.

    Attributes:
        at_ns: when; Unix time.
        ran_ns: how long it had been running.
        wstatus: as wait has it; None for a process that was not our child.
    """

    __slots__ = ("at_ns", "ran_ns", "wstatus")

    def __init__(self, at_ns: int, ran_ns: int, wstatus: int | None) -> None:
        self.at_ns = at_ns
        self.ran_ns = ran_ns
        self.wstatus = wstatus

    def describe(self, now_ns: int) -> str:
        """Say how it ended, and when."""
        after = f"after {self.ran_ns // tai.SECOND_NS} seconds"
        return f"{how(self.wstatus)} {after}, {ago(self.at_ns, now_ns)}"


class History:
    """All that is recorded of a service.

    Attributes:
        count: how often it has ended.
        ends: the last of them, the newest first.
        failures: how often in a row it could not be started; 0: the last start worked.
        failed_ns: when that was last.
        next_ns: when it is tried again; 0: not by itself.
        message: why it cannot be started; any bytes.
        backoff: whether it dies young again and again.
    """

    __slots__ = ("backoff", "count", "ends", "failed_ns", "failures", "message", "next_ns")

    def __init__(self) -> None:
        self.count = 0
        self.ends: list[End] = []
        self.failures = self.failed_ns = self.next_ns = 0
        self.message = b""
        self.backoff = Backoff()

    def ended(self, end: End) -> None:
        """Add an end: what it ends has been started."""
        self.count += 1
        self.ends = [end, *self.ends[: KEPT - 1]]
        self.failures = self.failed_ns = self.next_ns = 0
        self.message = b""

    def failed(self, at_ns: int, message: bytes) -> None:
        """Note that it could not be started."""
        self.failures += 1
        self.failed_ns, self.next_ns, self.message = at_ns, 0, message

    def describe(self, since_ns: int, is_up: bool, now_ns: int) -> list[str]:
        """Say it in lines, the failure first, unless it is overtaken by a start that worked.

        Args:
            since_ns: of the status: the last start or death.
            is_up: of the status.
            now_ns: the wall clock.
        """
        lines = [
            f"end {self.count - number}: {end.describe(now_ns)}"
            for number, end in enumerate(self.ends)
        ]
        if not is_up and (words := self.describe_backoff(now_ns)):
            lines.insert(0, f"restart: {words}")
        if self.is_failing(since_ns, is_up):
            lines.insert(0, f"start: {self.describe_failure(now_ns)}")
        return lines

    def is_failing(self, since_ns: int, is_up: bool) -> bool:
        """Say whether it could not be started, and no start has worked since."""
        return self.failures > 0 and not (is_up and self.failed_ns < since_ns)

    def describe_failure(self, now_ns: int) -> str:
        """Say why it cannot be started, how often that was tried, and when it is again."""
        words = (
            f"{printable(self.message)}, {ago(self.failed_ns, now_ns)}, {self.failures} in a row"
        )
        return words + self.describe_next(now_ns)

    def describe_next(self, now_ns: int) -> str:
        """Say when it is tried again, if it is by itself."""
        if self.next_ns <= now_ns:
            return ""
        return f", next in {-((now_ns - self.next_ns) // tai.SECOND_NS)} seconds"

    def describe_backoff(self, now_ns: int) -> str:
        """Say how often it died young, and what follows; nothing of a service that is well."""
        young, gave_up_ns = self.backoff.young, self.backoff.gave_up_ns
        if gave_up_ns:
            return f"given up after {young} in a row that ended young, {ago(gave_up_ns, now_ns)}"
        if young == 0 or self.failures:
            return ""
        return f"ended young {young} times in a row{self.describe_next(now_ns)}"


def how(wstatus: int | None) -> str:
    """Say how a process ended."""
    if wstatus is None:
        return "unknown"
    number = wstatus & 0x7F
    if not number:
        return f"exit {wstatus >> 8 & 0xFF}"
    return f"signal {SIGNALS.get(number, number)}" + (" with core" if wstatus & 0x80 else "")


def ago(at_ns: int, now_ns: int) -> str:
    """Say how long ago something was; what lies in the future was just now."""
    return f"{max(0, now_ns - at_ns) // tai.SECOND_NS} seconds ago"


def printable(message: bytes) -> str:
    """Decode for a terminal: no control character, of UTF-8's second set neither, no direction."""
    text = message.translate(PRINTABLE).decode("utf-8", "surrogateescape")
    return "".join(c if c.isprintable() or "\udca0" <= c <= "\udcff" else "?" for c in text)


def pack(history: History) -> bytes:
    """Encode as lines: head, count, failure, back-off, message, ends; padded with newlines."""
    failure = (history.failures, history.failed_ns, history.next_ns)
    lines = [HEAD, b"%d" % history.count, b"%d %d %d" % failure]
    backoff = history.backoff
    lines.append(b"%d %d %b" % (backoff.young, backoff.gave_up_ns, backoff.where[:WHERE_BYTES]))
    lines.append(history.message.translate(PRINTABLE)[:MESSAGE_BYTES])
    for end in history.ends:
        wstatus = UNKNOWN if end.wstatus is None else b"%d" % end.wstatus
        lines.append(b"%d %d %b" % (end.at_ns, end.ran_ns, wstatus))
    return b"\n".join(lines).ljust(BYTES, b"\n")


def unpack(data: bytes) -> History:
    """Decode a record.

    Raises:
        HistoryError: another head, lines that are missing, or no numbers where they belong.
    """
    lines = data[:BYTES].rstrip(b"\n").split(b"\n")
    if lines[0] != HEAD:
        raise HistoryError("no history of a service")
    history = History()
    (history.count,) = numbers(lines[1:2], 1)
    history.failures, history.failed_ns, history.next_ns = numbers(lines[2:3], 3)
    begin, _, where = b"".join(lines[3:4]).rpartition(b" ")
    young, gave_up_ns = numbers([begin], 2)
    history.backoff = Backoff(young, gave_up_ns, where)
    history.message = b"".join(lines[4:5])
    for line in lines[5 : 5 + KEPT]:
        begin, _, wstatus = line.rpartition(b" ")
        at_ns, ran_ns = numbers([begin], 2)
        known = None if wstatus == UNKNOWN else numbers([wstatus], 1)[0]
        history.ends.append(End(at_ns, ran_ns, known))
    return history


def numbers(lines: list[bytes], count: int) -> list[int]:
    """Read the numbers of a line.

    Raises:
        HistoryError: there is no line, not as many words, or a word is no number.
    """
    words = b"".join(lines).split()
    if len(words) != count or not all(word.isdigit() for word in words):
        raise HistoryError("no history of a service")
    return [int(word) for word in words]
