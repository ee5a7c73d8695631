"""What a log's system calls say when they fail: a way to go on, or not to begin.

Source: daemontools 0.76 multilog.c pause3(), strerr_die.
"""

import contextlib

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Stuck(Exception):
    """A step failed: "unable to VERB OBJECT, pausing"; the next advance() takes it again."""


class Left(Stuck):
    """A step failed that nobody waits for, and is left: the log itself goes on at once."""


@contextlib.contextmanager
def pausing(message: str) -> "Iterator[None]":
    """Turn a failed system call into Stuck."""
    try:
        yield
    except OSError as exc:
        raise Stuck(f"{message}, pausing") from exc


@contextlib.contextmanager
def dying(message: str) -> "Iterator[None]":
    """Turn a failed system call of the start into Fatal."""
    try:
        yield
    except OSError as exc:
        raise strerr.Fatal(message) from exc
