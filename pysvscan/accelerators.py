"""Imports the optional parts in C; where one is missing, the Python beside it does the same."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> "ModuleType | None":
    """Import a part in C of this package.

    Returns:
        None where it was not built or cannot be loaded, and wherever PYSVSCAN_PURE=1 is set.
    """
    if os.environ.get("PYSVSCAN_PURE") == "1":
        return None
    try:
        package = __import__(f"pysvscan.{name}")  # importlib costs a small command 1 ms
    except ImportError:
        return None
    found: ModuleType = getattr(package, name)
    return found
