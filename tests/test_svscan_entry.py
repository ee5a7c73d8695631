"""svscan: directories that come, go, are renamed, replaced, copied."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pysvscan import svscan
from pysvscan.core import identity, restart
from tests import scan
from tests.scan import (
    LOGGER,
    SLEEP,
    Scan,
    command,
    executable,
    is_alive,
    is_supervised,
    pid,
    read,
    service,
    untouched,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow


def test_looks_are_as_often_as_those_of_c() -> None:
    """Every 5 s where something is amiss, which the tests here do not wait for."""
    assert (svscan.TICK_NS, restart.RETRY_NS) == (5 * 10**9, 5 * 10**9)


# gone, renamed, replaced


def test_directory_that_vanishes_keeps_its_service(running: Scan) -> None:
    """A removed directory's service runs on, as in C, and nothing is said of it."""
    before = pid(running.path / "one")
    shutil.rmtree(running.path / "one")
    running.look()
    assert is_alive(before)
    assert running.lines() == []


def test_directory_that_comes_again_starts(running: Scan) -> None:
    """A new directory of an old name is another service; the old one is not ended."""
    before = pid(running.path / "one")
    shutil.rmtree(running.path / "one")
    service(running.path.with_name("new"))
    running.path.with_name("new").rename(running.path / "one")
    after = wait_up(running.path / "one", but=before)
    assert is_alive(before)
    assert is_alive(after)


def test_directory_that_is_replaced_starts_beside(running: Scan, tmp_path: Path) -> None:
    """Where another directory takes the name, both run; the old one obeys until x."""
    before = pid(running.path / "one")
    (running.path / "one").rename(tmp_path / "old")
    service(tmp_path / "new").rename(running.path / "one")
    after = wait_up(running.path / "one", but=before)
    assert is_alive(before)
    command(tmp_path / "old", b"dx")
    wait_until(lambda: not is_supervised(tmp_path / "old"))
    running.look()
    assert (pid(running.path / "one"), pid(tmp_path / "old")) == (after, 0)


@pytest.mark.parametrize("name", ["two", ".one"])
def test_directory_that_is_renamed_is_the_same(running: Scan, name: str) -> None:
    """A new name, be it one with a dot, restarts nothing; commands go to the new name."""
    before = pid(running.path / "one")
    (running.path / "one").rename(running.path / name)
    running.look()
    with untouched(running, name):
        assert pid(running.path / name) == before
    command(running.path / name, b"d")
    wait_until(lambda: pid(running.path / name) == 0)


def test_directory_that_is_renamed_is_called_so(running: Scan) -> None:
    """What is said after a rename names the file that there is."""
    (running.path / "one").rename(running.path / "two")
    running.look()
    (running.path / "two/run").unlink()
    command(running.path / "two", b"k")
    running.wait_said("supervise: fatal: unable to start two/run: file does not exist")
    assert len(running.lines()) == 1


def test_directory_with_two_names_is_one_service(running: Scan) -> None:
    """A second name, by a link, starts nothing; the first may go."""
    before = pid(running.path / "one")
    (running.path / "two").symlink_to("one")
    running.look()
    (running.path / "one").rename(running.path.with_name("elsewhere"))
    (running.path / "two").unlink()
    (running.path / "two").symlink_to("../elsewhere")
    running.look()
    assert pid(running.path / "two") == before


def test_directory_removed_by_the_book_is_forgotten(running: Scan, tmp_path: Path) -> None:
    """`rm link; svc -dx .`: no descriptor is left, and nothing comes back."""
    outside = service(tmp_path / "outside", SLEEP, LOGGER)
    (running.path / "linked").symlink_to(outside)
    wait_up(outside)
    wait_up(outside / "log")
    assert held(running, outside)
    (running.path / "linked").unlink()
    running.look()
    command(outside, b"dx")
    command(outside / "log", b"dx")
    wait_until(lambda: not is_supervised(outside) and not is_supervised(outside / "log"))
    wait_until(lambda: not held(running, outside))
    running.look()
    assert pid(outside) == pid(outside / "log") == 0


