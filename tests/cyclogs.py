"""For tests of log directories: open one, work until it is idle, and read what is in it."""

import errno
import gzip
import os
import select
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pysvscan import (
    archives,
    child,
    compressor,
    current,
    cyclog,
    logdir,
    pathexec,
    processor,
    recovery,
    strand,
)
from pysvscan import sync as sync_module
from pysvscan.core import script
from pysvscan.keeping import Keeping
from pysvscan.outlets import Outlets
from pysvscan.stuck import Stuck
from pysvscan.sync import Sync

LINES = b"".join(b"%06d\n" % number for number in range(1000))
HARMLESS = (
    "WIFSIGNALED",
    "close",
    "eventfd",
    "eventfd_read",
    "eventfd_write",
    "fsencode",
    "fstat",
    "getpid",
    "stat_result",
)
MODULES: tuple[ModuleType, ...] = (
    archives,
    child,
    compressor,
    current,
    logdir,
    processor,
    recovery,
    strand,
    sync_module,
)
PATIENCE_S = 60  # reached only where something hangs


def opened(
    path: Path,
    size: int = 4096,
    count: int = 99,
    processor: bytes | None = None,
    keeping: Keeping | None = None,
    sync: Sync | None = None,
) -> cyclog.Cyclog:
    """Open a directory."""
    chain = pathexec.Chain({b"PATH": b"/usr/bin:/bin"})
    return cyclog.Cyclog(os.fsencode(path), size, count, processor, chain, keeping, sync)


def wait(log: cyclog.Cyclog) -> None:
    """Wait for what a log waits for, as a loop would."""
    if log.pid:
        log.reaped(os.waitpid(log.pid, 0)[1])
    elif log.strand.syncer and log.is_waiting():
        assert select.select([log.strand.syncer.fd], [], [], PATIENCE_S)[0]
        log.strand.syncer.collect()


def work(log: cyclog.Cyclog) -> list[str]:
    """Advance until nothing is left to do; returns what failed on the way."""
    failures: list[str] = []
    while log.is_busy():
        try:
            log.advance()
        except Stuck as exc:
            failures.append(str(exc))
            assert len(failures) < 10, failures
        wait(log)
    return failures


def names(path: Path) -> list[Path]:
    """List the archives, oldest first."""
    return sorted(path.glob("@*"))


def content(path: Path) -> bytes:
    """Read a file, compressed or not."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def text(path: Path) -> bytes:
    """Join archives and current."""
    return b"".join(map(content, [*names(path), path / "current"]))


class Opener:
    """Opens a log that is open already, for Outlets."""

    def __init__(self, log: cyclog.Cyclog) -> None:
        self.log = log

    def open_log(self, _index: int) -> cyclog.Cyclog:
        """Give it."""
        return self.log


def outlets(log: cyclog.Cyclog, said: list[str]) -> Outlets:
    """Have the logger's part work on a log; what it says goes into a list."""
    opener: Any = Opener(log)
    return Outlets(script.parse([b"./d"]), opener, lambda message, _: said.append(message))


def use_gzip(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Compress with the program gzip, which starts sooner than an interpreter."""
    program = path / "gzip"
    program.write_text("#!/bin/sh\nexec gzip -c\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


class FailingOs:
    """The module os, whose calls fail where a test wants it.

    Attributes:
        nth: this call fails, counted from 1; 0: none.
        failing: calls with these names fail.
        number: with this errno.
        failed: the name of the call that failed last.
        calls: the names of all calls, in their order.
    """

    def __init__(self, nth: int = 0, failing: Iterable[str] = (), number: int = errno.EIO) -> None:
        self.nth = nth
        self.failing = set(failing)
        self.number = number
        self.failed = ""
        self.calls: list[str] = []
        self.pid = os.getpid()  # the calls of a child do not count

    def __getattr__(self, name: str) -> Any:
        """Return a name of os; a function is counted when it is called."""
        value = getattr(os, name)
        return self.counted(name, value) if callable(value) and name not in HARMLESS else value

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.nth -= os.getpid() == self.pid
            self.calls.append(name)
            if name in self.failing or (not self.nth and not self.failed):
                self.failed = name
                raise OSError(self.number, "")
            return function(*args, **kwargs)

        return call

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> "FailingOs":
        """Take the place of os in all modules that work on log directories."""
        for module in MODULES:
            monkeypatch.setattr(module, "os", self)
        return self
