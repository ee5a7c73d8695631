"""When may a service start again. Pure; moments are monotonic nanoseconds where nothing is said.

Classic: 1 s after its last start. With [restart] that second doubles while the service dies young,
and after `tries` young deaths it is given up.
"""

from pysvscan.core import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.restartsettings import Restart

SECOND_NS = tai.SECOND_NS
GAP_NS = SECOND_NS  # daemontools' rule: no start sooner than 1 s after the previous one
RETRY_NS = 5 * SECOND_NS  # C's interval: so soon is seen that what kept a service down is gone
LONGEST_NS = 60 * SECOND_NS  # C sleeps 60 s where fork fails; it is the end of our growing delays


class Backoff:
    """How a service with [restart] has been doing; kept in `supervise/history`.

    Attributes:
        young: how often in a row it died young, or could not be executed.
        gave_up_ns: when it was given up, by the wall clock; 0: it was not.
        where: boot and pid namespace in which that is so; elsewhere it is past.
    """

    __slots__ = ("gave_up_ns", "where", "young")

    def __init__(self, young: int = 0, gave_up_ns: int = 0, where: bytes = b"-") -> None:
        self.young = young
        self.gave_up_ns = gave_up_ns
        self.where = where

    def forget(self) -> None:
        """Begin afresh."""
        self.young = self.gave_up_ns = 0

    def come(self, where: bytes) -> None:
        """Go on with what was recorded, if that was here; a reboot begins afresh."""
        if where != self.where:
            self.forget()
        self.where = where

    def died(self, restart: "Restart | None", lived_ns: int, was_asked: bool) -> None:
        """Note a death of a service that is to be kept up.

        Args:
            restart: what it has for [restart].
            lived_ns: for how long.
            was_asked: a command ended it: that says nothing about its health.
        """
        is_young = restart is not None and lived_ns < restart.healthy_ns
        self.young = self.young + 1 if is_young and not was_asked else 0

    def is_enough(self, restart: "Restart | None") -> bool:
        """Say whether it is to be given up."""
        return restart is not None and restart.tries is not None and self.young >= restart.tries

    def gap_ns(self, restart: "Restart | None") -> int:
        """Say how long after its last start it may start again."""
        if restart is None or self.young == 0:
            return GAP_NS
        return min(GAP_NS << min(self.young - 1, 20), restart.max_ns)


def next_start(last_start_ns: int, now_ns: int, gap_ns: int = GAP_NS) -> int:
    """Say when a service may start: now, or a gap after its last start.

    Source: daemontools 0.76 supervise.c trystart(), which sleeps a second.
    """
    return max(now_ns, last_start_ns + gap_ns)


def delay(failures: int) -> int:
    """Say how long to wait after so many failures in a row (1 and more): 1 s, 2 s, 4 s … 60 s."""
    return min(GAP_NS << min(failures - 1, 6), LONGEST_NS)
