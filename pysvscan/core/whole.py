"""Scripts by which every line passes as it is: no copy of what was read is needed. Pure."""

from pysvscan.core.script import Pipe, Script
from pysvscan.core.selection import SHOWN_BYTES
from pysvscan.core.stamp import nothing


def is_whole(script: Script) -> bool:
    """Say whether a script only writes, and writes all, without a stamp."""
    if script.stamp is not nothing or script.files or script.alerting:
        return False
    return all(script.selections[which].ready == (True, []) for which, _ in script.writing)


def passing(script: Script, pipe: Pipe, buffer: bytearray, size_bytes: int) -> memoryview:
    """Put the unfinished line before what was read; give what is to be written by now.

    Args:
        script: one that is whole.
        pipe: what `Script.feed` would get; changed as by that.
        buffer: what was read, from SHOWN_BYTES on.
        size_bytes: how much that is.

    Returns:
        A part of the buffer.
    """
    start, stop = SHOWN_BYTES - len(pipe.line), SHOWN_BYTES + size_bytes
    buffer[start:SHOWN_BYTES] = pipe.line
    end = buffer.rfind(b"\n", SHOWN_BYTES, stop) + 1
    if not end and pipe.kept is not None:
        return memoryview(buffer)[start:stop]
    end = end or start
    pipe.line, pipe.kept = b"", None
    if stop - end < SHOWN_BYTES:
        pipe.line = bytes(memoryview(buffer)[end:stop])
        return memoryview(buffer)[start:end]
    pipe.kept = [True] * len(script.selections)  # the rest of the line passes as it comes
    return memoryview(buffer)[start:stop]
