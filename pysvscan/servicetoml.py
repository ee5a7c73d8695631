"""Reads service.toml of one service directory. What may stand in it: core/settings.py.

A file that is a link is followed, so that services may share one; what is no plain file is refused
without waiting for it.
"""

import functools
import os
import stat
import tomllib

from pysvscan.core import settings
from pysvscan.core.settings import Settings
from pysvscan.core.values import SettingsError, printable
from pysvscan.strerr import Fatal, name

NAME = b"service.toml"
MAX_BYTES = 65536
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


def read(directory: int, label: bytes) -> Settings:
    """Read and check a service's settings; those of a classic service where there is no file.

    Args:
        directory: the service directory's descriptor.
        label: its name in messages.

    Raises:
        Fatal: `LABEL/service.toml: TABLE.KEY: …`, or why it cannot be read; also a warning's text.
    """
    path = name(label + b"/" + NAME)
    try:
        data = read_bytes(directory)
    except OSError as exc:
        if not is_there(directory):
            return Settings()
        raise Fatal(f"unable to read {path}") from exc
    try:
        return check(data, os.geteuid() == 0)
    except SettingsError as exc:
        raise Fatal(f"{path}: {exc}") from None


def is_there(directory: int) -> bool:
    """Say whether there is such a name, be it a link to nothing, which is no classic service."""
    try:
        os.stat(NAME, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody knows
    return True


def read_bytes(directory: int) -> bytes:
    """Read the file, and one byte more than it may have."""
    fd = os.open(NAME, READ, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("not a plain file")
        return os.read(fd, MAX_BYTES + 1)
    finally:
        os.close(fd)


@functools.lru_cache(maxsize=64)
def check(data: bytes, is_root: bool) -> Settings:
    """Parse and check; many services of a host have the same file, and then share its Settings."""
    found = settings.parse(parse(data), is_root)
    found.text = data
    return found


def parse(data: bytes) -> dict[str, object]:
    """Parse TOML.

    Raises:
        SettingsError: it is none; the text says where.
    """
    if len(data) > MAX_BYTES:
        raise SettingsError(f"larger than {MAX_BYTES} bytes")
    return parse_all(data)


def parse_all(data: bytes) -> dict[str, object]:
    """Parse TOML of any size."""
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise SettingsError(f"no UTF-8 in line {line}") from None
    except RecursionError:
        raise SettingsError("no TOML: nested too deeply") from None
    except ValueError as exc:  # TOMLDecodeError, and what int() says of ten thousand digits
        raise SettingsError(f"no TOML: {printable(str(exc))}") from None
