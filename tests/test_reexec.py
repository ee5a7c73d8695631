"""svscan executes itself anew: same pid, same services, nothing forgotten; or it says why not."""

import contextlib
import functools
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan.core import history
from tests.conftest import Installed
from tests.fifos import unread_at
from tests.scan import (
    Scan,
    command,
    is_supervised,
    pid,
    read,
    scanning,
    service,
    status,
    untouched,
    wait_started,
    wait_up,
)
from tests.wait import wait_until

pytestmark = pytest.mark.slow

BUILT_IN = f"""
[log]
script = "s16777215 ./main"
user = "{"root" if os.geteuid() == 0 else ""}"
""".replace('user = ""\n', "")


def pipes(scan: Scan) -> set[str]:
    """List svscan's pipes: those of the wakeup descriptor are another image's after an exec."""
    return pipes_of(scan.process.pid)


def pipes_of(number: int) -> set[str]:
    """List the pipes of a process."""
    found = set()
    for fd in Path(f"/proc/{number}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(os.readlink(fd))
    return {link for link in found if link.startswith("pipe:")}


def reexecute(scan: Scan) -> None:
    """Have svscan execute itself anew, and wait until it has."""
    before = pipes(scan)
    scan.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: not pipes(scan) & before)
    wait_until(scan.listens)


def said(where: Path) -> bytes:
    """Read the status."""
    return (where / "supervise/status").read_bytes()


def is_read(where: Path) -> bool:
    """Say whether nothing is left in a service's pipe."""
    return unread_at(where / "supervise/pipe") == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a scan directory with services of all kinds, not to be started or with a logger."""
    path = tmp_path / "service"
    service(path / "plain")
    service(path / "logged", "while :; do date +%s.%N; sleep 0.05; done", "exec multilog ./main")
    service(path / "built-in", "while :; do date +%s.%N; sleep 0.05; done")
    (path / "built-in/service.toml").write_text(BUILT_IN)
    (path / "built-in/log").mkdir()
    service(path / "held")
    (path / "held/down").touch()
    return path


@pytest.fixture
def scan(path: Path) -> Iterator[Scan]:
    """Run svscan there."""
    with scanning(path) as scan:
        for name in ("plain", "logged", "logged/log", "built-in", "built-in/log"):
            wait_up(path / name)
        yield scan


def test_reexec_keeps_everything(scan: Scan, path: Path) -> None:
    """Services keep their processes and what was commanded; the built-in log goes on."""
    command(path / "plain", b"o")
    command(path / "logged", b"p")
    wait_until(lambda: (found := status(path / "logged")) and found.paused)
    before = {name: said(path / name) for name in ("plain", "logged", "held")}
    paused, logger = pid(path / "logged"), pid(path / "built-in/log")
    with untouched(scan, "plain", "logged", "logged/log", "built-in"):
        reexecute(scan)
        wait_up(path / "built-in/log", but=logger)
        reexecute(scan)
    command(path / "logged", b"u")  # has the status written anew
    scan.barrier()
    assert {name: said(path / name) for name in before} == before
    os.kill(pid(path / "plain"), signal.SIGKILL)  # once: it stays down
    wait_until(lambda: pid(path / "plain") == 0)
    last = history.unpack((path / "plain/supervise/history").read_bytes()).ends[0]
    assert last.wstatus == signal.SIGKILL
    scan.barrier()
    command(path / "logged", b"ct")
    wait_up(path / "logged", but=paused)


def test_reexec_obeys_what_came_meanwhile(scan: Scan, path: Path) -> None:
    """A command and a death while no image serves are served by the next one."""
    first = pid(path / "plain")
    os.kill(scan.process.pid, signal.SIGSTOP)
    scan.process.send_signal(signal.SIGUSR2)
    command(path / "held", b"u")
    os.kill(first, signal.SIGKILL)
    os.kill(scan.process.pid, signal.SIGCONT)
    wait_up(path / "held")
    wait_up(path / "plain", but=first)


# versions that cannot go on


def edit(file: Path, before: str, after: str) -> Callable[[], None]:
    """Change a file of the installed package, however often in a second; give what undoes that."""
    text = file.read_text()
    assert before in text

    def write(new: str) -> None:
        file.unlink()
        file.write_text(new)
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)

    write(text.replace(before, after))
    return lambda: write(text)


def hide(file: Path) -> Callable[[], None]:
    """Take a file away; give what brings it back."""
    hidden = file.with_name(f"{file.name}.hidden")
    file.rename(hidden)
    return lambda: hidden.rename(file) and None


LACKING = (
    "svscan: warning: unable to go on, trying again in 1 s: "
    "ModuleNotFoundError: No module named 'pysvscan'"
)
RESUMED = '"""Go on after an exec, where another image of us left off; all is held already."""'
RAISING = """
        if self.label == b"plain":
            raise RuntimeError("injected")