def held(running: Scan, path: Path) -> list[str]:
    """List what svscan has open at a path and below."""
    descriptors = Path(f"/proc/{running.process.pid}/fd")
    links = []
    for name in os.listdir(descriptors):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(descriptors / name))
    return [link for link in links if link.startswith(str(path))]


def test_directory_listed_is_taken_anew_after_x(running: Scan) -> None:
    """X on a listed service: gone at once, and back at the next look."""
    where = running.path / "one"
    before = pid(where)
    command(where, b"dx")
    wait_until(lambda: not is_supervised(where))
    assert not is_alive(before)
    wait_up(where, but=before)  # by itself, at the tick


# what is no directory


def test_link_that_dangles_is_said_once(running: Scan, tmp_path: Path) -> None:
    """C's line, once however often it is looked at; once its target is there, it starts."""
    (running.path / "broken").symlink_to(tmp_path / "target")
    for _ in range(3):
        running.look()
    assert running.lines() == ["svscan: warning: unable to stat broken: file does not exist"]
    service(tmp_path / "target")
    wait_up(tmp_path / "target")


def test_link_loop_is_said_once(running: Scan) -> None:
    """A link to itself is named with its cause."""
    (running.path / "loop").symlink_to("loop")
    for _ in range(2):
        running.look()
    assert running.lines() == ["svscan: warning: unable to stat loop: symbolic link loop"]


def test_file_is_passed_over(running: Scan) -> None:
    """A file is no service, as in C; a directory in its place is one."""
    (running.path / "file").write_text("notes\n")
    os.mkfifo(running.path / "fifo")
    running.look()
    assert running.lines() == []
    (running.path / "file").unlink()
    service(running.path / "file")
    wait_up(running.path / "file")


# new ones


@pytest.mark.parametrize("how", ["link", "rename"])
def test_complete_directory_starts_at_once(running: Scan, tmp_path: Path, how: str) -> None:
    """A link, or a directory moved in, does not wait for quiet: it is up before one made in place.

    That one was begun before, and is complete only 1 s after its last change.
    """
    service(running.path / "in-place")
    outside = service(tmp_path / "outside")
    inside = running.path / "inside"
    if how == "link":
        inside.symlink_to(outside)
    else:
        outside.rename(inside)
    wait_up(inside)
    assert pid(running.path / "in-place") == 0 or stamp(inside) < stamp(running.path / "in-place")
    wait_up(running.path / "in-place")


def stamp(where: Path) -> int:
    """Give the moment of a service's start."""
    found = scan.status(where)
    assert found
    return found.since_ns


def test_directory_copied_in_has_its_log_each_time(running: Scan, tmp_path: Path) -> None:
    """`cp -a` of a complete logged service, 50 times: every line arrives in its log."""
    model = service(tmp_path / "model", f"echo hello from $$; {SLEEP}", LOGGER)
    copies = [running.path / f"copy{number}" for number in range(50)]
    for at in range(0, 50, 10):
        started = [subprocess.Popen(["cp", "-a", model, copy]) for copy in copies[at : at + 10]]
        assert [process.wait() for process in started] == [0] * 10
    for copy in copies:
        line = f"hello from {wait_up(copy)}\n"
        wait_until(lambda copy=copy, line=line: read(copy / "log/main/current") == line)


def test_directory_copied_while_running_is_another_service(running: Scan) -> None:
    """A copy made with its supervise/ does not claim the original's process; both run."""
    one, copy = running.path / "one", running.path / "copy"
    with untouched(running, "one"):
        subprocess.run(["cp", "-a", one, copy], check=True)
        after = wait_up(copy, but=pid(one))
        command(copy, b"d")
        wait_until(lambda: pid(copy) == 0)
        assert not is_alive(after)
    recorded = identity.unpack((one / "supervise/child").read_bytes())
    assert recorded.pid == pid(one)


def test_directory_made_slowly_waits_for_run(running: Scan) -> None:
    """Without run, nothing is said before the patience of 5 s is over; with it, it starts."""
    where = running.path / "slow"
    where.mkdir()
    running.look()
    (where / "env").mkdir()
    executable(where / "run", SLEEP)
    wait_up(where)
    assert running.lines() == []
