"""svscan's own events: lines in daemontools' form on stderr, or JSON; the importer of structlog.

stderr may be a pipe that nobody reads: a line that would block or fails is dropped and counted, and
the next one that passes says how many. What comes again and again is said once, then at growing
intervals.
"""

import os
import select
import time
from collections.abc import MutableMapping

import structlog

from pysvscan import strerr

PIPE_BUF = select.PIPE_BUF  # poll says "writable" for a pipe only when so much fits
FIRST_NS = 60_000_000_000  # the same line again: after a minute, two, four … an hour
LONGEST_NS = 3_600_000_000_000
SAID = 1000  # so many different lines are remembered

Event = MutableMapping[str, object]


class Stderr:
    """A stderr that never blocks.

    Its O_NONBLOCK flag is not touched: it belongs to everybody who holds that file.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.poll = select.poll()
        self.poll.register(2, select.POLLOUT)

    def write(self, data: bytes) -> None:
        """Write a line if that can be done at once."""
        if self.dropped:
            data = b"svscan: warning: %d lines could not be written here\n" % self.dropped + data
        try:
            ready = self.poll.poll(0)
            if not ready or ready[0][1] != select.POLLOUT:
                raise BlockingIOError
            os.write(2, data[:PIPE_BUF])
            self.dropped = 0
        except OSError:
            self.dropped += 1


class Log:
    """Says events, each in one line."""

    def __init__(self, as_json: bool = False) -> None:
        self.stderr = Stderr()
        render = structlog.processors.JSONRenderer() if as_json else render_line
        stamp = [structlog.processors.TimeStamper(fmt="iso", utc=True)] if as_json else []
        self.logger = structlog.wrap_logger(
            self, processors=[*stamp, render], wrapper_class=structlog.BoundLogger
        )
        self.said: dict[tuple[str, str, str], tuple[int, int]] = {}  # line: (next moment, gap)

    def say(
        self,
        prog: str,
        label: str,
        message: str,
        cause: BaseException | None = None,
        **fields: object,
    ) -> None:
        """Say an event.

        Args:
            prog: whose event, as C says it: "svscan" or "supervise".
            label: "fatal", "warning" or "info".
            message: daemontools' sentence.
            cause: an exception; its reason ends the sentence.
            fields: what JSON has besides.
        """
        reason = strerr.reason(cause) if cause is not None else None
        self.logger.msg(message, prog=prog, level=label, reason=reason, **fields)

    def say_seldom(
        self, prog: str, label: str, message: str, cause: BaseException | None = None
    ) -> None:
        """Say an event that each look at the same trouble brings: once, then now and then."""
        key = (prog, message, strerr.reason(cause) if cause is not None else "")
        now_ns = time.monotonic_ns()
        next_ns, gap_ns = self.said.get(key, (now_ns, FIRST_NS))
        if now_ns < next_ns:
            return
        if len(self.said) >= SAID:
            self.said.clear()
        self.said[key] = (now_ns + gap_ns, min(2 * gap_ns, LONGEST_NS))
        self.say(prog, label, message, cause)

    def msg(self, line: str) -> None:
        """Take a rendered line from structlog."""
        self.stderr.write(os.fsencode(line) + b"\n")


def render_line(_logger: object, _method: str, event: Event) -> str:
    """Render an event as daemontools does: PROG: LABEL: SENTENCE[: REASON]."""
    end = f": {event['reason']}" if event.get("reason") else ""
    return f"{event['prog']}: {event['level']}: {event['event']}{end}"