"""
ASIDE = "svscan: warning: plain set aside for 1 s: RuntimeError('injected')"
REFUSED = "svscan: warning: unable to re-execute, going on"
BROKEN: dict[str, tuple[Callable[[Installed], Callable[[], None]], str]] = {
    "syntax error": (
        lambda it: edit(it.library / "pysvscan/loop.py", "import os", "import os import"),
        "SyntaxError: invalid syntax",
    ),
    "syntax error in the logger": (
        lambda it: edit(it.library / "pysvscan/logger.py", "import os", "import os import"),
        "SyntaxError: invalid syntax",
    ),
    "missing dependency": (
        lambda it: hide(it.library / "dependencies.pth"),
        "ModuleNotFoundError: No module named ",
    ),
    "state of another version": (
        lambda it: edit(it.library / "pysvscan/core/handover.py", "VERSION = 1", "VERSION = 2"),
        "svscan: fatal: a state of version 1, and this one takes 2",
    ),
    "removed interpreter": (
        lambda it: hide(it.python),
        "file does not exist",
    ),
    "no package": (
        lambda it: hide(it.library / "pysvscan"),
        "/pysvscan/reentry.py: file does not exist",
    ),
    "death": (
        lambda it: edit(
            it.library / "pysvscan/loop.py", "import os", "import os; os.abort()\nimport os"
        ),
        "signal 6",
    ),
}


@pytest.fixture
def own(installed: Installed, tmp_path: Path) -> Installed:
    """Install the package once more, to be broken."""
    shutil.copytree(installed.root, tmp_path / "venv", symlinks=True)
    return Installed(tmp_path / "venv", installed.wheel, installed.base)


def test_reexec_into_a_broken_version_is_refused(own: Installed, path: Path) -> None:
    """The old version goes on, each time, and says why in one line; another it executes.

    What that cannot go on with it sets aside, and takes over as if svscan had died.
    """
    program = (str(own.python), "-I", "-m", "pysvscan")
    with scanning(path, program=program) as scan:
        names = ("plain", "logged", "logged/log", "built-in")
        scan.pids(*names, "built-in/log")
        with untouched(scan, *names, "built-in/log"):
            for breakage, why in BROKEN.values():
                before, image = len(scan.lines()), pipes(scan)
                repair = breakage(own)
                scan.process.send_signal(signal.SIGUSR2)
                wait_until(lambda: len(scan.lines()) > before)  # noqa: B023
                repair()
                assert len(scan.lines()) == before + 1
                assert scan.lines()[-1].startswith(f"{REFUSED}: ")
                assert why in scan.lines()[-1]
                assert pipes(scan) & image
        edit(own.library / "pysvscan/supervise.py", RESUMED, RESUMED + RAISING)
        with untouched(scan, *names):
            reexecute(scan)
            wait_until(lambda: any(line.startswith(ASIDE) for line in scan.lines()))
            wait_until(lambda: is_supervised(path / "plain"))
            command(path / "plain", b"o")
            wait_until(lambda: (found := status(path / "plain")) and found.want == b"\0")


BREAKING = """
import errno, os, sys
from pysvscan import reexec
library, order = sys.argv.pop(), sys.argv.pop()
whole, execve = reexec.Reexec.become, os.execve

