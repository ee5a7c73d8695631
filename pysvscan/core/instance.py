"""What a service instance consists of: a template's files, with its own values in them. Pure.

An instance is an ordinary service directory, TEMPLATE@NAME. Its values are variables, the files of
`env`, and keys of service.toml. `instance.toml` in it says what it was made of.
"""

import functools
import re
import tomllib

from pysvscan.core import logrun, settings, tomltext, words
from pysvscan.core.settings import Log
from pysvscan.core.values import SettingsError, show, show_key

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", re.ASCII)  # no slash, no dot in front
LONGEST = 200  # of a name; the directory's has a dot and a template besides, and may have 255
MARK = "instance.toml"
TOML = "service.toml"
LOGRUN = "log/run"
PLAIN, PROGRAM = 0o644, 0o755

Tables = dict[str, object]
Files = dict[str, tuple[bytes, int]]  # path in the service directory: contents and mode


class InstanceError(ValueError):
    """What is wrong with an instance's values: complete, of one line."""


class Instance:
    """What is asked for.

    Attributes:
        template: its name, with the @ at its end.
        name: of the instance.
        variables: that differ from the template's.
        settings: keys of service.toml that do, as nested tables.
        table: the path of the table that asks for it; empty: `svinstance create`.
    """

    __slots__ = ("name", "settings", "table", "template", "variables")

    def __init__(
        self,
        template: str,
        name: str,
        variables: dict[str, str],
        settings: Tables,
        table: str = "",
    ) -> None:
        self.template = template
        self.name = name
        self.variables = variables
        self.settings = settings
        self.table = table

    @property
    def service(self) -> str:
        """The service directory's name."""
        return self.template + self.name

    def mark(self, files: Files) -> bytes:
        """Write instance.toml: what it was made of, and which files are it."""
        said: Tables = {"template": self.template, "name": self.name}
        if self.table:
            said["table"] = self.table
        said["variables"] = dict(sorted(self.variables.items()))
        said["settings"] = self.settings
        said["files"] = sorted(files)
        return tomltext.dump(said).encode()


class Composed:
    """A whole instance.

    Attributes:
        files: all of them, instance.toml included.
        log: the table [log]; None: it has no built-in log.
    """

    __slots__ = ("files", "log")

    def __init__(self, files: Files, log: Log | None) -> None:
        self.files = files
        self.log = log


def check_name(name: str) -> None:
    """Refuse a name that is no plain directory's name.

    Raises:
        InstanceError: the text begins with the name.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise InstanceError(
            f"{show(name)} is no name: letters, digits and _ . + - after a letter, digit or _, "
            f"at most {LONGEST}"
        )


def check_template(name: str) -> None:
    """Refuse what is no template's name."""
    if not name.endswith("@") or not NAME.fullmatch(name[:-1]) or len(name) > 50:
        raise InstanceError(f"{show(name)} is no template's name: one ends in @, as smtpd@")


def compose(template: Files, asked: Instance, is_root: bool) -> Composed:
    """Make an instance's files of its template's.

    Raises:
        InstanceError: a value cannot be; the text names it.
        SettingsError: what service.toml would say is wrong; likewise.
    """
    files = dict(template)
    if TOML in files:
        files[TOML] = set_keys(files[TOML][0], asked.settings), PLAIN
    elif asked.settings:
        files[TOML] = set_keys(b"", asked.settings), PLAIN
    files.update(variables(template, asked))
    log = log_of(files[TOML][0], is_root) if TOML in files else None
    if log and LOGRUN in files:
        files[LOGRUN] = log_run(files[LOGRUN][0], log), PROGRAM
    files[MARK] = asked.mark(files), PLAIN
    return Composed(files, log)


def variables(template: Files, asked: Instance) -> Files:
    """Make the files of `env` that differ from the template's."""
    known = sorted(path[4:] for path in template if path.startswith("env/"))
    given = dict(asked.variables)
    if "DOMAIN" in known:
        given.setdefault("DOMAIN", asked.name)
    found: Files = {}
    for name, value in given.items():
        if name not in known:
            raise InstanceError(
                f"{show_key(name)}: unknown variable; {asked.template} has {', '.join(known)}"
            )
        if value != value.strip(" \t") or not value.isprintable():
            raise InstanceError(f"{name}: {show(value)} cannot stand in a file of env")
        found[f"env/{name}"] = (f"{value}\n".encode() if value else b""), PLAIN
    return found


