"""The table [run] of service.toml: what ./run gets other than svscan has it.

Each key has its reader, as in settings.py. What only the system knows, whether there is such an
account or directory, comes out at the start.
"""

import functools
import re
from typing import NamedTuple

from pysvscan.core.values import (
    SettingsError,
    encode,
    read_account,
    read_bool,
    read_keys,
    read_number,
    show,
    show_key,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.values import Keys

Environment = bytes | tuple[tuple[bytes, bytes | None], ...]

LIMITS = {  # softlimit's options, by the names that its usage gives their values
    "allbytes": b"a",
    "corebytes": b"c",
    "databytes": b"d",
    "filebytes": b"f",
    "lockbytes": b"l",
    "membytes": b"m",
    "openfiles": b"o",
    "processes": b"p",
    "residentbytes": b"r",
    "stackbytes": b"s",
    "cpusecs": b"t",
}
LETTERS = {letter.decode(): letter for letter in LIMITS.values()}
HARD = 2**64 - 1  # clamped as every other number, it comes out as the hard limit
UMASK = re.compile("[0-7]{1,4}", re.ASCII)
NICE = range(-20, 20)


class Run(NamedTuple):
    """The table [run].

    Attributes:
        user: the account that ./run gets, with its group and no other; None: as svscan.
        environment: a directory as for envdir, or variables, None unsets; None: as svscan's.
        limits: (letter of softlimit, soft limit), in order.
        session: a session of its own, as by pgrphack.
        directory: where ./run begins; None: in the service directory.
        umask: None: as svscan's.
        nice: None: as svscan's.
    """

    user: str | None = None
    environment: Environment | None = None
    limits: tuple[tuple[bytes, int], ...] = ()
    session: bool = False
    directory: bytes | None = None
    umask: int | None = None
    nice: int | None = None


def parse(table: dict[str, object]) -> Run:
    """Check the table [run].

    Raises:
        SettingsError: the first thing that is wrong.
    """
    return Run(**read_keys("run", table, KEYS))


def read_environment(key: str, value: object) -> Environment:
    """Read the name of a directory, or a table of variables."""
    if isinstance(value, str):
        return read_directory(key, value)
    if not isinstance(value, dict):
        raise SettingsError(f"{key}: {show(value)} is neither a directory nor a table")
    return tuple(read_variable(key, name, value[name]) for name in value)


def read_variable(key: str, name: str, value: object) -> tuple[bytes, bytes | None]:
    """Read a variable; false unsets it."""
    if not name or "=" in name or "\0" in name:
        raise SettingsError(f"{key}: {show(name)} is no variable's name")
    if value is False:
        return encode(name), None
    if not isinstance(value, str) or "\0" in value:
        raise SettingsError(f"{key}.{show_key(name)}: {show(value)} is neither a string nor false")
    return encode(name), encode(value)


def read_limits(key: str, value: object) -> tuple[tuple[bytes, int], ...]:
    """Read limits, by softlimit's letters or their long names; "=" is the hard limit."""
    if not isinstance(value, dict):
        raise SettingsError(f"{key}: {show(value)} is not a table")
    found: dict[bytes, int] = {}
    for name, number in value.items():
        letter = LIMITS.get(name) or LETTERS.get(name)
        if letter is None:
            known = ", ".join(f"{it.decode()} ({long})" for long, it in LIMITS.items())
            raise SettingsError(f"{key}.{show_key(name)}: unknown limit; known are {known}")
        if letter in found:
            raise SettingsError(f"{key}.{name}: given twice, as {letter.decode()} and by name")
        found[letter] = read_limit(f"{key}.{name}", number)
    return tuple(found.items())


def read_limit(key: str, value: object) -> int:
    """Read one limit."""
    if value == "=":
        return HARD
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HARD:
        raise SettingsError(f'{key}: {show(value)} is neither a number from 0 on nor "="')
    return value


def read_directory(key: str, value: object) -> bytes:
    """Read a directory's name."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise SettingsError(f"{key}: {show(value)} is no directory's name")
    return encode(value)


def read_umask(key: str, value: object) -> int:
    """Read a umask; not a number, which TOML would take for decimal."""
    if not isinstance(value, str) or not UMASK.fullmatch(value) or int(value, 8) > 0o777:
        raise SettingsError(f'{key}: {show(value)} is no umask; "022" is')
    return int(value, 8)


KEYS: "Keys" = {
    "user": ("user", read_account),
    "environment": ("environment", read_environment),
    "limits": ("limits", read_limits),
    "session": ("session", read_bool),
    "directory": ("directory", read_directory),
    "umask": ("umask", read_umask),
    "nice": ("nice", functools.partial(read_number, allowed=NICE)),  # the value, not by how much
}
