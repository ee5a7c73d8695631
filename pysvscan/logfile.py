"""One file of a log directory, read in blocks: as it is, or decompressed while it is read.

Compression is found by the file's first bytes, not by its name: a processor may have done it, and
`!gzip` leaves an `@….s`.
"""

import os

from pysvscan.core.logline import LatestStamps
from pysvscan.strerr import Fatal, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from pysvscan.core.stamp import Zone

    class Stream(Protocol):
        """What all decompressors have."""

        def decompress(self, data: bytes, /) -> bytes:
            """Take more; returns what is ready."""

        @property
        def unused_data(self) -> bytes:
            """What follows the compressed stream."""

        @property
        def eof(self) -> bool:
            """Whether the compressed stream is complete."""


BLOCK_BYTES = 1 << 16
PACKED_BYTES = 1 << 14  # so much compressed text is about a block
PROBE_BYTES = 1 << 13
# No link: who owns a log would choose what root prints by one.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
GZIP_WBITS = 31  # zlib's way of asking for gzip's header and trailer


class Damaged(Fatal):
    """What follows in a file cannot be read; what came before was given out."""


def gzip() -> "Stream":
    """Decompress gzip."""
    import zlib

    return zlib.decompressobj(GZIP_WBITS)


def zstd() -> "Stream":
    """Decompress zstd, with the library of the extra `zstd`."""
    import zstandard

    stream: Stream = zstandard.ZstdDecompressor().decompressobj()
    return stream


def bzip2() -> "Stream":
    """Decompress bzip2."""
    import bz2

    return bz2.BZ2Decompressor()


def xz() -> "Stream":
    """Decompress xz."""
    import lzma

    return lzma.LZMADecompressor()


MAGIC: "dict[bytes, Callable[[], Stream]]" = {
    b"\x1f\x8b": gzip,
    b"\x28\xb5\x2f\xfd": zstd,
    b"BZh": bzip2,
    b"\xfd7zXZ\0": xz,
}


class Logfile:
    """An open file.

    Attributes:
        label: its name in messages.
        size_bytes: when it was opened; what comes later is not read.
        stream: makes what decompresses it; None: it is plain.
    """

    def __init__(self, fd: int, label: bytes) -> None:
        """Take a descriptor; closed by `close`.

        Raises:
            Damaged: it cannot be read at all.
        """
        self.fd = fd
        self.label = label
        with reading(label):
            self.size_bytes = os.fstat(fd).st_size
            head = os.pread(fd, 6, 0)
        self.stream = next((MAGIC[it] for it in MAGIC if head.startswith(it)), None)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def blocks(self, start: int = 0) -> "Iterator[bytes]":
        """Read it to its end.

        Args:
            start: where to begin in a plain file.

        Raises:
            Damaged: it cannot be read on.
        """
        if self.stream:
            return self.unpacked(self.stream)
        return self.plain(start, BLOCK_BYTES)

    def plain(self, start: int, count: int) -> "Iterator[bytes]":
        """Read what is in the file, up to the size that it had."""
        while start < self.size_bytes:
            with reading(self.label):
                data = os.pread(self.fd, min(count, self.size_bytes - start), start)
            if not data:
                return
            start += len(data)
            yield data

    def unpacked(self, make: "Callable[[], Stream]") -> "Iterator[bytes]":
        """Read what was compressed; one compressed text may follow another."""
        stream: Stream | None = None
        for packed in self.plain(0, PACKED_BYTES):
            data = packed
            while data:
                with reading(self.label):
                    stream = stream or make()
                    text = stream.decompress(data)
                    data = stream.unused_data if stream.eof else b""
                    stream = None if stream.eof else stream
                if text:
                    yield text
        if stream:
            raise Damaged(f"unable to read all of {name(self.label)}: it ends too early")

    def first_at(self, label: bytes, zone: "Zone") -> int:
        """Find an offset, the begin of a line, before which all lines are older than a label.

        By halves: of a compressed file it is the begin.
        """
        low, high = 0, 0 if self.stream else self.size_bytes
        stamps = LatestStamps(zone)
        while high - low > BLOCK_BYTES:
            middle = (low + high) // 2
            begin, found = self.probe(middle, stamps)
            if found and found < label:
                low = begin
            else:
                high = middle
        return low

    def probe(self, start: int, stamps: LatestStamps) -> tuple[int, bytes]:
        """Find the first stamped line that begins after an offset, if there is one nearby.

        Returns:
            Where it begins, and its stamp as a label; b"" where there is none.
        """
        at = start
        for line in next(self.plain(start, PROBE_BYTES), b"").split(b"\n")[:-1]:
            found, _ = stamps.split(line)
            if found and at > start:
                return at, found
            at += len(line) + 1
        return at, b""

    def before_last(self, count: int) -> int:
        """Find the begin of a line in the last so many bytes of a plain file."""
        start = max(0, self.size_bytes - count)
        if start:
            for block in self.plain(start - 1, PROBE_BYTES):
                newline = block.find(b"\n")
                if newline >= 0:
                    return start + newline
                start += len(block)
        return start


class reading:  # noqa: N801 (it stands in a with)
    """Turns what goes wrong while a file is read into Damaged; a generator would be slower."""

    def __init__(self, label: bytes) -> None:
        self.label = label

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        """Look at what went wrong."""
        if isinstance(exc, ImportError):
            raise Damaged(f"unable to read {name(self.label)}: no zstandard installed") from None
        if isinstance(exc, (OSError, EOFError)) and getattr(exc, "errno", None):
            raise Damaged(f"unable to read {name(self.label)}") from exc
        if exc is not None and isinstance(exc, Exception) and not isinstance(exc, Fatal):
            # zlib.error, LZMAError, ZstdError and others that only their modules know
            raise Damaged(f"unable to read all of {name(self.label)}: it is damaged") from None
