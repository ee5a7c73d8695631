"""tai64n: put a TAI64N label before each line. Source: daemontools 0.76 tai64n.c."""

import os
from time import time_ns

from pysvscan.core import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pysvscan.pathexec import Chain


def main(_argv: list[bytes], _chain: "Chain") -> int:
    """Label what comes from stdin."""
    stamper = Stamper()
    return copy(lambda chunk: stamper.stamp(chunk, time_ns()))


def copy(convert: "Callable[[bytes], bytes]") -> int:
    """Pass stdin to stdout, each read at once; a failure is 111 without a word, as in C."""
    try:
        while chunk := os.read(0, 65536):
            data = convert(chunk)
            while data:
                data = data[os.write(1, data) :]
    except OSError:
        return 111
    return 0


class Stamper:
    """Labels a line when its first byte is read; lines of one read share a label."""

    def __init__(self) -> None:
        self.begun = False  # the line at hand has its label

    def stamp(self, chunk: bytes, now_ns: int) -> bytes:
        """Label the lines that begin in this chunk."""
        label = tai.label(now_ns) + b" "
        ended = chunk.endswith(b"\n")
        lines = chunk.removesuffix(b"\n").replace(b"\n", b"\n" + label)
        begun, self.begun = self.begun, not ended
        return (b"" if begun else label) + lines + (b"\n" if ended else b"")
