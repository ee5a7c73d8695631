"""What is said again and again is said once, then at growing intervals. Pure."""

from pysvscan.core.tai import SECOND_NS

FIRST_NS = 60 * SECOND_NS  # the same line again: after a minute, then two, four … an hour
LONGEST_NS = 3600 * SECOND_NS
ABSENT_NS = 30 * SECOND_NS  # trouble not met for so long was over, and is news when it is back
MANY = 10_000  # so many different lines are remembered


class Seldom:
    """Remembers which lines were said.

    Attributes:
        said: line: (when it may be said again, after which gap, when it last came).
    """

    def __init__(self) -> None:
        self.said: dict[str, tuple[int, int, int]] = {}

    def is_due(self, line: str, now_ns: int) -> bool:
        """Say whether a line that comes now is to be said."""
        next_ns, gap_ns, last_ns = self.said.get(line, (now_ns, FIRST_NS, now_ns))
        if now_ns - last_ns > ABSENT_NS:
            next_ns, gap_ns = now_ns, FIRST_NS
        if now_ns < next_ns:
            self.said[line] = (next_ns, gap_ns, now_ns)
            return False
        if line not in self.said and not self.has_room(now_ns):
            return False
        self.said[line] = (now_ns + gap_ns, min(2 * gap_ns, LONGEST_NS), now_ns)
        return True

    def has_room(self, now_ns: int) -> bool:
        """Say whether one more line can be remembered, if need be by forgetting what is over."""
        if len(self.said) >= MANY:
            kept = {line: old for line, old in self.said.items() if now_ns - old[2] <= ABSENT_NS}
            self.said = kept
        return len(self.said) < MANY
