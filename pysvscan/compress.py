"""python -I -m pysvscan.compress METHOD: descriptor 0 to descriptor 1, for the logger's compressor.

A process of its own, at low priority: the logger compresses nothing itself. It says nothing either:
the exit code tells the logger why it failed, which says that once, not at each archive.
"""

import os
import sys
import zlib

from pysvscan.keeping import MISSING

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
    import zstandard

    stream: Stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream


METHODS: "dict[str, Callable[[], Stream]]" = {"gzip": gzip, "zstd": zstd}


def copy(stream: "Stream") -> None:
    """Compress all of descriptor 0 into descriptor 1.

    Raises:
        OSError: it cannot be read or written.
    """
    data = b"first"
    while data:
        data = os.read(0, CHUNK_BYTES)
        write(stream.compress(data) if data else stream.flush())


def write(data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Compress, and exit as compressor.reason knows if that is impossible."""
    os.nice(19)
    try:
        copy(METHODS[sys.argv[1]]())
    except ImportError:
        sys.exit(MISSING)
    except OSError as exc:
        sys.exit(MISSING + (exc.errno or 1))


if __name__ == "__main__":
    main()
