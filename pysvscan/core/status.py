"""The record in `supervise/status`: what svstat reads. Pure.

daemontools-encore writes 20 bytes, the last two its state and 0; where its supervise keeps a log
process, too, 20 more about that. They are read here and never written. runit's 20 bytes have
something else in the 20th while a service runs.
Source: daemontools 0.76 supervise.c pidchange(), announce(); svstat.c doit(); encore's svstat(8).
"""

from pysvscan.core import tai

BYTES = 18
ENCORE_BYTES = 20
LONGEST = 2 * ENCORE_BYTES + 1  # one more than any that we know: longer ones are told apart
STATES = ("stopped", "starting", "started", "running", "stopping", "failed")  # encore's


class StatusError(ValueError):
    """The record is shorter than 18 bytes; svstat says "bad format"."""


class Status:
    r"""One service, as far as 18 bytes say it.

    Attributes:
        since_ns: Unix time of the last start or death.
        pid: the service's process; 0 means down.
        paused: stopped by `svc -p`; never so while down.
        want: b"u" up, b"d" down, b"\0" once (no restart).
        state: of STATES; "" where the record does not tell.
    """

    __slots__ = ("paused", "pid", "since_ns", "state", "want")

    def __init__(self, since_ns: int, pid: int, paused: bool, want: bytes, state: str = "") -> None:
        self.since_ns = since_ns
        self.pid = pid
        self.paused = paused
        self.want = want
        self.state = state

    def is_up(self) -> bool:
        """Say whether the service is up; an encore service without ./run has no process."""
        return self.pid != 0 or self.state in ("started", "running")

    def describe(self, normally_up: bool, now_ns: int) -> str:
        """Say it in svstat's words; a start that lies in the future was 0 seconds ago."""
        seconds = max(0, now_ns // tai.SECOND_NS - self.since_ns // tai.SECOND_NS)
        seconds = int(float(seconds))  # C's tai_approx: of a rubbish stamp's age 53 bits are right
        if self.pid:
            words = f"up (pid {self.pid}) {seconds} seconds"
            words += "" if normally_up else ", normally down"
            words += ", paused" if self.paused else ""
            return words + (", want down" if self.want == b"d" else "")
        words = f"down {seconds} seconds" + (", normally up" if normally_up else "")
        return words + (", want up" if self.want == b"u" else "")

    def elaborate(self) -> str:
        """Say what C's svstat leaves out: that it will not be restarted, and encore's state."""
        once = ", once" if self.pid and self.want == b"\0" else ""
        return once + (f", {self.state}" if self.state else "")


def pack(status: Status) -> bytes:
    """Encode: TAI64N stamp (12, big-endian), pid (4, little-endian), paused (1), want (1)."""
    paused = status.paused and status.pid != 0
    number = status.pid.to_bytes(4, "little")
    return tai.pack(status.since_ns) + number + (b"\1" if paused else b"\0") + status.want


def of_ours(since_ns: int) -> int:
    """Give a stamp that cannot be taken for C's: half a microsecond is what C adds to each."""
    return since_ns - is_from_c(since_ns)


def is_from_c(since_ns: int) -> bool:
    """Say whether C's supervise has written this stamp, which is from a clock of microseconds.

    Source: daemontools 0.76 taia_now.c.
    """
    return since_ns % 1000 == 500


def unpack(data: bytes) -> Status:
    """Decode a record; of what follows the 18 bytes, only encore's state is read.

    Raises:
        StatusError: shorter than 18 bytes.
    """
    if len(data) < BYTES:
        raise StatusError("bad format")
    pid = int.from_bytes(data[12:16], "little")
    return Status(tai.unpack(data), pid, data[16] != 0, data[17:18], state(data[BYTES:]))


def state(end: bytes) -> str:
    """Name the state from the end of encore's record; "" for other ends."""
    if len(end) < ENCORE_BYTES - BYTES or end[1] != 0 or end[0] >= len(STATES):
        return ""
    return STATES[end[0]]


def unpack_log(data: bytes) -> Status | None:
    """Decode encore's second record, which is about the log process; None where there is none."""
    return unpack(data[ENCORE_BYTES:]) if len(data) == 2 * ENCORE_BYTES else None
