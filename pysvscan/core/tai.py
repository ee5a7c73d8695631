"""TAI64N: a moment as 12 bytes or as an `@` label. Pure; the clock is the caller's.

A moment is an int: nanoseconds since the Unix epoch. The label counts seconds from 2^62, ten ahead
of Unix time, and knows no leap seconds. Source: daemontools 0.76 tai.h, taia_pack.c, timestamp.c.
"""

from binascii import b2a_hex
from struct import Struct

RECORD = Struct(">QI")
EPOCH = 2**62 + 10  # the TAI64 second at which Unix time began, by DJB's tai_unix
SECOND_NS = 1_000_000_000
LABEL_BYTES = 25  # "@" and 24 hex digits


def pack(now_ns: int) -> bytes:
    """Encode a moment as 12 bytes: seconds (8) and nanoseconds (4), both big-endian."""
    seconds, nano = divmod(now_ns, SECOND_NS)
    return RECORD.pack(EPOCH + seconds, nano)


def unpack(data: bytes) -> int:
    """Decode the first 12 bytes as a moment; any bytes are one, some long before the epoch.

    Nanoseconds beyond a second, which no clock writes, are cut: the second stands, as in C svstat.
    """
    seconds = int.from_bytes(data[:8], "big") - EPOCH
    return seconds * SECOND_NS + min(int.from_bytes(data[8:12], "big"), SECOND_NS - 1)


def label(now_ns: int) -> bytes:
    """Encode a moment as multilog and tai64n print it: `@` and 24 hex digits."""
    return b"@%b" % digits(now_ns)


def digits(now_ns: int) -> bytes:
    """Encode a moment as 24 hex digits."""
    return b2a_hex(RECORD.pack(EPOCH + now_ns // SECOND_NS, now_ns % SECOND_NS))