@functools.lru_cache(maxsize=64)
def log_of(data: bytes, is_root: bool) -> Log | None:
    """Check a service.toml, and give its log; many instances have the same."""
    return settings.parse(read(data), is_root).log


def read(data: bytes) -> Tables:
    """Parse a service.toml."""
    try:
        return tomllib.loads(data.decode())
    except ValueError as exc:
        raise SettingsError(f"no TOML: {exc}") from None


def set_keys(data: bytes, given: Tables) -> bytes:
    """Put keys into a service.toml; without any every byte stays as it is."""
    return put_keys(data, tomltext.show(given)) if given else data


@functools.lru_cache(maxsize=64)
def put_keys(data: bytes, given: str) -> bytes:
    """Put keys, given as an inline table, into a service.toml; many instances have the same."""
    table = read(data)
    merge(table, tomllib.loads(f"given = {given}")["given"])
    head = re.match(rb"(?:#[^\n]*\n)*", data)
    return (head[0] if head else b"") + tomltext.dump(table).lstrip("\n").encode()


def merge(table: Tables, given: Tables) -> None:
    """Put values over those of a table, tables within tables likewise."""
    for name, value in given.items():
        inner = table.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            merge(inner, value)
        else:
            table[name] = copied(value)


def copied(value: object) -> object:
    """Copy tables, so that a later merge changes nobody else's."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    return value


@functools.lru_cache(maxsize=64)
def log_run(data: bytes, log: Log) -> bytes:
    """Give the log/run that does what [log] says: the template's, if that does."""
    try:
        if logrun.is_same(log, logrun.parse(data, None)):
            return data
    except logrun.LogrunError:
        pass
    return logrun.run_of(log)


def asked(template: str, name: str, given: list[str]) -> Instance:
    """Read what `create` is given: KEY=VALUE, one a word; the last of a key counts."""
    variables: dict[str, str] = {}
    settings: Tables = {}
    for word in given:
        keys, value = assignment(word)
        if len(keys) == 1:
            variables[keys[0]] = str(value)
            continue
        for key in reversed(keys):
            value = {key: value}
        merge(settings, value if isinstance(value, dict) else {})
    return Instance(template, name, variables, settings)


def assignment(word: str) -> tuple[list[str], object]:
    """Read KEY=VALUE: a variable, or a key of service.toml by its path, as log.max_age=30d.

    Returns:
        The path, of one name for a variable, and the value: TOML's where it is that, else a string.
    """
    path, equals, value = word.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", path, re.ASCII):
        raise InstanceError(f"{show(word)} is no KEY=VALUE")
    keys = path.split(".")
    if len(keys) == 1:
        return keys, value
    try:
        return keys, tomllib.loads(f"value = {value}\n")["value"]
    except ValueError:
        return keys, value


class Mark:
    """What instance.toml says.

    Attributes:
        table: the path of the table that it is from; empty: of none.
        files: its own files.
    """

    __slots__ = ("files", "table")

    def __init__(self, table: str, files: list[str]) -> None:
        self.table = table
        self.files = files


def read_mark(data: bytes) -> Mark | None:
    """Read instance.toml; None where that is none of ours."""
    try:
        said = tomllib.loads(data.decode())
    except ValueError:
        return None
    table, files = said.get("table", ""), said.get("files")
    if not isinstance(table, str) or not isinstance(files, list):
        return None
    return Mark(table, [path for path in files if isinstance(path, str) and is_inner(path)])


def is_inner(path: str) -> bool:
    """Say whether a path is one of a file below the directory where it is read."""
    return bool(path) and not any(part in ("", ".", "..") for part in path.split("/"))


def directories(log: Log | None) -> list[str]:
    """List the directories below `log` that the log needs, the outer ones first."""
    paths = [it.path for it in log.script.directories] if log else []
    return [path for full in inner(paths) for path in prefixes(full)]


def shown_files(log: Log | None) -> list[str]:
    """List the =files below `log`, with their directories before them."""
    return inner([it.path for it in log.script.files] if log else [])


def inner(paths: list[bytes]) -> list[str]:
    """Give the paths that lie below `log`, as they are from there.

    Raises:
        InstanceError: one leaves it upwards.
    """
    found = []
    for path in paths:
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        if path.startswith(b"/"):
            continue
        if b".." in parts or not parts:
            raise InstanceError(f"log.script: {words.quote(path).decode()} is not below log")
        found.append(b"/".join(parts).decode())
    return found


def prefixes(path: str) -> list[str]:
    """List a path's directories, the outer ones first."""
    parts = path.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
