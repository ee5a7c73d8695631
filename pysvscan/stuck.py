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


class pausing:  # noqa: N801 (a verb, as it is read; a generator would take ten times as long)
    """Turn a failed system call into Stuck."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    def __enter__(self) -> None:
        """Begin the system call."""

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        """End it."""
        if isinstance(exc, OSError):
            raise Stuck(f"{self.message}, pausing") from exc


@contextlib.contextmanager
def dying(message: str) -> "Iterator[None]":
    """Turn a failed system call of the start into Fatal."""
    try:
        yield
    except OSError as exc:
        raise strerr.Fatal(message) from exc
