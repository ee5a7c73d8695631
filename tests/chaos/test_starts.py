"""svscan killed within 2 ms of a start: whatever lives is recorded.

KILLS sets how many, SEED the random choices; contrib/soak/kills does 400 with a new seed.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from pysvscan.core import identity
from tests.chaos.services import ONCE, end, is_well, kill, pause
from tests.scan import OURS, executable, is_alive, is_supervised, status
from tests.wait import wait_until

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "40"))
SERVICES = 6
MARK = "PYSVSCAN_CHAOS"


def make_services(where: Path) -> list[Path]:
    """Make services; one whose interpreter is a script is nothing for a shell: it is forked."""
    interpreter = where / ".interpreter"
    executable(interpreter, 'exec /bin/sh "$@"')
    paths = [where / str(number) for number in range(SERVICES)]
    for number, path in enumerate(paths):
        path.mkdir()
        executable(path / "run", f"{ONCE}exec sleep 1000")
        if number % 3 == 0:
            text = (path / "run").read_text().replace("#!/bin/sh", f"#!{interpreter}")
            (path / "run").write_text(text)
    return paths


def start(where: Path, mark: str, pure: str = "0") -> subprocess.Popen[bytes]:
    """Start svscan, with its part in C or without; what it starts has the mark in its environment.

    Args:
        where: the scan directory.
        mark: by which all processes are found.
        pure: PYSVSCAN_PURE.
    """
    with (where / ".stderr").open("ab") as stderr:
        return subprocess.Popen(
            [*OURS, "svscan"],
            cwd=where,
            env={"PATH": "/usr/bin:/bin", MARK: mark, "PYSVSCAN_PURE": pure},
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )


def marked(mark: str) -> list[int]:
    """Find the processes that have this mark."""
    needle = f"{MARK}={mark}\0".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                environment = Path("/proc", name, "environ").read_bytes()
            except OSError:
                continue
            if needle in environment and is_alive(int(name)):
                found.append(int(name))
    return found


def is_settled(mark: str) -> bool:
    """Say whether all that is left of a svscan's children is services that run."""
    return all(command(number) in ("sleep", "") for number in marked(mark))


def command(number: int) -> str:
    """Give the name of what a process runs; "" for none."""
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return ""


def recorded(path: Path) -> int:
    """Give the pid in supervise/child."""
    return identity.unpack((path / "supervise/child").read_bytes()).pid


def living(path: Path) -> set[int]:
    """Find the live processes of a service, by their directory."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/cwd") == str(path):
                found.add(int(name))
        except OSError:
            continue
    return {number for number in found if is_alive(number)}


def unrecorded(path: Path) -> str:
    """Say what is wrong: a live process of a service that is not recorded, or two copies."""
    strangers = living(path) - {recorded(path)}
    if strangers:
        return f"{path.name}: {strangers} not recorded"
    return f"{path.name}: two copies" if (path / "twice").exists() else ""


def is_old(path: Path) -> bool:
    """Say whether a service has run for more than a second: if killed, it starts at once."""
    found = status(path)
    return found is not None and time.time_ns() - found.since_ns > 1_100_000_000


def test_svscan_killed_in_a_start_leaves_nothing_unrecorded(tmp_path: Path) -> None:
    """KILL within 2 ms of a start: each live process is the one in supervise/child.

    By turns with the part in C and without, so that each svscan takes over what the other left.
    """
    draw = random.Random(SEED)  # noqa: S311
    paths = make_services(tmp_path)
    with ExitStack() as stack:
        for path in paths:
            stack.callback(end, path)
        found: Counter[str] = Counter()
        for number in range(KILLS):
            mark = f"{os.getpid()}-{number}"
            svscan = start(tmp_path, mark, pure="10"[number % 2])
            stack.callback(svscan.wait)
            stack.callback(svscan.kill)
            wait_until(lambda: all(is_supervised(path) and is_well(path) for path in paths))
            old = [path for path in paths if is_old(path)]
            before = {path: kill(path) for path in draw.sample(old, min(len(old), 3))}
            pause(draw, 0.002)
            svscan.kill()
            svscan.wait()
            wait_until(lambda: is_settled(mark))  # noqa: B023
            wrong = [unrecorded(path) for path in paths]
            assert not any(wrong), f"SEED={SEED} kill {number}: {wrong}"
            found.update(outcome(path, pid) for path, pid in before.items())
        sys.stderr.write(f"SEED={SEED}, {KILLS} kills: {dict(found)}\n")
        assert found["recorded, runs"]


def outcome(path: Path, before: int) -> str:
    """Say how far a start had come, after the death of the process before."""
    if recorded(path) == before:
        return "not recorded"
    return "recorded, runs" if living(path) else "recorded, did not run"
