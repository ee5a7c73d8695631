"""[log] redact of service.toml: which credentials are taken out before a line is written. Pure."""

from pysvscan.core.redact import COMMANDS
from pysvscan.core.values import SettingsError, show

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
    """Read one name."""
    if not isinstance(value, str) or value not in NAMES:
        raise SettingsError(f"{key}: {show(value)} in the array is none of {', '.join(NAMES)}")
    return value.encode()
