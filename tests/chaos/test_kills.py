"""svscan and supervise killed at random, while services restart.

KILLS sets how many, SEED the random choices; contrib/soak/kills draws a new seed and prints it.
"""

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.services import RESTARTS, RUNS, end, holders, is_well, kill, make, pause
from tests.scan import OURS, starts
from tests.wait import wait_until

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "50"))


class Supervisor:
    """A svscan or supervise that is killed and started anew."""

    def __init__(self, words: Sequence[str], where: Path) -> None:
        self.words = words
        self.where = where
        self.said = where / f".{words[-1]}.stderr"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start one, in a session of its own."""
        with self.said.open("ab") as stderr:
            return subprocess.Popen(
                [*OURS, *self.words],
                cwd=self.where,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it; that it is still there says that it could take everything over."""
        assert self.process.poll() is None, self.said.read_text()
        self.process.kill()
        self.process.wait()

    def replace(self) -> None:
        """Kill it, and start another at once."""
        self.kill()
        self.process = self.start()


def check(paths: Sequence[Path], killed: set[int]) -> None:
    """Assert that never two copies ran, and that no process is gone but those that were killed."""
    for path in paths:
        twice = path / "twice"
        assert not twice.exists(), f"SEED={SEED}: {path.name} {twice.read_text()}"
        if path.name not in RESTARTS:
            gone = [number for number in starts(path) if number not in holders(path)]
            assert set(gone) <= killed, f"SEED={SEED}: {path.name} {starts(path)}"


def chaos(
    supervisors: Sequence[Supervisor], paths: Sequence[Path], draw: random.Random
) -> set[int]:
    """Kill supervisors, and services as well; give the pids of the services killed."""
    killed = set()
    for _ in range(KILLS):
        pause(draw, 0.3)
        for path in draw.sample(paths, draw.choice((0, 0, 1, 2))):
            killed.add(kill(path))
        pause(draw, draw.choice((0, 0.002, 0.03)))
        draw.choice(supervisors).replace()
    return killed


def settle(paths: Sequence[Path]) -> None:
    """Wait until each service is up; those that end again and again, until they start once more."""
    for path in paths:
        if path.name in RESTARTS:
            before = len(starts(path))
            wait_until(lambda: len(starts(path)) > before + 1)  # noqa: B023
        else:
            wait_until(lambda: is_well(path))  # noqa: B023


def test_svscan_killed_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """However often svscan is killed, only killed services change their pid; none runs twice."""
    draw = random.Random(SEED)  # noqa: S311
    paths = [make(tmp_path / kind, kind) for kind in RUNS]
    paths += [tmp_path / "logged/log"]
    kept = [make(tmp_path / "kept", "logged"), tmp_path / "kept/log"]  # nobody kills these
    with ExitStack() as stack:
        for path in (*paths, *kept):
            stack.callback(end, path)
        svscan = Supervisor(["svscan"], tmp_path)
        stack.callback(svscan.kill)
        settle([*paths, *kept])
        killed = chaos([svscan], paths, draw)
        settle([*paths, *kept])
        check([path for path in (*paths, *kept) if path != tmp_path / "logged/log"], killed)
        assert len(killed) > 1
        check_logger(tmp_path / "logged", killed)
        check_order(tmp_path / "logged")
        check_lines(tmp_path / "kept")


def check_logger(path: Path, killed: set[int]) -> None:
    """Assert the same of a logger, which also ends when service and svscan are dead: at EOF."""
    assert not (path / "log/twice").exists(), f"SEED={SEED}"
    ended = set(starts(path / "log")[:-1]) - killed
    assert len(ended) <= len(killed & set(starts(path))), f"SEED={SEED}: {starts(path / 'log')}"


def check_lines(path: Path) -> None:
    """Assert that each line that the service wrote is in its log, in order, once."""
    for written, logged in logs(path):
        assert logged == [f"{logged[0].split()[0]} {index}" for index in range(len(logged))]
        assert logged[: len(written)] == written


def check_order(path: Path) -> None:
    """Assert that no line is there twice or out of order.

    Some may be missing: KILL of a logger loses what it has read, and what nobody has read is lost
    when service, logger and svscan are dead at the same time.
    """
    for _, logged in logs(path):
        indexes = [int(line.split()[1]) for line in logged]
        assert indexes == sorted(set(indexes))


def logs(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Give what each process of a service wrote, and what its log has of it."""
    log = path / "log/main"
    lines = (path / "written").read_text().splitlines()
    wait_until(lambda: any(f"{lines[-1]}\n" in text for text in texts(log)))
    found = [line for text in texts(log) for line in text.splitlines()]
    for number in dict.fromkeys(line.split()[0] for line in lines):  # a pid
        written = [line for line in lines if line.startswith(f"{number} ")]
        yield written, [line for line in found if line.startswith(f"{number} ")]


def texts(log: Path) -> list[str]:
    """Read all files of a log, oldest first."""
    return [(log / name).read_text() for name in sorted(os.listdir(log)) if name[0] in "@c"]


def test_supervise_killed_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The same for supervise processes of their own."""
    draw = random.Random(SEED)  # noqa: S311
    kinds = [kind for kind in RUNS if kind != "logged"]
    paths = [make(tmp_path / kind, kind) for kind in kinds]
    with ExitStack() as stack:
        for path in paths:
            stack.callback(end, path)
        supervisors = [Supervisor(["supervise", kind], tmp_path) for kind in kinds]
        for supervisor in supervisors:
            stack.callback(supervisor.kill)
        settle(paths)
        killed = chaos(supervisors, paths, draw)
        settle(paths)
        check(paths, killed)
        assert len(killed) > 1
