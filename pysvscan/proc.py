"""What a service's processes are, by psutil; its only importer."""

import psutil


def descendants(pid: int) -> int:
    """Count a process and what it has started, as far as it is still there."""
    try:
        return 1 + len(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return 0