def once(*_):
    os.execve = execve
    raise OSError(errno.ENOMEM, "")

if order == "no directory":
    os.execve = once

def become(self, scan, material):
    if order in ("keep", "ruin"):
        os.rename(library, library + ".hidden")
    if order == "ruin":
        os.ftruncate(material.code, 0)
    elif order == "no directory":
        scan = scan._replace(directory=scan.control)
    elif order == "no state":
        reexec.pack = lambda _: b"rubbish"
    whole(self, scan, material)

reexec.Reexec.become = become
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


def test_reexec_into_a_version_that_breaks_after_the_trial(own: Installed, path: Path) -> None:
    """What was tried is executed, also where its files are gone; else all waits for the files."""
    program = (str(own.python), "-I", "-c", BREAKING)
    library = own.library / "pysvscan"
    for order in ("keep", "ruin"):
        with scanning(path, program=program, words=(order, str(library))) as scan:
            scan.barriers = 10 * len(list(path.glob("barrier*")))
            names = ("plain", "logged", "logged/log", "built-in")
            logger = scan.pids(*names, "built-in/log")[-1]
            with untouched(scan, *names):
                if order == "keep":
                    reexecute(scan)
                    scan.barrier()
                else:
                    scan.process.send_signal(signal.SIGUSR2)
                    wait_until(lambda: LACKING in scan.lines())
                    command(path / "plain", b"o")
                library.with_name("pysvscan.hidden").rename(library)
                wait_until(scan.listens)
                wait_up(path / "built-in/log", but=logger)
                scan.barrier()


ANEW = "svscan: warning: unable to go on, starting anew in 0 s: "
CANNOT = {
    "no directory": "NotADirectoryError: [Errno 20] Not a directory",
    "no state": "HandoverError: no state of a svscan",
}


def given(number: int) -> tuple[str, str, bytes]:
    """Give what svscan must not change for a service: blocked signals, limits, environment."""
    of = Path(f"/proc/{number}")
    blocked = next(it for it in read(of / "status").splitlines() if it.startswith("SigBlk"))
    return blocked, read(of / "limits"), (of / "environ").read_bytes()


def test_reexec_that_cannot_take_the_state_starts_anew(path: Path) -> None:
    """All is taken over as if svscan had been killed, and what it says is one line."""
    shutil.rmtree(path / "logged")
    program, library = (sys.executable, "-I", "-c", BREAKING), path.with_name("library")
    for order, why in CANNOT.items():
        with scanning(path, program=program, words=(order, str(library))) as scan:
            number, logger = scan.pids("plain", "built-in/log")
            wait_started(path / "plain")
            before = given(number)
            with untouched(scan, "plain", "built-in"):
                if order == "no directory":  # and no exec at first: the old image goes on
                    scan.process.send_signal(signal.SIGUSR2)
                    scan.wait_said(f"{REFUSED}: out of memory")
                scan.process.send_signal(signal.SIGUSR2)
                scan.wait_said(ANEW + why)
                wait_until(scan.listens)
                wait_up(path / "built-in/log", but=logger)
            os.kill(number, signal.SIGKILL)
            wait_up(path / "plain", but=number)
            wait_started(path / "plain")
            after = given(pid(path / "plain"))
            assert after == before or (order == "no state" and after[0] == before[0])
            wait_until(lambda: given(scan.process.pid)[0] == given(os.getpid())[0])
    said = [line for line in scan.lines() if "unable to go on" in line]
    assert said == [ANEW + why for why in CANNOT.values()]


