"""[log] redact of service.toml: which credentials are taken out before a line is written. Pure."""

from pysvscan.core.redact import COMMANDS, PATTERN
from pysvscan.core.values import SettingsError, encode, show, show_key

NAMES = tuple(name.decode() for name in COMMANDS)


def read_redact(key: str, value: object) -> tuple[bytes, ...]:
    """Read an array of what to take out.

    Returns:
        What a Redactor is made for.
    """
    if not isinstance(value, list):
        raise SettingsError(f"{key}: {show(value)} is not an array")
    return tuple(dict.fromkeys(read_one(key, it) for it in value))


def read_one(key: str, value: object) -> bytes:
    """Read a name, or a pattern."""
    if isinstance(value, dict):
        return read_pattern(key, value)
    if not isinstance(value, str) or value not in NAMES:
        known = ", ".join([*NAMES, "{ pattern = … }"])
        raise SettingsError(f"{key}: {show(value)} in the array is none of {known}")
    return value.encode()


def read_pattern(key: str, table: dict[str, object]) -> bytes:
    """Read a pattern: a text, a star, and perhaps another text."""
    for name in table:
        if name != "pattern":
            raise SettingsError(f"{key}.{show_key(name)}: unknown key; known is pattern")
    value = table.get("pattern")
    if not isinstance(value, str) or "\n" in value or value.find("*") < 1 or value.count("*") > 1:
        raise SettingsError(
            f"{key}.pattern: {show(value)} is not a text, one star, and perhaps a text, as "
            "password=*& is"
        )
    return PATTERN + encode(value)
