"""readproctitle TEXT… DOTS: show what comes in at the end of the command line, for ps to see.

Source: daemontools 0.76 readproctitle.c.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

LEAD = b"..."  # never moves: a sign that more was said


def main(argv: list[bytes], chain: "Chain") -> int:
    """Shift standard input into the last argument, from the right, until its end."""
    if len(argv) < 2 or len(argv[-1]) < 5:
        return 100
    room = len(argv[-1]) - len(LEAD)
    title = b"." * room
    try:
        memory, where = last_argument(len(argv[-1]))
    except PermissionError:
        if os.path.basename(sys.argv[0]) != "readproctitle":
            chain.execute(
                [b"readproctitle", *argv[1:]]
            )  # after setuidgid in one process the kernel lets only root see it
        return 111
    try:
        os.pwrite(memory, LEAD + title, where)
        while chunk := os.read(0, 65536):
            title = (title + chunk.replace(b"\0", b""))[-room:]
            os.pwrite(memory, LEAD + title, where)
    except OSError:
        return 111
    return 0


def last_argument(size: int) -> tuple[int, int]:
    """Open our own memory, and say where the last argument is in it."""
    memory = os.open(b"/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    with open("/proc/self/stat", "rb", buffering=0) as file:
        fields = file.read().rpartition(b")")[2].split()
    return memory, int(fields[46]) - 1 - size  # arg_end, field 49 of 52
