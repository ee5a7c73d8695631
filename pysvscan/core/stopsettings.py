"""The table [stop] of service.toml: how a service is ended, and what is done when it has ended.

Each key has its reader, as in settings.py. Who does it: ending.py, stopping.py.
"""

from pysvscan.core.values import SettingsError, encode, read_bool, read_choice, show, show_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SECOND_NS = 1_000_000_000
LONGEST = 86400  # seconds
SIGNALS = ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "ALRM", "WINCH", "KILL")


class Stop:
    """The table [stop].

    Attributes:
        signal: what asks the service to end, one of SIGNALS.
        timeout_ns: so long after that it is killed; None: never.
        tree: what it has started ends with it.
        finish: a program that is run after each exit; None: none is.
        critical: when it has ended by itself and is not started again, svscan stops.
    """

    __slots__ = ("critical", "finish", "signal", "timeout_ns", "tree")

    def __init__(
        self,
        signal: str = "TERM",
        timeout_ns: int | None = None,
        finish: bytes | None = None,
        *,
        tree: bool = False,
        critical: bool = False,
    ) -> None:
        self.signal = signal
        self.timeout_ns = timeout_ns
        self.finish = finish
        self.tree = tree
        self.critical = critical

    def values(self) -> tuple[object, ...]:
        """List what makes two of them equal."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stop) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(self.values())


def parse(table: dict[str, object]) -> Stop:
    """Check the table [stop].

    Raises:
        SettingsError: the first thing that is wrong.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in KEYS:
            known = ", ".join(KEYS)
            raise SettingsError(f"stop.{show_key(name)}: unknown key; known are {known}")
        attribute, read = KEYS[name]
        values[attribute] = read(f"stop.{name}", value)
    return Stop(**values)


def read_signal(key: str, value: object) -> str:
    """Read a signal's name."""
    return read_choice(key, value, SIGNALS)


def read_timeout(key: str, value: object) -> int:
    """Read a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST:
        raise SettingsError(f"{key}: {show(value)} is no number from 1 to {LONGEST}")
    return value * SECOND_NS


def read_program(key: str, value: object) -> bytes:
    """Read a program's path; PATH is not searched, as it is not for ./run."""
    if not isinstance(value, str) or "/" not in value or "\0" in value:
        raise SettingsError(f"{key}: {show(value)} is no program's path, as ./finish is")
    return encode(value)


KEYS: "dict[str, tuple[str, Callable[[str, object], object]]]" = {  # attribute and reader
    "signal": ("signal", read_signal),
    "timeout": ("timeout_ns", read_timeout),
    "tree": ("tree", read_bool),
    "finish": ("finish", read_program),
    "critical": ("critical", read_bool),
}
