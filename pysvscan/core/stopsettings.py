"""The table [stop] of service.toml: how a service is ended, and what is done when it has ended.

Each key has its reader, as in settings.py. Who does it: ending.py, stopping.py.
"""

import functools
from typing import NamedTuple

from pysvscan.core.values import (
    SettingsError,
    encode,
    read_bool,
    read_choice,
    read_keys,
    read_seconds,
    show,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.values import Keys

SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "ALRM", "WINCH", "KILL")


class Stop(NamedTuple):
    """The table [stop].

    Attributes:
        signal: what asks the service to end, one of SIGNALS.
        timeout_ns: so long after that it is killed; None: never.
        tree: what it has started ends with it.
        finish: a program that is run after each exit; None: none is.
        critical: when it has ended by itself and is not started again, svscan stops.
    """

    signal: str = "TERM"
    timeout_ns: int | None = None
    finish: bytes | None = None
    tree: bool = False
    critical: bool = False


def parse(table: dict[str, object]) -> Stop:
    """Check the table [stop].

    Raises:
        SettingsError: the first thing that is wrong.
    """
    return Stop(**read_keys("stop", table, KEYS))


def read_program(key: str, value: object) -> bytes:
    """Read a program's path; PATH is not searched, as it is not for ./run."""
    if not isinstance(value, str) or "/" not in value or "\0" in value:
        raise SettingsError(f"{key}: {show(value)} is no program's path, as ./finish is")
    return encode(value)


KEYS: "Keys" = {
    "signal": ("signal", functools.partial(read_choice, choices=SIGNALS)),
    "timeout": ("timeout_ns", read_seconds),
    "tree": ("tree", read_bool),
    "finish": ("finish", read_program),
    "critical": ("critical", read_bool),
}
