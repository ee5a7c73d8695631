"""Tables and values in service.toml: how keys are read, and how a wrong value is shown.

A table of keys says for each its attribute and its reader, which gets the key's whole name and the
value, and gives the attribute's value or raises SettingsError.
"""

import re

from pysvscan.core import words
from pysvscan.core.tai import SECOND_NS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Keys = dict[str, tuple[str, Callable[[str, object], object]]]

DAY = range(1, 86401)  # seconds
ACCOUNT = re.compile(r"[^\x00-\x20:/\x7f]+")
SHOWN = 60  # characters of a value in a message


class SettingsError(ValueError):
    """What is wrong in service.toml: `TABLE.KEY: …`, complete, of one line."""


def table_of(file: dict[str, object], name: str) -> dict[str, object] | None:
    """Give a table of the file; None if there is none."""
    if name not in file:
        return None
    content = file[name]
    if not isinstance(content, dict):
        raise SettingsError(f"{name}: {show(content)} is not a table")
    return content


def read_keys(name: str, table: dict[str, object], keys: "Keys") -> "dict[str, Any]":
    """Read all keys of a table.

    Args:
        name: the table's.
        table: as tomllib gives it.
        keys: those that it may have.

    Returns:
        Attribute and value of each key that it has.
    """
    for key in table:
        if key not in keys:
            raise SettingsError(f"{name}.{show_key(key)}: unknown key; known are {', '.join(keys)}")
    found = {}
    for key, value in table.items():
        attribute, read = keys[key]
        found[attribute] = read(f"{name}.{key}", value)
    return found


def read_account(key: str, value: object) -> str:
    """Read an account's name; whether there is such an account is not known here."""
    if not isinstance(value, str) or not ACCOUNT.fullmatch(value):
        raise SettingsError(f"{key}: {show(value)} is no account's name")
    return value


def read_bool(key: str, value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise SettingsError(f"{key}: {show(value)} is neither true nor false")
    return value


def read_choice(key: str, value: object, choices: tuple[str, ...]) -> str:
    """Read one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise SettingsError(f"{key}: {show(value)} is none of {', '.join(choices)}")
    return value


def read_number(key: str, value: object, allowed: range) -> int:
    """Read a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise SettingsError(f"{key}: {show(value)} is no number from {allowed[0]} to {allowed[-1]}")
    return value


def read_seconds(key: str, value: object) -> int:
    """Read a number of seconds, a day's at most; gives nanoseconds."""
    return read_number(key, value, DAY) * SECOND_NS


def encode(text: str) -> bytes:
    """Encode what TOML gives; it has no surrogates, but who calls us might."""
    return text.encode(errors="surrogatepass")


def show(value: object) -> str:
    """Show a value in a message: on one line, cut where it is long, in TOML's spelling."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{printable(value)}"'
    for kind, name in ((list, "an array"), (dict, "a table")):
        if isinstance(value, kind):
            return name
    if isinstance(value, int) and abs(value) >= 2**63:  # 0x… may be too long for str()
        return "a number beyond 64 bits"
    return printable(str(value))


def show_key(name: str) -> str:
    """Show a key or the name of a table."""
    return printable(name) or '""'


def show_word(word: bytes) -> str:
    """Show a word of a script."""
    return printable(words.quote(word).decode(errors="replace"))


def printable(text: str) -> str:
    """Escape what would break a line of a log, and cut it."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: SHOWN + 1])
    return shown if len(text) <= SHOWN else shown[:SHOWN] + "..."
