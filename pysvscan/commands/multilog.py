"""multilog ACTION…: log descriptor 0, see core/script.py. Source: daemontools 0.76 multilog.c."""

import os
import resource

from pysvscan import lines, pathexec, strerr
from pysvscan.core import script
from pysvscan.multilog import Multilog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

# An interpreter does not fit into what a C program is given.
IGNORED = {
    resource.RLIMIT_AS: "address space",
    resource.RLIMIT_DATA: "data",
    resource.RLIMIT_MEMLOCK: "locked memory",
    resource.RLIMIT_STACK: "stack",
}


def main(argv: list[bytes], chain: "Chain") -> int:
    """Log until the end of input or TERM."""
    os.umask(0o022)
    fill_descriptors()
    apply_limits(chain)
    parsed = script.parse(argv[1:], lines.Selection)
    for word in parsed.ignored:
        strerr.warn("multilog", f"ignoring unknown action {strerr.name(word)}")
    return Multilog(parsed).run(chain)


def fill_descriptors() -> None:
    """Open what was closed of 0, 1 and 2, so that no file of ours gets these numbers."""
    while True:
        fd = os.open(b"/dev/null", os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return


def apply_limits(chain: "Chain") -> None:
    """Apply softlimit's limits but those on memory; a processor gets them all."""
    pathexec.set_limits([limit for limit in chain.limits if limit[0] not in IGNORED])
    names = [IGNORED[which] for which, _ in chain.limits if which in IGNORED]
    if names:
        strerr.warn("multilog", f"ignoring softlimit on {', '.join(names)}")
