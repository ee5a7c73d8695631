"""When may a service start again. Pure; moments are monotonic nanoseconds."""

SECOND_NS = 1_000_000_000
GAP_NS = SECOND_NS  # daemontools' rule: no start sooner than 1 s after the previous one
RETRY_NS = 5 * SECOND_NS  # C's interval: so soon is seen that what kept a service down is gone
LONGEST_NS = 60 * SECOND_NS  # C sleeps 60 s where fork fails; it is the end of our growing delays


def next_start(last_start_ns: int, now_ns: int) -> int:
    """Say when a service may start: now, or 1 s after its last start.

    Source: daemontools 0.76 supervise.c trystart(), which sleeps that second.
    """
    return max(now_ns, last_start_ns + GAP_NS)


def delay(failures: int) -> int:
    """Say how long to wait after so many failures in a row (1 and more): 1 s, 2 s, 4 s … 60 s."""
    return min(GAP_NS << min(failures - 1, 6), LONGEST_NS)
