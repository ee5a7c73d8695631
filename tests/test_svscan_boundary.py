"""svscan: one bad service stays one bad service, whatever is raised while it is served.

One svscan hosts a service per place where an exception is raised, and good ones; it is raised
only while the place is armed. RuntimeError stands for the error nobody thought of.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import logs, scan
from tests.scan import (
    Scan,
    command,
    executable,
    is_alive,
    is_supervised,
    pid,
    scanning,
    service,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow

DRIVER = """
import os, sys
from pysvscan import childfile, entry, files, servicestatus, supervise
armed, places = sys.argv.pop(), sys.argv.pop().split()
OWNERS = {
    "Entry": entry.Entry, "Files": files.Files, "Supervise": supervise.Supervise,
    "Child": childfile, "Status": servicestatus,
}

def inject(place):
    moment, owner, name = place.split("-")
    owner = OWNERS[owner]
    whole = getattr(owner, name)
    def injected(self, *args, **named):
        raises = self.label == place.encode() and os.path.exists(f"{armed}/{place}")
        if raises and moment == "before":
            raise RuntimeError("injected")
        result = whole(self, *args, **named)
        if raises:
            raise RuntimeError("injected")
        return result
    setattr(owner, name, injected)

for place in places:
    inject(place)
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""
# Where it is raised, and what brings that about: control bytes, or "look".
PLACES = {
    "before-Supervise-obey": "p",
    "before-Supervise-feed": "p",
    "after-Supervise-feed": "c",
    "before-Supervise-happen": "u",
    "after-Supervise-happen": "p",
    "before-Supervise-died": "k",
    "after-Supervise-died": "k",
    "before-Supervise-start": "k",
    "after-Supervise-start": "k",
    "before-Supervise-take": "k",
    "after-Supervise-take": "k",
    "before-Supervise-release": "k",
    "after-Supervise-release": "k",
    "before-Supervise-wait": "kk",
    "before-Supervise-kill": "t",
    "before-Supervise-announce": "p",
    "before-Supervise-renew": "look",
    "before-Child-record": "k",
    "after-Child-record": "k",
    "before-Status-replace": "p",
    "before-Entry-tend": "look",
    "before-Entry-take_main": "look",
    "before-Entry-join_log": "k",
    "before-Entry-take_log": "look",
    "before-Entry-changed": "d",
    "after-Entry-changed": "d",
    "before-Supervise-open": "x",
    "after-Supervise-open": "x",
    "before-Supervise-begin": "x",
    "before-Supervise-adopt": "x",
    "before-Files-take": "x",
    "before-Entry-try_again": "change",
}
GOOD = [f"good{number}" for number in range(18)]
RUN = f"echo $$ >> started; {scan.SLEEP}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scan]:
    """Run svscan with a logged service for each place, and good ones; raise at all places at once.

    When the tests look, nothing is raised any more, and each service is supervised again.
    """
    path = tmp_path_factory.mktemp("boundary") / "service"
    armed = path.with_name("armed")
    armed.mkdir()
    for place in PLACES:
        service(path / place, RUN, scan.LOGGER)
    # The driver takes its own words off the end.
    program = (*scan.OURS[:2], "-c", DRIVER)
    with scanning(path, *GOOD, program=program, words=(" ".join(PLACES), str(armed))) as found:
        before = found.pids(*GOOD, *PLACES, *(f"{place}/log" for place in PLACES))
        path.with_name("before").write_text(json.dumps(before))
        for place, how in PLACES.items():
            provoke(found, path / place, how)
        for place in PLACES:
            wait_until(lambda place=place: aside(found, place))
            assert len(alive(path / place)) <= 1
        shutil.rmtree(armed)
        armed.mkdir()
        for place in (place for place, how in PLACES.items() if how == "d"):
            wait_until(lambda place=place: is_supervised(path / place))
            command(path / place, b"u")
        for place in PLACES:
            wait_until(lambda place=place: is_one(path / place))
        yield found
        assert found.pids(*GOOD) == before[: len(GOOD)]


def alive(where: Path) -> list[int]:
    """List the processes of a service that live: those that its run has noted."""
    numbers = [int(line) for line in (where / "started").read_text().split()]
    return [number for number in numbers if is_alive(number)]


def provoke(running: Scan, where: Path, how: str) -> None:
    """Do what makes svscan meet the exception."""
    if how != "change":
        arm(running, where)
    if how == "look":
        running.process.send_signal(1)
    elif how == "change":
        (where / "run").rename(where / "run.old")
        command(where, b"k")
        running.wait_said(
            f"supervise: fatal: unable to start {where.name}/run: file does not exist"
        )
        arm(running, where)
        executable(where / "run", RUN)
    elif how == "kk":  # the second within a second of the start, if the machine has the time
        while not aside(running, where.name):
            kill_again(running, where, pid(where))
    else:
        command(where, {"x": b"xk"}.get(how, how.encode()))


def kill_again(running: Scan, where: Path, before: int) -> None:
    """Have a service killed, and wait until it is started again, or set aside."""
    with contextlib.suppress(OSError):  # set aside since we looked
        command(where, b"k")
    wait_until(lambda: aside(running, where.name) or pid(where) not in (0, before))


