"""supervise DIR: keep one service running. Source: daemontools 0.76 supervise.c."""

import os

from pysvscan import strerr
from pysvscan.loop import Loop
from pysvscan.pathexec import Chain
from pysvscan.starter import Inherited, Starter
from pysvscan.supervise import Supervise


def main(argv: list[bytes], chain: Chain) -> int:
    """Supervise until `x`; any signal but SIGCHLD ends this, and leaves the service running."""
    if len(argv) != 2:
        raise strerr.Usage("supervise dir")
    inherited = Inherited(chain.env, chain.ignored)
    label = argv[1]
    try:
        directory = os.open(label, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {strerr.name(label)}") from exc
    loop = Loop()
    starter = Starter(loop, inherited)
    service = Supervise(loop, starter, report, directory, label)
    service.open()
    service.on_change = lambda: loop.stop() if service.is_gone() else None
    service.begin()
    starter.prepare()
    if not service.is_gone():
        loop.run()
    starter.close()
    return 0


def report(label: str, message: str, cause: BaseException | None) -> None:
    """Print a line of this service's."""
    strerr.write(strerr.line("supervise", label, message, cause))
