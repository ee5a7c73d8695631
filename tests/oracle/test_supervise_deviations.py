"""Where supervise and svscan do not do as C's: each difference, and that it is still one."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fifos import unread
from tests.oracle.runner import Pair, environment, run
from tests.oracle.supervised import Supervised, make_service, scanning, state, supervise
from tests.wait import wait_until

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]


def said(where: Path) -> list[bytes]:
    """Read what an svscan has said."""
    return (where.parent / f"{where.name}.stderr").read_bytes().splitlines()


@pytest.mark.deviation("supervise-deaf-second")
def test_supervise_hears_in_the_first_second(oracle: Oracle, tmp_path: Path) -> None:
    """A byte that comes at once after a start is obeyed at once; C has not even read it then."""
    pair = oracle("supervise")

    def is_shown(number: int) -> bool:
        where = tmp_path / str(number)
        with ExitStack() as stack:
            sides = []
            for side, program in (("ours", pair.ours), ("c", pair.c)):
                sides.append(supervise(program, make_service(where / side, "t")))
                stack.callback(sides[-1].close)
            for service in sides:
                wait_until(service.starts)
                os.write(service.control, b"d")
            wait_until(lambda: not sides[0].pid())
            return unread(sides[1].control) == 1

    assert any(is_shown(number) for number in range(10))  # not each time: the machine may be busy


@pytest.mark.deviation("supervise-repeats")
def test_supervise_does_not_repeat_itself(oracle: Oracle, tmp_path: Path) -> None:
    """C says each second why a service does not run; ours says it once, in an hour six times."""
    pair = oracle("svscan")
    with ExitStack() as stack:
        for side, program in (("ours", pair.ours), ("c", pair.c)):
            (tmp_path / side / "a").mkdir(parents=True)
            stack.enter_context(scanning(program, tmp_path / side))
        stack.callback(kill_supervise, tmp_path / "c/a")
        wait_until(lambda: len(said(tmp_path / "c")) >= 4)
        assert len(said(tmp_path / "ours")) == 1
        assert set(said(tmp_path / "ours")) == set(said(tmp_path / "c"))


def kill_supervise(path: Path) -> None:
    """End a C supervise, found by the lock it holds."""
    inode = (path / "supervise/lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        if line.split()[5].endswith(f":{inode}"):
            os.kill(int(line.split()[4]), signal.SIGKILL)


@pytest.mark.deviation("svscan-log-label")
def test_svscan_names_the_service_of_a_logger(oracle: Oracle, tmp_path: Path) -> None:
    """C says "log/run", and one has to guess whose; ours says "NAME/log/run"."""
    pair = oracle("svscan")
    lines = []
    with ExitStack() as stack:
        for side, program in (("ours", pair.ours), ("c", pair.c)):
            path = make_service(tmp_path / side / "a", down=True)
            (path / "log").mkdir()
            stack.enter_context(scanning(program, tmp_path / side))
            lines.append(wait_until(lambda side=side: said(tmp_path / side))[0])
        for name in ("a", "a/log"):
            stack.callback(kill_supervise, tmp_path / "c" / name)
    why = b"/run: file does not exist"
    assert lines[0] == b"supervise: fatal: unable to start a/log" + why
    assert lines[1] == b"supervise: fatal: unable to start log" + why


@pytest.mark.deviation("svscan-term")
def test_svscan_stops_in_order_on_term(oracle: Oracle, tmp_path: Path) -> None:
    """TERM ends C svscan and leaves all it started; ours stops the services, and exits 0."""
    pair = oracle("svscan")
    with ExitStack() as stack:
        left = []
        for side, program in (("ours", pair.ours), ("c", pair.c)):
            path = make_service(tmp_path / side / "a", "t")
            process = stack.enter_context(scanning(program, tmp_path / side))
            service = Supervised(path, None)
            stack.callback(service.close)
            pid = wait_until(lambda: service.starts() and service.pid())  # noqa: B023
            process.terminate()
            left.append((process.wait(), state(pid)))
        stack.callback(kill_supervise, tmp_path / "c/a")
    assert left == [(0, ""), (-signal.SIGTERM, "S")]


@pytest.mark.deviation("svscan-second")
def test_svscan_is_the_only_one_of_a_directory(oracle: Oracle, tmp_path: Path) -> None:
    """A second C svscan fails each 5 s at each service; ours says so and exits."""
    pair = oracle("svscan")
    with ExitStack() as stack:
        stack.enter_context(scanning(pair.ours, tmp_path))
        wait_until(lambda: (tmp_path / ".svscan/control").exists())
        second = run([pair.ours], cwd=tmp_path)
        assert (second.code, second.out) == (111, b"")
        assert second.err.startswith(b"svscan: fatal: ")
        assert second.err.endswith(b": temporary failure\n")
        for _ in range(2):
            assert stack.enter_context(scanning(pair.c, tmp_path)).poll() is None


@pytest.mark.deviation("svscan-1000")
def test_svscan_runs_more_than_1000_services(oracle: Oracle, tmp_path: Path) -> None:
    """C refuses the 1001st; ours has no such limit."""
    pair = oracle("svscan")
    with ExitStack() as stack:
        for side, program in (("ours", pair.ours), ("c", pair.c)):
            for number in range(1001):
                (tmp_path / side / str(number)).mkdir(parents=True)
                (tmp_path / side / str(number) / "down").touch()
            process = stack.enter_context(scanning(program, tmp_path / side))
            if side == "c":
                stack.callback(kill_children, process.pid)
        refused = wait_until(lambda: said(tmp_path / "c"))
        assert refused[0].endswith(b": running too many services")
        wait_until(lambda: all(has_status(tmp_path / "ours" / str(n)) for n in range(1001)))
        assert said(tmp_path / "ours") == []


def has_status(path: Path) -> bool:
    """Say whether somebody supervises, or did."""
    return (path / "supervise/ok").exists()


def kill_children(pid: int) -> None:
    """Kill the children of a process."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


