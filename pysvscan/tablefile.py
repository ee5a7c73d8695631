"""Reads a table of domains, whole, before anything changes. What may stand in it: core/table.py."""

import os

from pysvscan import servicetoml
from pysvscan.core import table
from pysvscan.core.changes import Present
from pysvscan.core.instance import Composed, InstanceError
from pysvscan.core.values import SettingsError
from pysvscan.strerr import Fatal, name
from pysvscan.templates import Templates

MAX_BYTES = 10_000_000


def read(path: bytes, templates: Templates) -> dict[str, Composed]:
    """Make all instances of a table as they are to be, by the names of their directories.

    Raises:
        Fatal: `TABLE: KEY: …`, the first thing that is wrong.
    """
    own = os.path.realpath(os.fsdecode(path))
    found = {}
    try:
        for it in table.parse(parse(path), templates.names(), own):
            try:
                found[it.service] = templates.compose(it)
            except (InstanceError, SettingsError) as exc:
                where = f"domain.{table.key(it.name)}, {it.template[:-1]}"
                raise SettingsError(f"{where}: {exc}") from None
    except SettingsError as exc:
        raise Fatal(f"{name(path)}: {exc}") from None
    return found


def parse(path: bytes) -> dict[str, object]:
    """Parse the file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as exc:
        raise Fatal(f"unable to read {name(path)}") from exc
    return servicetoml.parse_all(data)


def refuse_others(wanted: dict[str, Composed], present: dict[str, Present], owner: str) -> None:
    """Refuse to change an instance of another table, or of none; one whose table is gone is ours.

    Args:
        wanted: by the names of service directories.
        present: likewise.
        owner: the path of the table that wants them; empty: `svinstance create` does.
    """
    for service in sorted({*wanted} & {*present}):
        theirs = present[service].table
        if theirs == owner or (owner and theirs and not os.path.exists(theirs)):
            continue
        whose = f"is of the table {theirs}" if theirs else "was made by create"
        raise Fatal(f"unable to change {service}: it {whose}")
