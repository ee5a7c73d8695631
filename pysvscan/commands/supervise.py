"""supervise DIR: keep one service running. Source: daemontools 0.76 supervise.c."""

import os
import time

from pysvscan import strerr
from pysvscan.core.seldom import Seldom
from pysvscan.entrysettings import EntrySettings
from pysvscan.inherited import Inherited
from pysvscan.loop import Loop
from pysvscan.pathexec import Chain
from pysvscan.starter import Starter
from pysvscan.supervise import Supervise


def main(argv: list[bytes], chain: Chain) -> int:
    """Supervise until `x`; any signal but SIGCHLD ends this, and leaves the service running."""
    if len(argv) != 2:
        raise strerr.Usage("supervise dir")
    inherited = Inherited(chain.env, chain.ignored, chain.limits)
    try:
        os.chdir(label := argv[1])
        directory = os.open(b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {strerr.name(label)}") from exc
    starter = Starter(loop := Loop(), inherited)
    service = Supervise(loop, starter, Printed().report, directory, label)
    settings = EntrySettings(directory, {})
    service.on_start = lambda: prepare(service, settings)
    service.open()
    look(service, settings)
    service.on_change = lambda: loop.stop() if service.is_gone() else None
    service.begin()
    starter.prepare()
    if not service.is_gone():
        loop.run()
    starter.close()
    return 0


def prepare(service: Supervise, settings: EntrySettings) -> None:
    """Have [run], [restart] and [stop] of service.toml as they are now."""
    look(service, settings)
    service.run = settings.run()


def look(service: Supervise, settings: EntrySettings) -> None:
    """Read service.toml if it has changed; where it is wrong, what it said before goes on."""
    if settings.look():
        try:
            settings.read(service.label)
        except strerr.Fatal as exc:
            service.report("warning", str(exc), exc.__cause__)
    service.restart = settings.settings.restart
    service.ending.follow(settings.settings.stop)


class Printed:
    """Prints lines of this service's, the same one only seldom."""

    def __init__(self) -> None:
        self.seldom = Seldom()

    def report(self, label: str, message: str, cause: BaseException | None) -> None:
        """Print a line."""
        line = strerr.line("supervise", label, message, cause)
        if self.seldom.is_due(strerr.name(line), time.monotonic_ns()):
            strerr.write(line)
