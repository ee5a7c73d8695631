"""supervise beside C's: what each byte does in each state, what is said of each error.

Not tested: what a byte does in the second after a start, when C is deaf (a deviation).
"""

import os
import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count, run
from tests.oracle.supervised import Look, Supervised, make_service, scanning, supervise
from tests.wait import wait_until

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]

LETTERS = [bytes([letter]) for letter in b"udoxpchaitk"] + [b"z", b"\0", b"\xff"]

# How to get there from a start: (fatal letters, down file, bytes).
STATES: dict[str, tuple[tuple[str, ...], bool, bytes]] = {
    "down": ((), True, b""),
    "down-paused": ((), True, b"p"),
    "up": (("t", "i"), False, b""),
    "paused": (("t",), False, b"p"),
    "once": (("t",), True, b"o"),
    "once-was-up": (("t",), False, b"o"),
    "once-over": (("t",), True, b"ot"),
    "wanted-down": ((), False, b"d"),
    "wanted-up-again": ((), False, b"du"),
    "leaving": (("i",), False, b"x"),
    "leaving-paused": (("i",), False, b"px"),
    "leaving-once": (("i",), True, b"ox"),
}
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
SEED = int(os.environ.get("SEED", "1"))


class Case:
    """A service, and the bytes it is sent."""

    def __init__(self, fatal: Sequence[str], down: bool, commands: bytes) -> None:
        self.fatal = fatal
        self.down = down
        self.commands = commands

    def follow(self, service: Supervised) -> list[Look]:
        """Send byte after byte, as long as supervise lives."""
        looks = [service.look()]
        for byte in self.commands:
            if looks[-1].code is not None:
                break
            looks.append(service.send(bytes([byte])))
        wait_until(service.is_over)  # a restart that should not be would have come by then
        return [*looks, service.look()]


def follow_alone(program: str, where: Path, cases: Sequence[Case]) -> list[list[Look]]:
    """Follow each case under a supervise of its own, many at a time."""

    def one(number: int) -> list[Look]:
        case = cases[number]
        path = make_service(where / str(number), *case.fatal, down=case.down)
        service = supervise(program, path)
        try:
            return case.follow(service)
        finally:
            service.close()

    with ThreadPoolExecutor(48) as pool:
        return list(pool.map(one, range(len(cases))))


def follow_hosted(svscan: str, where: Path, cases: Sequence[Case]) -> list[list[Look]]:
    """Follow all cases under one svscan."""
    paths = [
        make_service(where / str(number), *case.fatal, down=case.down)
        for number, case in enumerate(cases)
    ]
    with ExitStack() as stack, scanning(svscan, where):

        def one(number: int) -> list[Look]:
            service = Supervised(paths[number], None)
            stack.callback(service.close)
            return cases[number].follow(service)

        with ThreadPoolExecutor(48) as pool:
            return list(pool.map(one, range(len(cases))))


Follow = Callable[[], list[list[Look]]]


def compare(label: str, cases: Sequence[Case], by_c: Follow, by_us: Follow) -> None:
    """Let C and us do it at the same time; assert that all went as under C, and count."""
    with ThreadPoolExecutor(2) as pool:
        expected, got = pool.map(lambda follow: follow(), (by_c, by_us))
    for case, ours, theirs in zip(cases, got, expected, strict=True):
        assert ours == theirs, f"{label}: {case.fatal} {case.down} {case.commands!r}: ours, then C"
        count(label, len(ours))


def test_supervise_obeys_each_byte_in_each_state_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """A byte leaves the same status, process, signals and exit in every state that C has.

    After it the process is killed: what is wanted then shows.
    """
    pair = oracle("supervise")
    cases = [
        Case(fatal, down, before + letter + b"k")
        for fatal, down, before in STATES.values()
        for letter in LETTERS
        if b"x" in before + letter
    ]
    compare(
        "supervise: bytes",
        cases,
        lambda: follow_alone(pair.c, tmp_path / "c", cases),
        lambda: follow_alone(pair.ours, tmp_path / "our", cases),
    )


