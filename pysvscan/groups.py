"""Process groups: which of them a signal may go to. Not: sessions, terminals."""

import os


def is_led_by(pid: int) -> bool:
    """Say whether a process leads a group that is not also ours, so that a signal may go to all.

    Classic services share the group of svscan, which a signal to the group would end.
    """
    try:
        return os.getpgid(pid) == pid != os.getpgrp()
    except ProcessLookupError:
        return False


def is_of_session() -> bool:
    """Say whether our group is our session's own: another is a job of a shell.

    A child of process 1 is none: a container's init gives it a group, and lives as long as we do.
    """
    return os.getpgrp() == os.getsid(0) or os.getppid() == 1
