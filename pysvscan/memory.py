"""Keeps memory that is freed and wanted again with each read.

The C library gives a block above 128 kB back to the kernel when it is freed, and the end of the
heap as well, and the kernel must fill each of its pages with zeros before the next read gets them.
glibc raises both limits, to this size and twice that, when a block of this size is freed. It was
never touched, so it costs nothing; other libraries have other rules, and take no harm.
"""

KEPT_BYTES = 1 << 20  # what lines of 4 bytes, read in chunks of 64 kB, need with their stamps


def keep() -> None:
    """Let the C library keep blocks of up to KEPT_BYTES for the next use."""
    bytes(KEPT_BYTES)
