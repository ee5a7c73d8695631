"""What a log directory does beyond multilog's ways: as service.toml's [log] says it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MISSING = 100  # what a compressor exits with where there is no library; above it, an errno
SUFFIXES = {"gzip": b".gz", "zstd": b".zst"}


def no_stamp() -> bytes:
    """Stamp nothing."""
    return b""


class Keeping:
    """What is kept, and how; without arguments it is what multilog does.

    Attributes:
        full: what to do where nothing can be written: "block"; "drop-archives", the oldest, where
            the disk is full; "drop-lines", as long as it lasts.
        compress: how to compress archives, "gzip" or "zstd"; None means not.
        max_age_ns: older archives go, one with each rotation, but for the last two; None: none.
        stamp: returns what a line of our own begins with, such as a TAI64N label and a space.
    """

    __slots__ = ("compress", "full", "max_age_ns", "stamp")

    def __init__(
        self,
        full: str = "block",
        compress: str | None = None,
        max_age_ns: int | None = None,
        stamp: "Callable[[], bytes]" = no_stamp,
    ) -> None:
        self.full = full
        self.compress = compress
        self.max_age_ns = max_age_ns
        self.stamp = stamp
