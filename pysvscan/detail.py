"""What `svstat -l` says of a service: C's line, and below it what C has no words for."""

from time import time_ns

from pysvscan.core import history, tai
from pysvscan.facts import Facts, Processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.logfacts import LogFacts
    from pysvscan.proc import Usage

KB = 1000


class Detail:
    """Describes services; what all have in common is looked at once."""

    def __init__(self) -> None:
        self.processes = Processes()

    def describe(self, data: bytes | None, normally_up: bool) -> list[str]:
        """Describe the service of the current directory."""
        facts, now_ns = Facts(data, normally_up, self.processes), time_ns()
        lines = state(facts, now_ns)
        if facts.history:
            since_ns, is_up = (facts.status.since_ns, facts.status.pid) if facts.status else (0, 0)
            lines += [f" {it}" for it in facts.history.describe(since_ns, is_up != 0, now_ns)]
        if facts.usage:
            lines.append(f" uses: {usage(facts.usage)}")
        if facts.log:
            lines.append(f" logged: {logged(facts.log, now_ns)}")
        return lines


def state(facts: Facts, now_ns: int) -> list[str]:
    """Say whether it is up, and the log process that daemontools-encore keeps beside it."""
    finish = [f" finish: runs (pid {facts.finish})"] if facts.finish else []
    if facts.status is None:
        left = [f" left: runs on (pid {facts.pid}), the next svscan takes it over"]
        return [": supervise not running", *left * (facts.pid != 0), *finish]
    words = facts.status.describe(facts.normally_up, now_ns) + facts.status.elaborate()
    lines = [f": {words}"]
    if log := facts.log_status:
        lines.append(f" log: {log.describe(True, now_ns)}{log.elaborate()}")
    return lines + finish


def usage(it: "Usage") -> str:
    """Say what its processes use."""
    shown = f"{it.processes} processes, {it.cpu_ns // tai.SECOND_NS} seconds of CPU"
    shown += f", {it.memory_bytes // KB} kB"
    return shown + ("" if it.descriptors is None else f", {it.descriptors} descriptors")


def logged(it: "LogFacts", now_ns: int) -> str:
    """Say what its log has."""
    words = []
    if counts := it.counts:
        words.append(f"{counts.lines_kept} of {counts.lines_in} lines kept")
        words += [f"{counts.lines_lost} lines lost"] * (counts.lines_lost > 0)
        words += [f"{counts.retries} retries"] * (counts.retries > 0)
    if it.directories:
        words.append(f"{it.disk_bytes // KB} kB on disk")
    if it.oldest_ns is not None:
        words.append(f"oldest {history.ago(it.oldest_ns, now_ns)}")
    return ", ".join(words)