def arm(running: Scan, where: Path) -> Path:
    """Have the exception raised from now on."""
    found = running.path.with_name("armed") / where.name
    found.touch()
    return found


def aside(running: Scan, place: str) -> list[str]:
    """List the lines that say that a service is set aside."""
    return [line for line in running.lines() if line.startswith(f"svscan: warning: {place} set")]


def is_one(where: Path) -> bool:
    """Say whether a service is supervised, and has one process, the one that is announced."""
    return is_supervised(where) and alive(where) == [pid(where)]


@pytest.mark.parametrize("place", PLACES)
def test_exception_sets_one_service_aside(running: Scan, place: str) -> None:
    """It is said with its cause, and taken up again: one process, that obeys, and never two.

    A process that was not killed on purpose is the same as before, and so is the logger.
    """
    where = running.path / place
    assert "RuntimeError('injected') in " in aside(running, place)[0]
    names = [*GOOD, *PLACES, *(f"{place}/log" for place in PLACES)]
    before = dict(zip(names, json.loads(running.path.with_name("before").read_text()), strict=True))
    assert pid(where / "log") == before[f"{place}/log"]
    if PLACES[place] in ("look", "p", "c", "u"):
        assert pid(where) == before[place]
    number = pid(where)
    command(where, b"ck")
    wait_up(where, but=number)
    wait_until(lambda: is_one(where))
    assert running.pids(*GOOD) == [before[name] for name in GOOD]


def test_exception_is_said_at_growing_intervals(running: Scan) -> None:
    """While it is raised again and again, the intervals double."""
    place = "before-Entry-tend"
    where = running.path / place
    said = len(aside(running, place))
    armed = arm(running, where)
    running.process.send_signal(1)
    wait_until(lambda: len(aside(running, place)) >= said + 2)
    armed.unlink()
    first, second = (seconds(line) for line in aside(running, place)[said : said + 2])
    assert second == 2 * first


def seconds(line: str) -> int:
    """Read for how long a service is set aside."""
    return int(line.split(" set aside for ")[1].split()[0])


@pytest.mark.parametrize("place", ["before-Supervise-leave", "before-Supervise-died"])
def test_exception_while_stopping_holds_nobody(tmp_path: Path, place: str) -> None:
    """Svscan stops the others and leaves; what lives on is found again by the next svscan."""
    path, armed = tmp_path / "service", tmp_path / "armed"
    armed.mkdir()
    service(path / place, RUN)
    program = (*scan.OURS[:2], "-c", DRIVER)
    with scanning(path, "good", program=program, words=(place, str(armed))) as found:
        number, good = found.pids(place, "good")
        arm(found, path / place)
        assert found.stop() == 0
        assert len(aside(found, place)) == 1
        assert not is_alive(good)
        assert is_alive(number) == (place == "before-Supervise-leave")
        (armed / place).unlink()
        found.start()
        wait_until(lambda: is_one(path / place))
        assert (pid(path / place) == number) == (place == "before-Supervise-leave")


def test_stop_waits_for_a_service_that_is_set_aside(tmp_path: Path) -> None:
    """It is taken up again for its end, though it is the last, and all others are down already."""
    path, armed, place = tmp_path / "service", tmp_path / "armed", "before-Entry-tend"
    armed.mkdir()
    (service(path / "down") / "down").touch()
    program = (*scan.OURS[:2], "-c", DRIVER)
    with scanning(path, program=program, words=(place, str(armed))) as found:
        wait_until(lambda: is_supervised(path / "down"))
        service(tmp_path / place).rename(path / place)
        number = wait_up(path / place)
        armed_at = arm(found, path / place)
        found.process.send_signal(signal.SIGHUP)
        wait_until(lambda: aside(found, place))
        assert found.stop() == 0
        assert (is_alive(number), pid(path / place)) == (False, 0)
        armed_at.unlink()
        found.start()


def test_lines_wait_while_a_service_is_set_aside_and_descriptors_are_short(tmp_path: Path) -> None:
    """Svscan keeps the pipe of an entry that it cannot take up again: its process may die."""
    path, armed, place = tmp_path / "service", tmp_path / "armed", "before-Supervise-feed"
    armed.mkdir()
    where = logs.service(path / place, f"echo $$; {scan.SLEEP}")
    program = (*scan.OURS[:2], "-c", DRIVER)
    with scanning(path, program=program, words=(place, str(armed))) as found:
        first = wait_up(where)
        wait_until(lambda: b"%d\n" % first in logs.text(where / "log/main"))
        command(where / "log", b"p")
        command(where, b"k")
        number = wait_up(where, but=first)
        scan.wait_started(where)  # its line is in the pipe now
        arm(found, where)
        limit = resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
        command(where, b"p")
        end = "unable to start more services: process cannot open more files"
        found.wait_said(f"svscan: warning: {end}")
        os.kill(number, signal.SIGKILL)
        (armed / place).unlink()
        resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE, limit)
        wait_until(lambda: is_supervised(where / "log"))
        command(where / "log", b"c")
        wait_until(lambda: b"%d\n" % number in logs.text(where / "log/main"))
