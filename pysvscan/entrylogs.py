"""Which log a service has, by its settings and its directory: built-in, a `log/run`, or none."""

import contextlib
import os
from typing import TYPE_CHECKING

from pysvscan import strerr
from pysvscan.core.settings import Log
from pysvscan.entrylog import EntryLog
from pysvscan.entrysettings import EntrySettings

if TYPE_CHECKING:
    from pysvscan.entry import Entry

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Logs:
    """The log of an entry: what it is to be, and how it becomes that.

    Attributes:
        entry: which has the log that there is, `log`.
        current: the service's settings.
        directory: of SERVICE/log; -1: not opened yet.
        is_runless: that has no run, as we said already.
    """

    def __init__(self, entry: "Entry") -> None:
        self.entry = entry
        self.scan = entry.scan
        self.current = EntrySettings(entry.directory, entry.scan.settings)
        self.directory = -1
        self.is_runless = False

    def read_settings(self) -> None:
        """Read service.toml if it has changed, and watch for more of that."""
        if self.current.look():
            self.read_settings_again()
        if self.current.has_file():
            self.entry.watched.add(self.entry.directory)

    def read_settings_again(self) -> None:
        """Read service.toml; where it is wrong, what it said before goes on."""
        try:
            self.current.read(self.entry.label)
        except strerr.Fatal as exc:
            say = self.scan.say_seldom if self.current.is_unread else self.scan.log.say
            say("svscan", "warning", str(exc), exc.__cause__)
        self.follow_settings()

    def follow_settings(self) -> None:
        """Have the log be what the settings ask for, if it runs already."""
        wanted, log = self.current.settings.log, self.entry.log
        if self.scan.is_stopping or log is None:
            return
        if isinstance(log, EntryLog):
            if wanted:
                log.follow(wanted)
            elif not self.current.is_bad:
                log.retire()
        elif wanted:
            for byte in b"dx":
                log.feed(byte)

    def wants_pipe(self) -> bool:
        """Say whether there is a log."""
        return self.current.settings.log is not None or exists(b"log", self.entry.directory)

    def wants_stderr(self) -> bool:
        """Say whether the log takes the service's stderr as well."""
        wanted = self.current.settings.log
        return wanted is not None and wanted.stderr

    def take(self) -> None:
        """Have the log that the settings ask for; none if that cannot be: each look tries again."""
        wanted = self.current.settings.log
        if not self.open_directory():
            return
        if wanted:
            self.take_built_in(wanted)
            return
        if self.current.failure and not exists(b"run", self.directory):
            return  # it may be of a [log] that is wrong, which is said
        log = self.entry.open(self.directory, self.entry.label + b"/log")
        if log:
            self.entry.log = log
            log.stdin = self.entry.pipe
            log.begin()

    def take_built_in(self, settings: Log) -> None:
        """Have a built-in log."""
        label = self.entry.label + b"/log"
        if not self.is_runless and not exists(b"run", self.directory):
            self.is_runless = True
            message = f"{strerr.name(label)} has no run, which C svscan needs"
            self.scan.log.say("svscan", "warning", message)
        log = EntryLog(self.entry, self.directory, label, settings)
        try:
            log.open()
        except strerr.Fatal as exc:
            self.entry.report("fatal", str(exc), exc.__cause__)
        else:
            self.entry.log = log

    def open_directory(self) -> bool:
        """Open `log`, which may be another one than last time; made for a built-in log."""
        self.close()
        if self.current.settings.log:
            with contextlib.suppress(OSError):
                os.mkdir(b"log", 0o755, dir_fd=self.entry.directory)
        try:
            self.directory = os.open(b"log", DIRECTORY, dir_fd=self.entry.directory)
        except OSError as exc:
            message = f"unable to chdir to {strerr.name(self.entry.label)}/log"
            self.entry.report("fatal", message, exc)
        return self.directory >= 0

    def end_if_gone(self) -> None:
        """End a built-in log, which no `x` can, when its service was given up and is not listed."""
        entry = self.entry
        if not entry.names and entry.main is None and isinstance(entry.log, EntryLog):
            entry.log.drain()

    def ended(self) -> None:
        """Take note that a built-in log has ended: for good, or for a classic one to follow."""
        self.entry.log = None
        if self.scan.is_stopping:
            self.scan.stopping.end_log(self.entry)
        else:
            self.entry.look_in(0)

    def close(self) -> None:
        """Let go of the directory."""
        if self.directory >= 0:
            self.entry.watched.remove(self.directory)
            os.close(self.directory)
            self.directory = -1


def exists(name: bytes, directory: int) -> bool:
    """Say whether a name exists, as C's stat does."""
    try:
        os.stat(name, dir_fd=directory)
    except OSError:
        return False
    return True