def test_svscan_hosts_a_service_as_c_supervise(oracle: Oracle, tmp_path: Path) -> None:
    """The same for a service in svscan's own process."""
    pair, svscan = oracle("supervise"), oracle("svscan")
    cases = [
        Case(fatal, down, before + letter + b"k")
        for fatal, down, before in STATES.values()
        for letter in LETTERS
        if b"x" not in before + letter
    ]
    (tmp_path / "our").mkdir()
    compare(
        "svscan: bytes to a hosted service",
        cases,
        lambda: follow_alone(pair.c, tmp_path / "c", cases),
        lambda: follow_hosted(svscan.ours, tmp_path / "our", cases),
    )


def test_supervise_obeys_random_bytes_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """Any sequence of bytes, to a service that ends of some signals and not of others."""
    pair, svscan = oracle("supervise"), oracle("svscan")
    draw = random.Random(SEED)  # noqa: S311
    letters = b"uuddooppcchaitk\0Z"

    def case(end: bytes) -> Case:
        fatal = [letter for letter in "ahti" if draw.random() < 0.3]
        commands = bytes(draw.choice(letters) for _ in range(draw.randint(2, 7))) + end
        return Case(fatal, draw.random() < 0.3, commands)

    hosted = [case(b"") for _ in range(300 if DEEP else 30)]
    (tmp_path / "our").mkdir()
    compare(
        f"svscan: random bytes to a hosted service, SEED={SEED}",
        hosted,
        lambda: follow_alone(pair.c, tmp_path / "c", hosted),
        lambda: follow_hosted(svscan.ours, tmp_path / "our", hosted),
    )
    alone = [case(b"x" + bytes([draw.choice(letters)])) for _ in range(100 if DEEP else 10)]
    compare(
        f"supervise: random bytes, SEED={SEED}",
        alone,
        lambda: follow_alone(pair.c, tmp_path / "c2", alone),
        lambda: follow_alone(pair.ours, tmp_path / "our2", alone),
    )


def drive(svscan: str, programs: dict[str, str], where: Path) -> list[bytes]:
    """Drive a service by svc, and write down what svok and svstat say of it and its log."""
    path = make_service(where / "a", "t")
    log = make_service(path / "log", down=True)
    said = []
    with ExitStack() as stack, scanning(svscan, where):
        services = [Supervised(path, None), Supervised(log, None)]
        for service in services:
            stack.callback(service.close)
        for letters in ("", "p", "c", "h", "t", "d", "u", "o", "d"):
            for letter in letters:
                services[0].send(letter.encode(), programs["svc"])
            services[0].look()
            result = run([programs["svstat"], "a", "a/log", "b"], cwd=where)
            said.append(re.sub(rb"\d+(?=\)| seconds)", b"N", result.out))
            said.append(b"%d" % run([programs["svok"], "a/log"], cwd=where).code)
        run([programs["svc"], "-dx", "a", "a/log"], cwd=where)
        wait_until(lambda: run([programs["svok"], "a"], cwd=where).code == 100)
        wait_until(lambda: run([programs["svok"], "a/log"], cwd=where).code == 100)
    return said


@pytest.mark.parametrize("commands", ["c", "ours"])
def test_svscan_is_driven_by_either_svc(oracle: Oracle, tmp_path: Path, commands: str) -> None:
    """C's svc, svstat and svok drive our svscan, and ours C's: all answers are the same."""
    svscan = oracle("svscan")
    pairs = {name: oracle(name) for name in ("svc", "svstat", "svok")}
    c = {name: pair.c for name, pair in pairs.items()}
    ours = {name: pair.ours for name, pair in pairs.items()}
    for name in ("expected", "got"):
        (tmp_path / name).mkdir()
    with ThreadPoolExecutor(2) as pool:
        by_c = pool.submit(drive, svscan.c, c, tmp_path / "expected")
        got = drive(svscan.ours, c if commands == "c" else ours, tmp_path / "got")
        expected = by_c.result()
    assert got == expected
    count(f"svscan: driven by svc ({commands})", len(got))
