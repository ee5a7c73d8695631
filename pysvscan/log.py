"""svscan's own events: lines in daemontools' form on stderr, or JSON; the importer of structlog.

What comes again and again is said once, then at growing intervals.
"""

import os
import time
from collections.abc import MutableMapping

from pysvscan import strerr
from pysvscan.core.seldom import Seldom
from pysvscan.later import put_off
from pysvscan.stderr import Stderr

put_off(
    "asyncio"
)  # of which structlog has loggers that are none of ours: 6 MB for as long as we live
import structlog  # noqa: E402

Event = MutableMapping[str, object]


class Log:
    """Says events, each in one line."""

    def __init__(self, as_json: bool = False) -> None:
        self.stderr = Stderr()
        render = structlog.processors.JSONRenderer() if as_json else render_line
        stamp = [structlog.processors.TimeStamper(fmt="iso", utc=True)] if as_json else []
        self.logger = structlog.wrap_logger(
            self, processors=[*stamp, render], wrapper_class=structlog.BoundLogger
        )
        self.seldom = Seldom()

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
        line = f"{prog}: {message}: {strerr.reason(cause) if cause is not None else ''}"
        if self.seldom.is_due(line, time.monotonic_ns()):
            self.say(prog, label, message, cause)

    def msg(self, line: str) -> None:
        """Take a rendered line from structlog."""
        self.stderr.write(os.fsencode(line) + b"\n")


def render_line(_logger: object, _method: str, event: Event) -> str:
    """Render an event as daemontools does: PROG: LABEL: SENTENCE[: REASON]."""
    end = f": {event['reason']}" if event.get("reason") else ""
    return f"{event['prog']}: {event['level']}: {event['event']}{end}"
