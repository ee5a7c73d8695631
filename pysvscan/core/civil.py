"""Local dates and times of day, as seconds since the epoch. Pure; the zone is the caller's.

A local second is what a Unix second would be if the local clock showed UTC. When clocks are set
back an hour of them comes twice, when they are set forward an hour never comes.
"""

from pysvscan.core.stamp import DAY_SECONDS, ERA_DAYS, MARCH_0000, date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.stamp import Zone


class CivilError(ValueError):
    """There is no such date, or no such time of day."""


def days(year: int, month: int, day: int) -> int:
    """Count the days from the Unix epoch to a Gregorian date.

    Raises:
        CivilError: the calendar has no such day.
    """
    if not (0 <= year <= 9999 and 1 <= month <= 12):
        raise CivilError("no such date")
    from_march = (month + 9) % 12
    era, in_era = divmod(year - (month < 3), 400)
    count = 365 * in_era + in_era // 4 - in_era // 100 + (153 * from_march + 2) // 5 + day - 1
    found = era * ERA_DAYS + count - MARCH_0000
    if date(found) != (year, month, day):
        raise CivilError("no such date")
    return found


def second_of_day(hour: int, minute: int, second: int) -> int:
    """Count the seconds from midnight; a leap second is the one before it.

    Raises:
        CivilError: the day has no such time.
    """
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60):
        raise CivilError("no such time of day")
    return hour * 3600 + minute * 60 + min(second, 59)


def unix_seconds(local: int, zone: "Zone") -> list[int]:
    """List the Unix seconds at which the local clock shows this: one, two, or the one it skips to.

    Args:
        local: a local second.
        zone: asked a day before and after, where no clock is being set any more.
    """
    before, after = zone(local - DAY_SECONDS), zone(local + DAY_SECONDS)
    found = sorted({local - before, local - after})
    return [it for it in found if it + zone(it) == local] or [local - before]