@pytest.mark.deviation("supervise-takes-over")
def test_supervise_takes_over_what_runs(oracle: Oracle, tmp_path: Path) -> None:
    """After KILL of a supervise, C starts a second copy of the service; ours none."""
    pair = oracle("supervise")
    copies = []
    for side, program in (("ours", pair.ours), ("c", pair.c)):
        path = make_service(tmp_path / side, "t")
        first = supervise(program, path)
        pid = wait_until(lambda: first.starts() and first.pid())  # noqa: B023
        assert first.process
        first.process.kill()
        first.process.wait()
        second = supervise(program, path)
        if side == "c":
            wait_until(lambda: second.starts() == 2)  # noqa: B023
        os.write(second.control, b"h")
        wait_until(lambda: "h" in second.lines())  # noqa: B023
        copies.append(second.starts())
        second.close()
        os.close(first.control)
        if side == "c":
            os.kill(pid, signal.SIGKILL)
    assert copies == [1, 2]


@pytest.mark.deviation("supervise-links")
@pytest.mark.parametrize("name", ["lock", "control", "ok"])
def test_supervise_does_not_follow_links(oracle: Oracle, tmp_path: Path, name: str) -> None:
    """C makes or opens what a link in supervise/ points to; ours refuses."""
    pair = oracle("supervise")
    target = tmp_path / "target"
    if name == "lock":
        target.touch()
    else:
        os.mkfifo(target)
    for side in ("c", "ours"):
        path = make_service(tmp_path / side, down=True)
        (path / "supervise").mkdir()
        (path / "supervise" / name).symlink_to(target)
    supervise(pair.c, tmp_path / "c").close()
    result = run([pair.ours, "ours"], cwd=tmp_path)
    assert (result.code, result.err.endswith(b": symbolic link loop\n")) == (111, True)


@pytest.mark.deviation("supervise-plain-files")
@pytest.mark.parametrize("name", ["control", "ok"])
def test_supervise_insists_on_fifos(oracle: Oracle, tmp_path: Path, name: str) -> None:
    """C takes a plain file for control or ok, and nobody can command it; ours refuses."""
    pair = oracle("supervise")
    for side in ("c", "ours"):
        path = make_service(tmp_path / side, down=True)
        (path / "supervise").mkdir()
        (path / "supervise" / name).touch()
    supervise(pair.c, tmp_path / "c").close()
    result = run([pair.ours, "ours"], cwd=tmp_path)
    expected = f"supervise: fatal: unable to read ours/supervise/{name}: not a FIFO\n"
    assert (result.code, result.err.decode()) == (111, expected)


def child_of(oracle: Oracle, where: Path, fds: tuple[int, ...]) -> list[tuple[set[str], int]]:
    """Give descriptors and ignored signals of a service under ours and C's."""
    pair = oracle("supervise")
    found = []
    for side, program in (("ours", pair.ours), ("c", pair.c)):
        path = where / side
        path.mkdir()
        (path / "run").write_text("#!/bin/cat -\n")
        (path / "run").chmod(0o755)
        process = subprocess.Popen(
            [program, side],
            cwd=where,
            env=environment(),
            stdin=subprocess.PIPE,
            pass_fds=fds,
        )
        service = Supervised(path, process)

        def is_cat(service: Supervised = service) -> bool:
            pid = service.pid()
            waits = pid and "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()
            return bool(waits) and os.readlink(f"/proc/{pid}/exe").endswith("/cat")

        wait_until(is_cat)
        proc = Path(f"/proc/{service.pid()}")
        ignored = int((proc / "status").read_text().split("SigIgn:")[1].split()[0], 16)
        found.append((set(os.listdir(proc / "fd")), ignored))
        service.close()
        assert process.stdin
        process.stdin.close()
    return found


@pytest.mark.deviation("supervise-descriptors")
def test_supervise_hands_on_three_descriptors(oracle: Oracle, tmp_path: Path) -> None:
    """A descriptor that supervise got by chance goes to each service of C's, to none of ours."""
    fd = os.open("/dev/null", os.O_RDONLY)
    ours, theirs = child_of(oracle, tmp_path, (fd,))
    os.close(fd)
    assert ours[0] == {"0", "1", "2"}
    assert theirs[0] == {"0", "1", "2", str(fd)}
