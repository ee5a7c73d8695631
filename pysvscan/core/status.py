"""The record in `supervise/status`: what svstat reads. Pure.

Source: daemontools 0.76 supervise.c pidchange(), announce(); svstat.c doit().
"""

from pysvscan.core import tai

BYTES = 18


class StatusError(ValueError):
    """The record is shorter than 18 bytes; svstat says "bad format"."""


class Status:
    r"""One service, as far as 18 bytes say it.

    Attributes:
        since_ns: Unix time of the last start or death.
        pid: the service's process; 0 means down.
        paused: stopped by `svc -p`; never so while down.
        want: b"u" up, b"d" down, b"\0" once (no restart).
    """

    __slots__ = ("paused", "pid", "since_ns", "want")

    def __init__(self, since_ns: int, pid: int, paused: bool, want: bytes) -> None:
        self.since_ns = since_ns
        self.pid = pid
        self.paused = paused
        self.want = want

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


def pack(status: Status) -> bytes:
    """Encode: TAI64N stamp (12, big-endian), pid (4, little-endian), paused (1), want (1)."""
    paused = status.paused and status.pid != 0
    number = status.pid.to_bytes(4, "little")
    return tai.pack(status.since_ns) + number + (b"\1" if paused else b"\0") + status.want


def unpack(data: bytes) -> Status:
    """Decode a record; what follows the 18 bytes (runit's 20, encore's 20 and 40) is not read.

    Raises:
        StatusError: shorter than 18 bytes.
    """
    if len(data) < BYTES:
        raise StatusError("bad format")
    pid = int.from_bytes(data[12:16], "little")
    return Status(tai.unpack(data), pid, data[16] != 0, data[17:18])
