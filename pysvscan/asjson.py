"""What `svstat --json` says: an array with one object for each directory, all with the same keys.

Keys are only ever added. Times are Unix seconds; null is what is not known, or does not apply.
"""

import json
import os

from pysvscan.core import history, tai
from pysvscan.facts import Facts, Processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pysvscan.core.history import End, History
    from pysvscan.logfacts import LogFacts
    from pysvscan.proc import Usage

    Look = Callable[[bytes, Callable[[bytes | None, bool], list[str]]], list[str]]

WANTED = {b"u": "up", b"d": "down", b"\0": "once"}
COUNTS = ("lines_in", "bytes_in", "lines_kept", "bytes_kept", "lines_lost", "bytes_lost")


class Objects:
    """Makes objects of services; what all have in common is looked at once."""

    def __init__(self, look: "Look") -> None:
        self.look = look
        self.processes = Processes()
        self.facts: Facts | None = None

    def describe(self, data: bytes | None, normally_up: bool) -> list[str]:
        """Take the facts of the service of the current directory."""
        self.facts = Facts(data, normally_up, self.processes)
        return []

    def of(self, directory: bytes) -> "dict[str, Any]":
        """Make the object of a directory, be it that it cannot be read."""
        self.facts = None
        lines = self.look(directory, self.describe)
        error = lines[0].removeprefix(": ") if lines else None
        return {"service": os.fsdecode(directory), "error": error, **service(self.facts)}


def service(facts: Facts | None) -> "dict[str, Any]":
    """Give all keys; null for what is not known."""
    record = facts.status if facts else None
    written = facts.history if facts else None
    state = None if facts is None else "unsupervised"
    if record:
        state = "up" if record.is_up() else "down"
    return {
        "state": state,
        "pid": facts.pid or None if facts else None,
        "finish": facts.finish or None if facts else None,
        "since": seconds(record.since_ns) if record else None,
        "wanted": WANTED.get(record.want) if record else None,
        "normally": ("up" if facts.normally_up else "down") if facts else None,
        "paused": record.paused and record.pid != 0 if record else None,
        "encore": record.state or None if record else None,
        "restarts": written.count if written else None,
        "ends": [end(it) for it in written.ends] if written else None,
        "start_error": start_error(written, facts) if written and facts else None,
        "backoff": backoff(written) if written else None,
        "uses": uses(facts.usage) if facts and facts.usage else None,
        "log": log(facts.log) if facts and facts.log else None,
    }


def end(it: "End") -> "dict[str, Any]":
    """Give one end."""
    number = None if it.wstatus is None else it.wstatus & 0x7F
    is_exit = it.wstatus is not None and number == 0
    return {
        "at": seconds(it.at_ns),
        "ran": seconds(it.ran_ns),
        "exit": it.wstatus >> 8 & 0xFF if it.wstatus is not None and is_exit else None,
        "signal": str(history.SIGNALS.get(number, number)) if number else None,
        "core": bool(it.wstatus & 0x80) if it.wstatus is not None else None,
    }


def start_error(it: "History", facts: Facts) -> "dict[str, Any] | None":
    """Give why it cannot be started; None if it can."""
    since_ns, is_up = (facts.status.since_ns, facts.status.is_up()) if facts.status else (0, False)
    if not it.is_failing(since_ns, is_up):
        return None
    return {
        "message": history.printable(it.message),
        "at": seconds(it.failed_ns),
        "times": it.failures,
        "next": seconds(it.next_ns) if it.next_ns else None,
    }


def backoff(it: "History") -> "dict[str, Any] | None":
    """Give why it waits longer than a second, or not for anything any more; None: it does not."""
    if not it.backoff.young:
        return None
    return {
        "young": it.backoff.young,
        "next": seconds(it.next_ns) if it.next_ns else None,
        "gave_up": seconds(it.backoff.gave_up_ns) if it.backoff.gave_up_ns else None,
    }


def uses(it: "Usage") -> "dict[str, Any]":
    """Give what its processes use."""
    return {
        "processes": it.processes,
        "cpu": seconds(it.cpu_ns),
        "memory": it.memory_bytes,
        "descriptors": it.descriptors,
    }


def log(it: "LogFacts") -> "dict[str, Any]":
    """Give what its log has."""
    counts = it.counts
    found = {name: getattr(counts, name) if counts else None for name in COUNTS}
    return {
        **found,
        "kept_ratio": counts.lines_kept / counts.lines_in if counts and counts.lines_in else None,
        "rotations": counts.rotations if counts else None,
        "retries": counts.retries if counts else None,
        "counted_since": seconds(counts.since_ns) if counts else None,
        "oldest": seconds(it.oldest_ns) if it.oldest_ns is not None else None,
        "disk": it.disk_bytes,
        "directories": [os.fsdecode(path) for path in it.directories],
    }


def seconds(ns: int) -> float:
    """Give a moment or a span as JSON has it, to the millisecond."""
    return ns // (tai.SECOND_NS // 1000) / 1000


def dump(objects: "list[dict[str, Any]]") -> bytes:
    """Write the array, an object a line; names that are no UTF-8 as Python escapes them."""
    lines = ",\n".join(json.dumps(it) for it in objects)
    return f"[{lines}]\n".encode()
