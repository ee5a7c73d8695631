"""python -I -m pysvscan.compress METHOD: descriptor 0 to descriptor 1, for the logger's compressor.

A process of its own, at low priority: the logger compresses nothing itself.
"""

import os
import sys
import zlib

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Stream(Protocol):
        """What both libraries have."""

        def compress(self, data: bytes, /) -> bytes:
            """Take more; returns what is ready."""

        def flush(self) -> bytes:
            """End; returns the rest."""


CHUNK_BYTES = 1 << 17
GZIP_WBITS = 31  # zlib's way of asking for a gzip header and trailer


def gzip() -> "Stream":
    """Compress as gzip does."""
    return zlib.compressobj(wbits=GZIP_WBITS)


def zstd() -> "Stream":
    """Compress as zstd does, with the library of the extra `zstd`."""
    try:
        import zstandard
    except ImportError as exc:
        raise strerr.Fatal("unable to import zstandard") from exc
    stream: Stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream


METHODS: "dict[str, Callable[[], Stream]]" = {"gzip": gzip, "zstd": zstd}


def copy(stream: "Stream") -> None:
    """Compress all of descriptor 0 into descriptor 1.

    Raises:
        strerr.Fatal: it cannot be read or written.
    """
    data = b"first"
    while data:
        try:
            data = os.read(0, CHUNK_BYTES)
        except OSError as exc:
            raise strerr.Fatal("unable to read") from exc
        write(stream.compress(data) if data else stream.flush())


def write(data: bytes) -> None:
    """Write all of it."""
    while data:
        try:
            data = data[os.write(1, data) :]
        except OSError as exc:
            raise strerr.Fatal("unable to write") from exc


def main() -> None:
    """Compress, and exit with 111 if that is impossible."""
    os.nice(19)
    try:
        copy(METHODS[sys.argv[1]]())
    except strerr.Fatal as exc:
        strerr.write(strerr.line("compress", exc.label, str(exc), exc.__cause__))
        sys.exit(exc.code)


if __name__ == "__main__":
    main()
