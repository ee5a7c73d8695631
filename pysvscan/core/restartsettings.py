"""The table [restart] of service.toml: how long a service that dies young waits for its next start.

Each key has its reader, as in settings.py. What follows from the values: restart.py.
"""

import functools
from typing import NamedTuple

from pysvscan.core.tai import SECOND_NS
from pysvscan.core.values import read_keys, read_number, read_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.values import Keys

TRIES = range(1, 86401)


class Restart(NamedTuple):
    """The table [restart].

    Attributes:
        max_ns: the delay does not grow beyond this.
        healthy_ns: who has lived so long did not die young.
        tries: after so many young deaths in a row it is given up; None: never.
    """

    max_ns: int = 60 * SECOND_NS
    healthy_ns: int = 10 * SECOND_NS
    tries: int | None = None


def parse(table: dict[str, object]) -> Restart:
    """Check the table [restart].

    Raises:
        SettingsError: the first thing that is wrong.
    """
    return Restart(**read_keys("restart", table, KEYS))


KEYS: "Keys" = {
    "max": ("max_ns", read_seconds),
    "healthy": ("healthy_ns", read_seconds),
    "tries": ("tries", functools.partial(read_number, allowed=TRIES)),
}