def test_reexec_with_a_full_descriptor_table(tmp_path: Path) -> None:
    """Those in reserve are enough: what runs is kept, whether the new image comes or not."""
    path, limit = tmp_path / "service", (256, 256)
    model = service(tmp_path / "model")
    for number in range(60):
        (path / f"{number}").mkdir(parents=True)
        (path / f"{number}/run").symlink_to(model / "run")
    full = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
    with scanning(path, preexec_fn=full) as scan:
        wait_until(lambda: any("unable to start more" in line for line in scan.lines()))
        names = [where.name for where in path.iterdir() if pid(where)]
        assert names
        with untouched(scan, *names):
            reexecute(scan)
            reexecute(scan)
            command(path / names[0], b"o")


def test_reexec_with_no_descriptor_left_takes_the_reserve(scan: Scan) -> None:
    """Where not one more can be opened, svscan frees what it holds for this."""
    number = scan.process.pid
    scan.look()
    held = {int(it.name) for it in Path(f"/proc/{number}/fd").iterdir()}
    least = next(fd for fd in range(3, 10000) if fd not in held)
    hard = resource.prlimit(number, resource.RLIMIT_NOFILE)[1]
    with untouched(scan, "plain", "logged", "logged/log", "built-in"):
        resource.prlimit(number, resource.RLIMIT_NOFILE, (least, hard))
        reexecute(scan)
        scan.barrier()


# after an exception that nobody caught

CRASHING = """
import os, sys
from pysvscan import entry, loop, supervise
place, armed = sys.argv.pop(), sys.argv.pop()

def injected(self, *args):
    if os.path.exists(armed):
        os.unlink(armed)
        raise RuntimeError("injected")
    return whole(self, *args)

def hopeless(self, exc):
    raise exc

if place == "loop":
    whole, loop.Loop.expire = loop.Loop.expire, injected
else:
    whole, supervise.Supervise.obey = supervise.Supervise.obey, injected
    entry.Entry.set_aside = hopeless
from pysvscan.__main__ import run
run("pysvscan", sys.argv[1:])
"""


@pytest.mark.parametrize("place", ["loop", "entry"])
def test_exception_outside_of_all_boundaries_is_no_end(path: Path, place: str) -> None:
    """The old image goes, the services stay; what was in hand is set aside, then comes back."""
    armed = path.with_name("armed")
    program = (sys.executable, "-I", "-c", CRASHING)
    with scanning(path, program=program, words=(str(armed), place)) as scan:
        names = ("plain", "logged", "logged/log", "built-in")
        scan.pids(*names, "built-in/log")
        with untouched(scan, *names):
            before = pipes(scan)
            armed.touch()
            command(path / "plain", b"o")
            wait_until(lambda: not pipes(scan) & before)
            wait_until(scan.listens)
            wait_until(lambda: is_supervised(path / "plain"))
            scan.barrier()
        said = [line for line in scan.lines() if "injected" in line]
        assert said[0].startswith("svscan: warning: executing myself anew after RuntimeError")
        assert [line.split(":")[2] for line in said[1:]] == (
            [] if place == "loop" else [" plain set aside for 1 s"]
        )


def test_reexec_hands_unfinished_lines_over(path: Path) -> None:
    """A line that is begun under one logger and ended under the third is one line."""
    run = "printf 'begin '; read x <go; printf 'middle '; read x <go; echo end; exec sleep 1000"
    where = service(path / "slow", run)
    os.mkfifo(where / "go")
    (where / "service.toml").write_text(BUILT_IN)
    with scanning(path) as scan:
        logger = wait_up(where / "log")
        for _ in range(2):
            wait_until(lambda: is_read(where))
            reexecute(scan)
            logger = wait_up(where / "log", but=logger)
            (where / "go").write_text("\n")
        log = where / "log/main/current"
        wait_until(lambda: log.read_text().endswith("end\n"))
        assert log.read_text() == "begin middle end\n"
