"""What has to change, so that the instances that there are become those that are wanted. Pure."""

import tomllib

from pysvscan.core.instance import LOGRUN, MARK, TOML, Composed, Files, Tables

START, CHANGE, STOP = "start", "change", "stop"
OUTSIDE = {MARK, TOML, LOGRUN}  # a change in these does not by itself concern the service


class Present:
    """An instance that is there.

    Attributes:
        files: its own, as far as they are there.
        table: the path of the table that it is from; empty: of none.
        is_changing: a change was begun, and its service was not told yet.
    """

    __slots__ = ("files", "is_changing", "table")

    def __init__(self, files: Files, table: str = "", is_changing: bool = False) -> None:
        self.files = files
        self.table = table
        self.is_changing = is_changing


class Change:
    """What has to be done with one instance.

    Attributes:
        service: its directory's name.
        verb: START, CHANGE or STOP.
        files: to be written.
        gone: files to be removed.
        restarts: the service is to be started anew.
        reopens: its log is to read its settings.
        whole: the instance as it is to be; None for STOP.
    """

    __slots__ = ("files", "gone", "reopens", "restarts", "service", "verb", "whole")

    def __init__(self, service: str, verb: str, whole: Composed | None = None) -> None:
        self.service = service
        self.verb = verb
        self.whole = whole
        self.files: Files = whole.files if whole else {}
        self.gone: list[str] = []
        self.restarts = False
        self.reopens = False

    def shown(self) -> str:
        """Describe it in one line."""
        if self.verb != CHANGE:
            return f"{self.verb} {self.service}"
        paths = ", ".join(sorted({*self.files, *self.gone} - {MARK})) or "unfinished"
        return f"change {self.service}: {paths}{' (restart)' if self.restarts else ''}"


def plan(wanted: dict[str, Composed], present: dict[str, Present], owner: str) -> list[Change]:
    """List the changes: what is to start, to change and to stop, each sorted by name.

    Args:
        wanted: by the names of service directories.
        present: likewise.
        owner: the table that they are wanted by: its other instances are stopped. Empty: none are.
    """
    found = [Change(name, START, wanted[name]) for name in sorted({*wanted} - {*present})]
    for name in sorted({*wanted} & {*present}):
        change = compare(name, wanted[name], present[name])
        if change:
            found.append(change)
    gone = sorted({*present} - {*wanted}) if owner else []
    return found + [Change(name, STOP) for name in gone if present[name].table == owner]


def compare(name: str, wanted: Composed, present: Present) -> Change | None:
    """Say what has to change in an instance that is there; None if nothing has to."""
    change = Change(name, CHANGE, wanted)
    old = present.files
    change.files = {path: it for path, it in wanted.files.items() if old.get(path) != it}
    change.gone = sorted({*old} - {*wanted.files})
    touched = {*change.files, *change.gone}
    if not touched and not present.is_changing:
        return None
    tables = [tables_of(files) for files in (old, wanted.files)]
    change.restarts = bool(touched - OUTSIDE) or differ(tables, "run") or present.is_changing
    change.reopens = LOGRUN in touched or differ(tables, "log") or present.is_changing
    return change


def tables_of(files: Files) -> Tables:
    """Read service.toml; one that cannot be read has no table."""
    try:
        return tomllib.loads(files[TOML][0].decode())
    except (KeyError, ValueError):
        return {}


def differ(tables: list[Tables], name: str) -> bool:
    """Say whether two files differ in a table."""
    return tables[0].get(name) != tables[1].get(name)
