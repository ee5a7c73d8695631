"""The table [restart] of service.toml: how long a service that dies young waits for its next start.

Each key has its reader, as in settings.py. What follows from the values: restart.py.
"""

from pysvscan.core.values import SettingsError, show, show_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECOND_NS = 1_000_000_000
LONGEST = 86400  # seconds, or tries


class Restart:
    """The table [restart].

    Attributes:
        max_ns: the delay does not grow beyond this.
        healthy_ns: who has lived so long did not die young.
        tries: after so many young deaths in a row it is given up; None: never.
    """

    __slots__ = ("healthy_ns", "max_ns", "tries")

    def __init__(
        self,
        max_ns: int = 60 * SECOND_NS,
        healthy_ns: int = 10 * SECOND_NS,
        tries: int | None = None,
    ) -> None:
        self.max_ns = max_ns
        self.healthy_ns = healthy_ns
        self.tries = tries

    def values(self) -> tuple[int | None, ...]:
        """List what makes two of them equal."""
        return (self.max_ns, self.healthy_ns, self.tries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Restart) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(self.values())


def parse(table: dict[str, object]) -> Restart:
    """Check the table [restart].

    Raises:
        SettingsError: the first thing that is wrong.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in KEYS:
            known = ", ".join(KEYS)
            raise SettingsError(f"restart.{show_key(name)}: unknown key; known are {known}")
        attribute, unit = KEYS[name]
        values[attribute] = read_number(f"restart.{name}", value) * unit
    return Restart(**values)


def read_number(key: str, value: object) -> int:
    """Read a number of seconds, or of tries."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST:
        raise SettingsError(f"{key}: {show(value)} is no number from 1 to {LONGEST}")
    return value


KEYS = {  # attribute, and what the number is multiplied by
    "max": ("max_ns", SECOND_NS),
    "healthy": ("healthy_ns", SECOND_NS),
    "tries": ("tries", 1),
}
