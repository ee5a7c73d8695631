"""What `svstat -l` says of a service: more than C's words, and what is in supervise/history."""

import os
from time import time_ns

from pysvscan.core import history, status


def describe(data: bytes | None, normally_up: bool) -> list[str]:
    """Describe a service, its past, and the log process that daemontools-encore keeps beside it."""
    if data is None:
        return [": supervise not running", *past(0, is_up=False)]
    record, log = status.unpack(data), status.unpack_log(data)
    lines = [f": {record.describe(normally_up, time_ns())}{record.elaborate()}"]
    if log:
        lines.append(f" log: {log.describe(True, time_ns())}{log.elaborate()}")
    return lines + past(record.since_ns, record.pid != 0)


def past(since_ns: int, is_up: bool) -> list[str]:
    """Say what the service of the current directory went through, if anybody wrote that down."""
    try:
        fd = os.open(b"supervise/history", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        written = history.unpack(os.read(fd, history.BYTES))
    except (OSError, history.HistoryError):
        return []
    return [f" {line}" for line in written.describe(since_ns, is_up, time_ns())]
