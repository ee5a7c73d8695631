"""svscan: a `run` that cannot be started, or does not behave; and `down`, and floods.

Not tested: that a service which exits at once is named: C says nothing of it either.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import scan
from tests.fifos import unread_at
from tests.scan import Scan, executable, pid, scanning, service, untouched, wait_up
from tests.wait import wait_until


def missing(run: Path) -> None:
    """No run at all."""
    run.unlink()


def not_executable(run: Path) -> None:
    """A script without its x bits."""
    run.chmod(0o644)


def directory(run: Path) -> None:
    """A directory of this name."""
    run.unlink()
    run.mkdir()


def no_interpreter_line(run: Path) -> None:
    """A script that only a shell would run."""
    run.write_text(scan.SLEEP + "\n")


def no_interpreter(run: Path) -> None:
    """A script of an interpreter that is not there."""
    run.write_text("#!/nonexistent/sh\n")


def empty(run: Path) -> None:
    """A file of no bytes."""
    run.write_text("")


def garbage(run: Path) -> None:
    """Bytes that no kernel executes."""
    run.write_bytes(bytes(range(256)))


def dangling(run: Path) -> None:
    """A link that leads nowhere."""
    run.unlink()
    run.symlink_to("nowhere")


Spoil = Callable[[Path], None]
SPOILT: list[tuple[Spoil, str]] = [
    (missing, "file does not exist"),
    (not_executable, "access denied"),
    (directory, "access denied"),
    (no_interpreter_line, "exec format error"),
    (no_interpreter, "file does not exist"),
    (empty, "exec format error"),
    (garbage, "exec format error"),
    (dangling, "file does not exist"),
]
IDS = [spoil.__name__ for spoil, _ in SPOILT]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scan]:
    """Run svscan on one service per kind of bad run, and two good ones."""
    path = tmp_path_factory.mktemp("run") / "service"
    for spoil, _ in SPOILT:
        spoil(service(path / spoil.__name__) / "run")
    with scanning(path, "good", "fine") as running, untouched(running, "good", "fine"):
        seen: set[bytes] = set()
        wait_until(lambda: has_tried_all(path, seen))
        yield running


def has_tried_all(path: Path, seen: set[bytes]) -> bool:
    """Note whom each service has recorded; say whether each was tried three times."""
    children = [path / spoil.__name__ / "supervise/child" for spoil, _ in SPOILT]
    seen.update(child.read_bytes() for child in children if child.exists())
    return len(seen) >= 3 * len(SPOILT)


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "cause"), SPOILT, ids=IDS)
def test_run_that_cannot_start_is_said_once(spoilt: Scan, spoil: Spoil, cause: str) -> None:
    """The line is C's, and it comes once however often the start is tried."""
    name = spoil.__name__
    line = f"supervise: fatal: unable to start {name}/run: {cause}"
    spoilt.wait_said(line)
    assert [said for said in spoilt.lines() if f"{name}/" in said] == [line]


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "cause"), SPOILT, ids=IDS)
def test_run_that_is_mended_starts(spoilt: Scan, spoil: Spoil, cause: str) -> None:
    """A good run in its place starts by itself."""
    where = spoilt.path / spoil.__name__
    spoilt.wait_said(f"supervise: fatal: unable to start {where.name}/run: {cause}")
    if spoil is directory:
        (where / "run").rmdir()
    executable(where / "run", scan.SLEEP)
    wait_until(lambda: is_sleeping(where))


# What it does by itself now and then, it does not do in this test's life.
PATIENT = """
import sys
from pysvscan import svscan
from pysvscan.core import restart
svscan.TICK_NS *= 1000
restart.RETRY_NS *= 1000
restart.delay = lambda failures: 10**13
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


@pytest.mark.slow
def test_run_that_is_mended_starts_at_once(tmp_path: Path) -> None:
    """Whoever mends it need not wait for the next try: its directory is watched."""
    where = service(tmp_path / "service/bad")
    not_executable(where / "run")
    with scanning(tmp_path / "service", program=(sys.executable, "-I", "-c", PATIENT)) as running:
        running.wait_said("supervise: fatal: unable to start bad/run: access denied")
        # It is said, then watched: mended in between, it would be tried again later.
        wait_until(lambda: is_sleeping(where) or (where / "run").chmod(0o755))


def is_sleeping(where: Path) -> bool:
    """Say whether the service has become what its run executes."""
    try:
        return Path(f"/proc/{pid(where)}/comm").read_text() == "sleep\n"
    except OSError:
        return False


@pytest.mark.slow
def test_run_whose_interpreter_comes_starts(tmp_path: Path) -> None:
    """What is missing may be elsewhere, where nobody watches: it is tried again."""
    where = service(tmp_path / "service/late")
    (where / "run").write_text(f"#!{tmp_path}/sh\n{scan.SLEEP}\n")
    with scanning(tmp_path / "service", "good") as running, untouched(running, "good"):
        running.wait_said("supervise: fatal: unable to start late/run: file does not exist")
        (tmp_path / "sh").symlink_to("/bin/sh")
        wait_until(lambda: is_sleeping(where))


@pytest.mark.slow
def test_run_that_exits_at_once_starts_each_second(tmp_path: Path) -> None:
    """It is started again and again, not sooner than C would, and nobody else minds."""
    where = service(tmp_path / "service/quick", "echo x >> started; exit 1")
    with scanning(tmp_path / "service", "good") as running, untouched(running, "good"):
        wait_until(lambda: (where / "started").exists() and size(where / "started") >= 6)
        assert running.lines() == []


def size(path: Path) -> int:
    """Give the size of a file."""
    return path.stat().st_size


@pytest.mark.slow
def test_run_that_floods_its_pipe_waits(tmp_path: Path) -> None:
    """Without a reader it blocks, svscan goes on; once its logger works, every line arrives."""
    flood = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000"
    where = service(tmp_path / "service/flood", flood, "exit 111")
    with scanning(tmp_path / "service", "good") as running, untouched(running, "good"):
        wait_until(lambda: (where / "supervise/pipe").exists())
        wait_until(lambda: unread_at(where / "supervise/pipe") > 60_000)
        running.look()
        executable(where / "log/run", scan.LOGGER)
        wait_until(lambda: b"line 19999\n" in archived(where))
        assert archived(where) == b"".join(b"line %d\n" % i for i in range(20000))


def archived(where: Path) -> bytes:
    """Give all that a logger has written."""
    found = [*sorted((where / "log/main").glob("@*")), where / "log/main/current"]
    return b"".join(path.read_bytes() for path in found if path.exists())


@pytest.mark.slow
def test_down_that_appears_is_for_the_next_supervise(tmp_path: Path) -> None:
    """A running service minds `down` no more than in C; after x it is read again."""
    with scanning(tmp_path / "service", "one", "good") as running, untouched(running, "good"):
        where = running.path / "one"
        with untouched(running, "one"):
            (where / "down").touch()
            running.look()
        scan.command(where, b"dx")
        wait_until(lambda: not scan.is_supervised(where))
        running.look()
        wait_until(lambda: scan.is_supervised(where))
        running.barrier()
        assert pid(where) == 0
        (where / "down").unlink()
        scan.command(where, b"x")
        wait_until(lambda: not scan.is_supervised(where))
        running.look()
        wait_up(where)
