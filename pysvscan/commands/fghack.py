"""fghack CHILD…: wait for a daemon that puts itself into the background.

It keeps the write end of a pipe without knowing it: 30 more descriptors, of which it will not close
each one. The end of file says that it is dead. Source: daemontools 0.76 fghack.c.
"""

import fcntl
import os

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

COPIES = 30


def main(argv: list[bytes], chain: "Chain") -> int:
    """Run the child, and end when all that it started has ended, with the child's own code."""
    if len(argv) < 2:
        raise strerr.Usage("fghack child")
    try:
        reader, writer = os.pipe()
    except OSError as exc:
        raise strerr.Fatal("unable to create pipe") from exc
    try:
        child = os.fork()
    except OSError as exc:
        raise strerr.Fatal("unable to fork") from exc
    if child == 0:
        os.close(reader)
        spread(writer)
        chain.run(argv[1:])
    os.close(writer)
    while os.read(reader, 512):
        pass
    try:
        _, status = os.waitpid(child, 0)
    except OSError as exc:
        raise strerr.Fatal("wait failed") from exc
    if os.WIFSIGNALED(status):
        raise strerr.Fatal("child crashed")
    return os.WEXITSTATUS(status)


def spread(writer: int) -> None:
    """Make the child inherit a descriptor, and copies of it as far as there is room."""
    os.set_inheritable(writer, True)
    for _ in range(COPIES):
        try:
            fcntl.fcntl(writer, fcntl.F_DUPFD, 0)
        except OSError:
            return
