"""One sample of each of contrib/bench/supervise's figures, and how samples are taken in turn.

Each function takes a running Supervisor and returns one number: ns, kB or a count.
"""

import os
import select
import signal
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

import procs
from supervisors import make_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisors import Supervisor

GAP_S = 0.01  # between two samples, for what a supervisor still does after a start
QUIET = (0.9, 1.1)  # outside of this the peer does not equal itself, and nothing is proven
ATTEMPTS = 3  # how often a figure is taken again when the machine was not quiet


class Figure(NamedTuple):
    """Medians of one figure, taken in one interleaved run.

    Attributes:
        again: the peer measured a second time, for the A/A row.
    """

    ours: float
    peer: float
    again: float

    @property
    def same(self) -> float:
        """The peer against itself."""
        return self.again / self.peer if self.peer else 1.0

    @property
    def is_quiet(self) -> bool:
        """Whether the machine was quiet enough for this figure to prove anything."""
        return QUIET[0] <= self.same <= QUIET[1]


def compare(
    sample: "Callable[[Supervisor], float]",
    ours: "Supervisor",
    peer: "Supervisor",
    rounds: tuple[int, int],
) -> Figure:
    """Take samples in turn, ours, the peer's and the peer's again; where noisy, anew.

    Args:
        sample: takes one sample.
        ours: what is measured.
        peer: what it is measured against.
        rounds: how many samples of ours, and how many of the peer's.
    """
    figure = Figure(0, 0, 0)
    for _ in range(ATTEMPTS):
        figure = compare_once(sample, ours, peer, rounds)
        if figure.is_quiet:
            break
    return figure


def compare_once(
    sample: "Callable[[Supervisor], float]",
    ours: "Supervisor",
    peer: "Supervisor",
    rounds: tuple[int, int],
) -> Figure:
    """Take samples in turn, the order rotating, so that none always follows the same other."""
    samples: list[list[float]] = [[], [], []]
    turns = [(0, ours, rounds[0]), (1, peer, rounds[1]), (2, peer, rounds[1])]
    for turn in range(max(rounds)):
        for place, supervisor, wanted in turns:
            if turn < wanted:
                samples[place].append(sample(supervisor))
        turns = [*turns[1:], turns[0]]
    return Figure(*(statistics.median(taken) for taken in samples))


def compare_blocks(
    sample: "Callable[[Supervisor], float]", ours: "Supervisor", peer: "Supervisor", rounds: int
) -> Figure:
    """Take all samples of one, then all of the next, for what depends on the sample before."""
    figure = Figure(0, 0, 0)
    for _ in range(ATTEMPTS):
        figure = Figure(*(alone(sample, one, rounds) for one in (ours, peer, peer)))
        if figure.is_quiet:
            break
    return figure


def alone(sample: "Callable[[Supervisor], float]", one: "Supervisor", rounds: int) -> float:
    """Take the median of one supervisor's samples."""
    return statistics.median(sample(one) for _ in range(rounds))


def restart(one: "Supervisor") -> float:
    """Kill one service; how long until its next process has begun."""
    time.sleep(GAP_S)
    name, birth = one.ripe()
    begin_ns = time.monotonic_ns()
    os.kill(birth.pid, signal.SIGKILL)
    return one.wait_birth(name, birth.pid).born_ns - begin_ns


def restart_all(one: "Supervisor") -> float:
    """Kill all services at once; how long until the last of them has begun again."""
    one.wait_age(max(birth.born_ns for birth in one.born.values()))
    before = dict(one.born)
    begin_ns = time.monotonic_ns()
    for birth in before.values():
        os.kill(birth.pid, signal.SIGKILL)
    for name, birth in before.items():
        one.wait_birth(name, birth.pid)
    return max(birth.born_ns for birth in one.born.values()) - begin_ns


def obey(one: "Supervisor") -> float:
    """Command one service down; how long until its process is dead. It is taken up again."""
    time.sleep(GAP_S)
    name, birth = one.ripe()
    return command_down(one, name, birth.pid)


def obey_after_start(one: "Supervisor") -> float:
    """Command one service down right after its start; how long until its process is dead."""
    name, birth = one.ripe()
    os.kill(birth.pid, signal.SIGKILL)
    return command_down(one, name, one.wait_birth(name, birth.pid).pid)


def command_down(one: "Supervisor", name: str, pid: int) -> float:
    """Write d, wait for the death, write u, wait for the birth."""
    control, process = one.control(name), os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        begin_ns = time.monotonic_ns()
        os.write(control, b"d")
        poll.poll(20_000)
        dead_ns = time.monotonic_ns()
        os.write(control, b"u")
        one.wait_birth(name, pid)
    finally:
        os.close(control)
        os.close(process)
    return dead_ns - begin_ns


def appear(one: "Supervisor") -> float:
    """Put a complete logged service in place; how long until it has begun.

    By rename and by link in turn. Asked right after the one before has begun: that is the worst
    moment for a supervisor that looks every 5 s, and the only one that is the same each time.
    So the first of a series is not like the others; a median of three does not mind.
    """
    one.made += 1
    name = f"n{one.made:04}"
    new, listed = f"{one.root}/new/{name}", f"{one.root}/scan/{name}"
    make_service(new)
    begin_ns = time.monotonic_ns()
    if one.made % 2:
        os.rename(new, listed)
    else:
        os.symlink(new, listed)
    if one.kind.rescan:
        ask_for_rescan(f"{one.root}/scan/{one.kind.rescan}")
    return one.wait_birth(name, 0).born_ns - begin_ns


def ask_for_rescan(path: str) -> None:
    """Tell a supervisor that does not look by itself."""
    control = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(control, b"a")
    os.close(control)


def cpu_of_restarts(one: "Supervisor", count: int = 40) -> float:
    """Give the CPU time of all own processes for one restart, out of many."""
    before = {pid: procs.cpu_ns(pid) for pid in one.own()}
    for _ in range(count):
        restart(one)
    time.sleep(5 * GAP_S)
    after = {pid: procs.cpu_ns(pid) for pid in before}
    # What a starter did that has become a service meanwhile is the service's, as after C's fork.
    stayed = set(after) & set(one.own())
    return sum(after[pid] - before[pid] for pid in stayed) / count


def idle(several: "list[Supervisor]", seconds: float) -> list[float]:
    """Count how often the own processes of each supervisor wake in one and the same time."""
    own = [one.own() for one in several]
    before = [sum(map(procs.switches, pids)) for pids in own]
    time.sleep(seconds)
    after = [sum(map(procs.switches, pids)) for pids in own]
    return [late - early for early, late in zip(before, after, strict=True)]


def memory(one: "Supervisor") -> dict[str, float]:
    """Weigh a supervisor: it must be the only one that runs, or what they share weighs less."""
    own = one.own()
    return {
        "start": one.started_after_ns,
        "processes": len(own),
        "pss": sum(map(procs.pss_kb, own)),
        "svscan": procs.pss_kb(one.pid),
        "rss": procs.rss_kb(one.pid),
    }
