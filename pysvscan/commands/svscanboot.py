"""svscanboot [DIR]: what init starts: svscan, again and again, its errors shown by readproctitle.

Unlike daemontools 0.76's it does not begin with `svc -dx`: the next svscan takes over what runs.
"""

import os
import signal

from pysvscan import respawn, scandirectory, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
TITLE = [b"readproctitle", b"service", b"errors:", b"." * 400]


def main(argv: list[bytes], chain: "Chain") -> int:
    """Keep svscan running until TERM, with a readproctitle, and nothing of whoever started us."""
    if len(argv) > 2:
        raise strerr.Usage("svscanboot [dir]")
    directory = argv[1] if len(argv) == 2 else scandirectory.usual()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, respawn.HEARD)
    for number in respawn.HEARD:
        signal.signal(number, signal.SIG_DFL)  # ignored, it would be by svscan, too
    null = os.open(b"/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    chain.env = {b"PATH": PATH}
    reader, writer = os.pipe()  # we keep the reader: with no readproctitle, services wait
    mouth = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)

    def start(argv: list[bytes], streams: tuple[int, ...]) -> int:
        if pid := os.fork():
            return pid
        try:
            become(argv, streams, chain, mask)
        except strerr.Fatal as exc:
            strerr.write(strerr.line("svscanboot", exc.label, str(exc), exc.__cause__))
        finally:  # nothing may return into the parent's code
            os._exit(111)

    def say(message: str, cause: BaseException | None) -> None:
        strerr.write(strerr.line("svscanboot", "warning", message, cause), mouth)

    return respawn.Respawn(
        lambda: start([b"svscan", directory], (null, writer, writer)),
        lambda: start(TITLE, (reader, null, null)),
        say,
    ).run()


def become(argv: list[bytes], streams: tuple[int, ...], chain: "Chain", mask: set[int]) -> None:
    """In the child: be one of our commands, in a session of its own."""
    os.setsid()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    chain.execute(argv)
