"""What the actions of core/service.py do to a service: one function each, found by DO.

One that has an event as its result returns it.
"""

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan.core import restart, service
from pysvscan.core.service import Action

if TYPE_CHECKING:
    from pysvscan.supervise import Supervise

Do = Callable[["Supervise"], int | None]


def want(letter: bytes) -> Do:
    """Give what notes what is wanted."""

    def note(of: "Supervise") -> None:
        of.want = letter

    return note


def send(number: signal.Signals) -> Do:
    """Give what sends a signal that was commanded."""
    return lambda of: of.kill(number)


def send_end(number: signal.Signals) -> Do:
    """Give what sends a signal that may well end the service."""

    def ask(of: "Supervise") -> None:
        of.was_asked = True
        of.ending.remember()
        of.kill(number)

    return ask


def pause(of: "Supervise") -> None:
    """Note for the status that it is paused."""
    of.paused = True


def unpause(of: "Supervise") -> None:
    """Note for the status that it is not."""
    of.paused = False


def address_group(of: "Supervise") -> None:
    """Have signals go to the group that the process leads."""
    of.is_to_group = True


def address_process(of: "Supervise") -> None:
    """Have signals go to the process again."""
    of.is_to_group = False


def end(of: "Supervise") -> None:
    """Ask it to end."""
    of.was_asked = True
    of.ending.ask()


def end_now(of: "Supervise") -> None:
    """Kill it: it has had its time."""
    of.was_asked = True
    of.ending.kill()


def exited(of: "Supervise") -> None:
    """Note that the process is gone."""
    of.pid, of.paused, of.since_ns = 0, False, time.time_ns()


def announce(of: "Supervise") -> None:
    """Note that the status says something else: written once, after all that follows."""
    of.is_announced = False


def afresh(of: "Supervise") -> None:
    """Have back-off begin afresh."""
    of.history.forget()


def start(of: "Supervise") -> int:
    """Start it."""
    return service.SPAWNED if of.start() else service.SPAWN_FAILED


def schedule(of: "Supervise") -> int | None:
    """Have TIMER come as soon as the service may start, which may be now."""
    left_ns = of.left_ns()
    if left_ns <= 0:
        unschedule(of)
        return service.TIMER
    if left_ns > restart.GAP_NS:
        of.history.retried_in(left_ns)
    of.wait(time.monotonic_ns() + left_ns)
    return None


def retry(of: "Supervise") -> None:
    """Have TIMER come after a growing delay."""
    delay_ns = max(min(restart.delay(of.failures), restart.RETRY_NS), of.left_ns())
    of.history.retried_in(delay_ns)
    of.wait(time.monotonic_ns() + delay_ns)
    of.on_failure()


def unschedule(of: "Supervise") -> None:
    """Have TIMER not come."""
    if of.timer:
        of.timer.cancel()


def leave(of: "Supervise") -> None:
    """Let go of the directory, now or a bit later."""
    of.history.forget()
    of.announce()
    of.end()
    of.on_leave()


DO: dict[Action, Do] = {
    Action.WANT_UP: want(b"u"),
    Action.WANT_DOWN: want(b"d"),
    Action.WANT_ONCE: want(b"\0"),
    Action.PAUSED: pause,
    Action.UNPAUSED: unpause,
    Action.SCHEDULE: schedule,
    Action.RETRY: retry,
    Action.UNSCHEDULE: unschedule,
    Action.AFRESH: afresh,
    Action.START: start,
    Action.EXITED: exited,
    Action.ANNOUNCE: announce,
    Action.LEAVE: leave,
    Action.END: end,
    Action.END_NOW: end_now,
    Action.ALRM: send(signal.SIGALRM),
    Action.CONT: send(signal.SIGCONT),
    Action.HUP: send(signal.SIGHUP),
    Action.INT: send_end(signal.SIGINT),
    Action.KILL: send_end(signal.SIGKILL),
    Action.QUIT: send_end(signal.SIGQUIT),
    Action.STOP: send(signal.SIGSTOP),
    Action.TERM: send_end(signal.SIGTERM),
    Action.USR1: send(signal.SIGUSR1),
    Action.USR2: send(signal.SIGUSR2),
    Action.WINCH: send(signal.SIGWINCH),
    Action.TO_GROUP: address_group,
    Action.TO_PROCESS: address_process,
}
