"""The record in SERVICE/log/supervise/counters: what a built-in log has counted. Pure.

The file is two slots, written in turn in place. Each has a number and a checksum, so that a reader
needs no lock and asks nobody: the newest slot whose checksum fits is right, whether the other is
just being written or its writer was killed in it. A lock-free number before and after would not do:
a killed writer leaves it odd for ever.
"""

import struct
from zlib import crc32

MAGIC = b"pysvscan counts1"  # the last character is the version
FIELDS = (
    "lines_in",
    "bytes_in",
    "lines_kept",
    "bytes_kept",
    "lines_lost",
    "bytes_lost",
    "rotations",
    "retries",
    "since_ns",
)
BODY = struct.Struct(f"<16s{len(FIELDS) + 1}Q")
SLOT = 128
BYTES = 2 * SLOT
MAX = 2**64 - 1


class CountersError(ValueError):
    """The bytes hold no record."""


class Counts:
    """What was counted; each number below 2^64, which wraps.

    Attributes:
        lines_in, bytes_in: read from the service.
        lines_kept, bytes_kept: written to its first log directory, stamps included.
        lines_lost, bytes_lost: read and given up.
        rotations: of all its log directories.
        retries: of whatever failed.
        since_ns: when counting began.
    """

    __slots__ = FIELDS

    def __init__(self, since_ns: int = 0) -> None:
        self.lines_in = self.bytes_in = 0
        self.lines_kept = self.bytes_kept = 0
        self.lines_lost = self.bytes_lost = 0
        self.rotations = self.retries = 0
        self.since_ns = since_ns

    def values(self) -> tuple[int, ...]:
        """List the numbers in the order of FIELDS."""
        return (
            self.lines_in,
            self.bytes_in,
            self.lines_kept,
            self.bytes_kept,
            self.lines_lost,
            self.bytes_lost,
            self.rotations,
            self.retries,
            self.since_ns,
        )


def pack(counts: Counts, number: int) -> bytes:
    """Encode a slot: magic, number, the counts (all little-endian), checksum."""
    try:
        body = BODY.pack(MAGIC, number, *counts.values())
    except struct.error:
        body = BODY.pack(MAGIC, number, *[value & MAX for value in counts.values()])
    return body + crc32(body).to_bytes(4, "little")


def unpack(data: bytes) -> tuple[Counts, int]:
    """Decode one slot; what follows the checksum is not read.

    Returns:
        The counts, and the slot's number.

    Raises:
        CountersError: no record, one of another version, or one half written.
    """
    body, check = data[: BODY.size], data[BODY.size : BODY.size + 4]
    if len(check) < 4 or crc32(body) != int.from_bytes(check, "little"):
        raise CountersError("bad format")
    magic, number, *values = BODY.unpack(body)
    if magic != MAGIC:
        raise CountersError("bad format")
    counts = Counts()
    for field, value in zip(FIELDS, values, strict=True):
        setattr(counts, field, value)
    return counts, number


def newest(data: bytes) -> tuple[Counts, int]:
    """Decode a whole file.

    Returns:
        The counts, and the number of the slot that has them.

    Raises:
        CountersError: neither slot holds a record.
    """
    found: tuple[Counts, int] | None = None
    for slot in (data[:SLOT], data[SLOT:BYTES]):
        try:
            counts, number = unpack(slot)
        except CountersError:
            continue
        if found is None or number > found[1]:
            found = counts, number
    if found is None:
        raise CountersError("bad format")
    return found


def offset(number: int) -> int:
    """Say where the slot of a number is."""
    return number % 2 * SLOT
