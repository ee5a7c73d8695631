"""pgrphack CHILD…: run a program in a session of its own. Source: daemontools 0.76 pgrphack.c."""

import os

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Begin a session and its group, and run the child; who leads a group already, stays so."""
    if len(argv) < 2:
        raise strerr.Usage("pgrphack child")
    try:  # noqa: SIM105 (contextlib would cost an import)
        os.setsid()
    except PermissionError:
        pass
    chain.run(argv[1:])
