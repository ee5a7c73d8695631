"""Writes a table as TOML, so that tomllib reads the same: for instances' files. Pure.

What service.toml and instance.toml need: tables, arrays, strings, whole numbers, true and false.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def dump(table: "dict[str, object]") -> str:
    """Write a table: what is no table first, below that each table under its name."""
    return "\n".join(lines(table, "")) + "\n"


def lines(table: "dict[str, object]", path: str) -> "Iterator[str]":
    """Yield the lines of a table; `path` is its name, empty for the file's own."""
    for name, value in table.items():
        if not isinstance(value, dict):
            yield f"{key(name)} = {show(value)}"
    for name, value in table.items():
        if isinstance(value, dict):
            inner = f"{path}.{key(name)}" if path else key(name)
            yield ""
            yield f"[{inner}]"
            yield from lines(value, inner)


def show(value: object) -> str:
    """Write a value that is no table of its own."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value)}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{key(name)} = {show(item)}" for name, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return str(value)


def key(name: str) -> str:
    """Write a key, quoted where it needs it."""
    return name if BARE.fullmatch(name) else quote(name)


def text(value: str) -> str:
    """Write a string; one of several lines as such."""
    if "\n" not in value:
        return quote(value)
    escaped = "\n".join(quote(line)[1:-1] for line in value.split("\n"))
    return f'"""\n{escaped}"""'


def quote(value: str) -> str:
    """Write a string of one line."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if escaped.isprintable():
        return f'"{escaped}"'
    return '"' + "".join(c if is_plain(c) else f"\\u{ord(c):04x}" for c in escaped) + '"'


def is_plain(char: str) -> bool:
    """Say whether TOML lets a character stand as it is."""
    return char >= " " and char != "\x7f"
