"""A table of domains: becomes the instances that it asks for, or an error naming key and value.

    [defaults]                        what all domains have, unless they say otherwise
    account = "qmaild"
    log = { max_age = "30d" }

    [domain."example.com"]
    address = "192.0.2.1"
    concurrency = 20
    smtpd = { port = 25 }             what one of its services has, over what the domain has
    pop3d = { port = 110, account = "" }

Pure. What is written where: core/instance.py.
"""

import functools
import ipaddress

from pysvscan.core import instance
from pysvscan.core.instance import Instance, InstanceError, Tables
from pysvscan.core.values import SettingsError, read_account, read_number, show, show_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SERVICES = ("smtpd", "pop3d")
PORTS = range(1, 65536)
CONNECTIONS = range(1, 100_000)  # at once


def parse(table: Tables, templates: "Iterable[str]", path: str) -> list[Instance]:
    """Make instances of a table.

    Args:
        table: as tomllib gives it.
        templates: those that there are, each with its @.
        path: the table's own.

    Raises:
        SettingsError: the first thing that is wrong; nothing of the table is to be used then.
    """
    known = sorted(name[:-1] for name in templates)
    for name in table:
        if name not in ("services", "defaults", "domain"):
            raise SettingsError(f"{show_key(name)}: unknown; known are services, defaults, domain")
    usual = read_services("services", table.get("services", list(SERVICES)), known)
    defaults = layer("defaults", table.get("defaults", {}), known)
    domains = table_at("domain", table.get("domain", {}))
    found = [
        one
        for name, domain in domains.items()
        for one in instances(name, domain, defaults, usual, known)
    ]
    refuse_twins(found)
    for one in found:
        one.table = path
    return found


def instances(
    name: str, domain: object, defaults: Tables, usual: list[str], known: list[str]
) -> list[Instance]:
    """Make the instances of one domain."""
    where = f"domain.{key(name)}"
    try:
        instance.check_name(name)
    except InstanceError as exc:
        raise SettingsError(f"domain: {exc}") from None
    if name != name.lower():
        raise SettingsError(f"domain: {show(name)} has capitals, which domains do not tell apart")
    own = layer(where, domain, known)
    services = own.get("services", defaults.get("services", usual))
    return [one(name, service, [defaults, own]) for service in services]  # type: ignore[attr-defined]


def one(name: str, service: str, layers: list[Tables]) -> Instance:
    """Make one instance of the layers, the last counts most; in each, the service's own most."""
    merged: Tables = {}
    for it in layers:
        common = {key: value for key, value in it.items() if key in KEYS}
        instance.merge(merged, common)
    for it in layers:
        own = it.get(service)
        if isinstance(own, dict):
            instance.merge(merged, own)
    variables: dict[str, str] = {}
    settings: Tables = {}
    for key, value in merged.items():
        if key in SETTINGS:
            instance.merge(settings, nested(SETTINGS[key], value))
        elif isinstance(value, dict):  # environment
            variables.update(value)
        else:
            variables[VARIABLES[key]] = str(value)
    return Instance(f"{service}@", name, variables, settings)


def nested(path: tuple[str, ...], value: object) -> Tables:
    """Put a value into tables, by its path."""
    for name in reversed(path):
        value = {name: value}
    return value if isinstance(value, dict) else {}


def layer(where: str, value: object, known: list[str]) -> Tables:
    """Check what stands for all services of a domain, and for each."""
    found: Tables = {}
    for name, it in table_at(where, value).items():
        path = f"{where}.{key(name)}"
        if name in known:
            found[name] = checked(path, table_at(path, it))
        elif name == "services":
            found[name] = read_services(path, it, known)
        elif name in KEYS:
            found[name] = KEYS[name](path, it)
        else:
            names = ", ".join(["services", *KEYS, *known])
            raise SettingsError(f"{path}: unknown; known are {names}")
    return found


def checked(where: str, table: Tables) -> Tables:
    """Check what stands for one service."""
    for name in table:
        if name not in KEYS:
            raise SettingsError(f"{where}.{key(name)}: unknown; known are {', '.join(KEYS)}")
    return {name: KEYS[name](f"{where}.{key(name)}", value) for name, value in table.items()}


def table_at(where: str, value: object) -> Tables:
    """Read a table."""
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: {show(value)} is not a table")
    return value


def read_services(where: str, value: object, known: list[str]) -> list[str]:
    """Read names of templates, without their @."""
    if not isinstance(value, list):
        raise SettingsError(f"{where}: {show(value)} is not an array")
    for name in value:
        if name not in known:
            raise SettingsError(
                f"{where}: {show(name)} is no template; there are {known_as(known)}"
            )
        if value.count(name) > 1:
            raise SettingsError(f"{where}: {show(name)} stands there twice")
    return value


def known_as(known: list[str]) -> str:
    """List names, or say that there are none."""
    return ", ".join(known) or "none"


def read_address(where: str, value: object) -> str:
    """Read an address; "0" is each that the host has."""
    try:
        if isinstance(value, str) and value != "0":
            ipaddress.ip_address(value)
        elif value != "0":
            raise ValueError
    except ValueError:
        raise SettingsError(f'{where}: {show(value)} is no address; "192.0.2.1" is') from None
    return str(value)


def read_owner(where: str, value: object) -> str:
    """Read an account's name; the empty one stays svscan's."""
    return "" if value == "" else read_account(where, value)


def read_path(where: str, value: object) -> str:
    """Read an absolute path."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise SettingsError(f"{where}: {show(value)} is no absolute path")
    return value


def read_environment(where: str, value: object) -> Tables:
    """Read variables; which there are the template says."""
    table = table_at(where, value)
    for name, it in table.items():
        if not isinstance(it, str):
            raise SettingsError(f"{where}.{key(name)}: {show(it)} is not a string")
    return table


def read_any(_where: str, value: object) -> object:
    """Leave a value to the check of service.toml."""
    return value


def refuse_twins(found: list[Instance]) -> None:
    """Refuse two services that would listen at one place."""
    taken: dict[tuple[str, str], Instance] = {}
    for it in found:
        port = it.variables.get("PORT", it.template)  # the template's is the same for all
        address = it.variables.get("ADDRESS", "0")
        rivals = [taken.get((port, address)), taken.get((port, "0"))]
        if address == "0":
            rivals += [other for (theirs, _), other in taken.items() if theirs == port]
        other = next(filter(None, rivals), None)
        if other:
            what = (
                f"{it.template[:-1]} at address {address}, port {it.variables.get('PORT', 'usual')}"
            )
            there = f"domain.{key(other.name)}.{other.template[:-1]}"
            raise SettingsError(f"domain.{key(it.name)}: {what} is where {there} is")
        taken[(port, address)] = it


def key(name: str) -> str:
    """Show a part of a key's path as the file spells it."""
    return name if name.replace("_", "").isalnum() and name.isascii() else show(name)


VARIABLES = {
    "address": "ADDRESS",
    "port": "PORT",
    "account": "ACCOUNT",
    "concurrency": "CONCURRENCY",
    "qmail": "QMAIL",
}
SETTINGS = {"limits": ("run", "limits"), "log": ("log",), "retain": ("log", "retain")}
KEYS: "dict[str, Callable[[str, object], object]]" = {
    "address": read_address,
    "port": functools.partial(read_number, allowed=PORTS),
    "account": read_owner,
    "concurrency": functools.partial(read_number, allowed=CONNECTIONS),
    "qmail": read_path,
    "environment": read_environment,
    "limits": table_at,
    "log": table_at,
    "retain": read_any,
}
