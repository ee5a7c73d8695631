"""What svscan and a logger process say to each other: one packet each. Pure.

A log has a number, svscan's, never used again while svscan lives. The descriptors that OPEN brings
travel beside the packet.
"""

import struct
from enum import Enum

from pysvscan.core.logcontrol import State

HEAD = struct.Struct("!cI")
SIZE = struct.Struct("!I")
NONE = b"\0"


class OrderError(ValueError):
    """The bytes are no packet of ours."""


class Kind(Enum):
    """What a packet is; the value is its first byte."""

    # svscan to the logger
    OPEN = b"o"  # an Opening, with descriptors: pipe, log directory, counters
    CHANGE = b"h"  # an Opening: go on with these settings
    STATE = b"s"  # a state of core.logcontrol
    ROTATE = b"a"
    REOPEN = b"t"  # write out, close and open again
    LEAVE = b"l"  # write out and let go of the pipe, however long it takes
    END = b"x"  # the same, but what cannot be written in some seconds is given up
    BOUND = b"b"  # number 0: leave when svscan is gone; the next one could not find this logger
    PLACES = b"p"  # number 0, with a descriptor: places.py; comes before any log
    # the logger to svscan
    OPENED = b"O"
    SHUT = b"F"  # why: it cannot be opened for the present, or be opened again
    ROTATED = b"A"  # a rotation that was ordered has begun: the files say the rest
    ENDED = b"E"  # the descriptors are closed
    SAID = b"S"  # label, message
    GOT = b"G"  # an order was read: there is room for more


class Opening:
    """All that a logger is told of one log.

    Attributes:
        label: names the log in messages: SERVICE/log.
        words: the script.
        full, compress, max_age_ns: as in core.settings.Log.
        redact: what is taken out of the lines; see core/redact.py.
        stdout: the selected lines are copied to the standard output as well.
        state: to begin in.
    """

    __slots__ = ("compress", "full", "label", "max_age_ns", "redact", "state", "stdout", "words")

    def __init__(
        self,
        label: bytes,
        words: tuple[bytes, ...],
        full: str = "block",
        compress: str | None = None,
        max_age_ns: int | None = None,
        stdout: bool = False,
        state: State = State.READING,
        redact: tuple[bytes, ...] = (),
    ) -> None:
        self.label = label
        self.words = words
        self.full = full
        self.compress = compress
        self.max_age_ns = max_age_ns
        self.stdout = stdout
        self.redact = redact
        self.state = state

    def pack(self) -> tuple[bytes, ...]:
        """Encode as the fields of a packet."""
        age = NONE if self.max_age_ns is None else b"%d" % self.max_age_ns
        compress = NONE if self.compress is None else self.compress.encode()
        state, stdout = self.state.value.encode(), b"%d" % self.stdout
        redact = b"\n".join(self.redact)
        return (self.label, self.full.encode(), compress, age, stdout, state, redact, *self.words)


def unpack_opening(fields: list[bytes]) -> Opening:
    """Decode the fields of a packet.

    Raises:
        OrderError: they are no Opening.
    """
    if len(fields) < 7:
        raise OrderError("no opening")
    label, full, compress, age, stdout, state, redact = fields[:7]
    try:
        return Opening(
            label,
            tuple(fields[7:]),
            full.decode("ascii"),
            None if compress == NONE else compress.decode("ascii"),
            None if age == NONE else int(age),
            stdout == b"1",
            unpack_state(state),
            tuple(redact.split(b"\n")) if redact else (),
        )
    except ValueError as exc:
        raise OrderError("no opening") from exc


def unpack_state(field: bytes) -> State:
    """Decode the state of a log.

    Raises:
        OrderError: it is none.
    """
    try:
        return State(field.decode("ascii"))
    except ValueError as exc:
        raise OrderError("no state") from exc


def pack(kind: Kind, number: int, *fields: bytes) -> bytes:
    """Encode a packet."""
    parts = [HEAD.pack(kind.value, number)]
    for field in fields:
        parts += (SIZE.pack(len(field)), field)
    return b"".join(parts)


def unpack(data: bytes) -> tuple[Kind, int, list[bytes]]:
    """Decode a packet.

    Raises:
        OrderError: it is none.
    """
    try:
        kind, number = HEAD.unpack_from(data)
        return Kind(kind), number, split(data, HEAD.size)
    except (struct.error, ValueError) as exc:
        raise OrderError("no packet of ours") from exc


def split(data: bytes, at: int) -> list[bytes]:
    """Cut the fields out of a packet."""
    fields = []
    while at < len(data):
        (size,) = SIZE.unpack_from(data, at)
        at += SIZE.size
        if size > len(data) - at:
            raise OrderError("a field ends too soon")
        fields.append(data[at : at + size])
        at += size
    return fields
