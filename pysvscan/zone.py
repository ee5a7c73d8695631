"""This machine's zone, for the stamps that show local time."""

from time import localtime


def zone(second: int) -> int:
    """Say how many seconds local time is ahead of UTC at a Unix second."""
    return localtime(second).tm_gmtoff
