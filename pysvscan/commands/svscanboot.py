"""svscanboot [DIR]: what init starts: svscan, its errors shown by readproctitle.

Unlike 0.76's it does not begin with `svc -dx`: services that outlived their svscan run on, and the
new one takes them over. Source: daemontools 0.76 svscanboot.
"""

import os

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
DIRECTORIES = (b"/service", b"/etc/service")  # Bernstein's, Debian's


def main(argv: list[bytes], chain: "Chain") -> int:
    """Become svscan, with a readproctitle beside it, and nothing of whoever started us."""
    if len(argv) > 2:
        raise strerr.Usage("svscanboot [dir]")
    directory = argv[1] if len(argv) == 2 else scan_directory()
    null = os.open(b"/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    chain.env = {b"PATH": PATH}
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.dup2(reader, 0)
        chain.execute([b"readproctitle", b"service", b"errors:", b"." * 400])
    for fd in (1, 2):
        os.dup2(writer, fd)
    try:  # noqa: SIM105 (contextlib would cost an import)
        os.setsid()
    except PermissionError:  # init made us a leader already
        pass
    chain.execute([b"svscan", directory])


def scan_directory() -> bytes:
    """Give the first of the usual scan directories that is there, or else the first."""
    return next((path for path in DIRECTORIES if os.path.isdir(path)), DIRECTORIES[0])
