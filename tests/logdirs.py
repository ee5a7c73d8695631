"""Log directories made by hand, for tests of what reads them."""

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard

from pysvscan.core import stamp, tai

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
SECOND_NS = 10**9


def stamped(lines: Sequence[tuple[int, bytes]], action: bytes = b"t") -> list[bytes]:
    """Write lines with their stamps, as multilog does."""
    write = stamp.of(action, stamp.utc)
    return [write(now_ns) + text + b"\n" for now_ns, text in lines]


def make(path: Path, parts: Sequence[tuple[int, bytes, str]], current: bytes = b"") -> Path:
    """Make a log directory.

    Args:
        path: where.
        parts: archives: when each ended, what is in it, and how it was compressed.
        current: what is in the file being written.
    """
    path.mkdir(parents=True)
    for end_ns, data, suffix in parts:
        (path / f"{name(end_ns)}.s{suffix}").write_bytes(PACK[suffix](data))
    (path / "current").write_bytes(current)
    return path


def name(end_ns: int) -> str:
    """Name an archive, without its suffix."""
    return os.fsdecode(tai.label(end_ns))
