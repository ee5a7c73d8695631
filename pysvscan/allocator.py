"""How a logger's memory is kept: glibc's settings, as variables of its environment.

By itself glibc gives a chunk's memory back after each read, and has the kernel clear it for the
next: two thirds of a logger's time. The logger's children do not get these variables.
"""

KEEPING = {b"MALLOC_TRIM_THRESHOLD_": b"1048576", b"MALLOC_MMAP_THRESHOLD_": b"1048576"}


def added(env: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Add them to an environment, but where it has its own."""
    return {**KEEPING, **env}


def removed(env: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Take them out again."""
    return {key: value for key, value in env.items() if KEEPING.get(key) != value}
