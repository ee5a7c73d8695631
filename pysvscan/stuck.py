"""What a log's system calls say when they fail: a way to go on, or not to begin.

Source: daemontools 0.76 multilog.c pause3(), strerr_die.
"""

from pysvscan import strerr


class Stuck(Exception):
    """A step failed: "unable to VERB OBJECT, pausing"; the next advance() takes it again."""


class Left(Stuck):
    """A step failed that nobody waits for, and is left: the log itself goes on at once."""


class pausing:  # noqa: N801 (verbs, as they are read; generators would take ten times as long)
    """Turn a failed system call into Stuck."""

    __slots__ = ("message", "names")

    def __init__(self, message: str, *names: bytes) -> None:
        """Begin; where names are given they go into the message, and are decoded only then."""
        self.message = message
        self.names = names

    def __enter__(self) -> None:
        """Begin the system call."""

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        """End it."""
        if isinstance(exc, OSError):
            names = [strerr.name(name) for name in self.names]
            message = self.message.format(*names) if names else self.message
            raise Stuck(f"{message}, pausing") from exc


class dying:  # noqa: N801
    """Turn a failed system call of the start into Fatal."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    def __enter__(self) -> None:
        """Begin the system call."""

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        """End it."""
        if isinstance(exc, OSError):
            raise strerr.Fatal(self.message) from exc


class ignoring:  # noqa: N801
    """Let a system call fail; contextlib's import would be a tenth of multilog's start."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin the system call."""

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> bool:
        """End it."""
        return isinstance(exc, OSError)
