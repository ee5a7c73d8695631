"""The installed commands isolated: nothing that a service could put in their way changes them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pysvscan import accelerators
from tests import logs
from tests.conftest import Installed
from tests.oracle.runner import Result, environment, run
from tests.scan import scanning, service, wait_up
from tests.traps import lay, plant, sprung, trapped
from tests.wait import wait_until

# What each command is asked, in a directory with `env` in it; nothing here starts a service.
CALLS = {
    "svc": ["-u", "."],
    "svok": ["."],
    "svinstance": ["list"],
    "svstat": [".", "missing"],
    "tai64n": [],
    "tai64nlocal": [],
    "envdir": ["env", "/bin/cat", "/proc/self/environ"],
    "envini": ["/etc/passwd", "/bin/cat", "/proc/self/environ"],
    "setuidgid": ["root", "/usr/bin/id"],
    "setuser": ["root", "/usr/bin/id"],
    "svup": ["."],
    "envuidgid": ["root", "/bin/cat", "/proc/self/environ"],
    "softlimit": ["-c", "1", "-o50", "/bin/cat", "/proc/self/limits"],
    "setlock": ["lock", "/bin/ls", "lock"],
    "fghack": ["/bin/cat", "/proc/self/environ"],
    "pgrphack": ["/bin/cat", "/proc/self/environ"],
    "readproctitle": ["errors:", "......"],
    "svscanboot": ["too", "many"],
    "svscanctl": ["-l", "."],
    "multilog": ["-*", "e"],
    "supervise": [],
    "svscan": ["missing"],
    "pysvscan": ["svok", "."],
}
LARGE = {"multilog", "pysvscan", "supervise", "svinstance", "svscan", "svscanboot", "svscanctl"}
HEAVY = {
    "asyncio",
    "argparse",
    "collections",
    "json",
    "psutil",
    "re",
    "structlog",
    "tomllib",
    "typing",
}
STDIN = b"@400000006b04fbdc2b5f726c x\n"
HOSTILE_MODULES = """
    binascii codecs collections encodings enum errno fcntl functools grp io os posixpath psutil pwd
    pyinotify pysvscan re resource select signal site sitecustomize stat string struct structlog
    subprocess sys time traceback types typing usercustomize
"""
HOSTILE_ENVIRONMENT = {
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": ".",
    "PYTHONSTARTUP": "os.py",
    "PYTHONINSPECT": "1",
    "PYTHONVERBOSE": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONDEVMODE": "1",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "utf-16",
    "PYTHONCOERCECLOCALE": "warn",
    "PYTHONPLATLIBDIR": "nowhere",
    "PYTHONUSERBASE": ".",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONDUMPREFS": "1",
    "PYTHONEXECUTABLE": "/nowhere/bin/python",
    "__PYVENV_LAUNCHER__": "/nowhere/bin/python",
    "PYSVSCAN_GIVEN": "x",
}


def call(program: str, name: str, cwd: Path, env: dict[str, str]) -> Result:
    """Run a command as CALLS says; labels that tai64n made are made equal."""
    result = run([program, *CALLS[name]], cwd=cwd, env=env, stdin=STDIN)
    return Result(result.code, re.sub(rb"^@4[0-9a-f]{23} ", b"LABEL ", result.out), result.err)


def without(result: Result, names: set[str]) -> Result:
    """Leave out of an environment that a child printed what it was given on purpose."""
    entries = result.out.split(b"\0")
    kept = [entry for entry in entries if os.fsdecode(entry.partition(b"=")[0]) not in names]
    return Result(result.code, b"\0".join(kept), result.err)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Give a directory with nothing but an empty `env` in it."""
    (tmp_path / "plain/env").mkdir(parents=True)
    return tmp_path / "plain"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Give the same directory with a module in it for each that we may import."""
    (tmp_path / "hostile/env").mkdir(parents=True)
    for module in HOSTILE_MODULES.split():
        (tmp_path / "hostile" / f"{module}.py").write_text("raise SystemExit('hostile')\n")
    return tmp_path / "hostile"


@pytest.mark.parametrize("name", CALLS)
def test_command_is_isolated(installed: Installed, plain: Path, hostile: Path, name: str) -> None:
    """No variable, home, program on PATH or module beside it changes what a command does."""
    program = installed.program(name)
    expected = call(program, name, plain, environment())
    assert b"Traceback" not in expected.err
    with trapped(installed, hostile.parent / "home") as traps:
        changes = {**traps, **HOSTILE_ENVIRONMENT}
        got = call(program, name, hostile, environment(**changes))
        assert without(got, {*changes}) == without(expected, {*changes})


@pytest.mark.slow
def test_supervisors_are_isolated(installed: Installed, tmp_path: Path) -> None:
    """Nor what svscan, its logger, the compressor and supervise do."""
    path = logs.service(tmp_path / "scan/a", "echo one; exec sleep 1000", compress="gzip")
    alone = service(tmp_path / "alone")
    with trapped(installed, tmp_path / "home") as traps:
        main = path / "log/main"
        main.mkdir()
        for directory in (main, path, path.parent):
            plant(tmp_path / "home", directory)
        env = environment(**traps)
        ours = {"program": (installed.program("pysvscan"),), "env": env, "cwd": path}
        with scanning(tmp_path / "scan", **ours) as scan:
            supervise = subprocess.Popen([installed.program("supervise"), alone], env=env)
            logs.ready(scan, "a")
            wait_until(lambda: logs.text(main) == b"one\n")
            wait_up(alone)
            for words in (["-a", path / "log"], ["-dx", alone]):
                argv = [installed.program("svc"), *map(str, words)]
                assert run(argv, cwd=path, env=env) == Result(0, b"", b"")
            wait_until(lambda: list(main.glob("@*.gz")))
            assert supervise.wait(60) == 0


def test_small_commands_import_nothing_heavy(installed: Installed, plain: Path) -> None:
    """What costs more than the interpreter's start is not imported, for `svstat -l` neither."""
    built = {"multilog"} if accelerators.load("_lines") else set()  # without it needs `re`
    small = ", ".join(sorted(CALLS.keys() - LARGE | built))
    look = f"import sys; from pysvscan import detail; from pysvscan.commands import {small}"
    words = [str(installed.python), "-I", "-c", f"{look}; print(*sys.modules)"]
    imported = set(run(words, cwd=plain).out.decode().split())
    assert "pysvscan.commands.svok" in imported
    assert imported & HEAVY == set()


def test_svscan_puts_asyncio_off(installed: Installed, plain: Path) -> None:
    """It is not there, with its ssl, until somebody uses it."""
    look = "import sys, pysvscan.svscan as s; print('ssl' in sys.modules)"
    use = "import asyncio; print(asyncio.run(asyncio.sleep(0, 'done')))"
    out = run([str(installed.python), "-I", "-c", f"{look}; {use}"], cwd=plain).out
    assert out.split() == [b"False", b"done"]


def test_hostile_modules_are_hostile(installed: Installed, hostile: Path) -> None:
    """Without isolation the same directory and environment do stop the interpreter."""
    words = [str(installed.python), "-c", "import signal"]
    assert run(words, cwd=hostile, env=environment(PYTHONPATH=".")).code == 1
    assert run(words, cwd=hostile, env=environment(PYTHONHOME="/nowhere")).code == 1
    traps = lay(hostile)
    run([installed.base, "-c", "pass"], cwd=hostile, env=environment(HOME=traps["HOME"]))
    run(["/bin/sh", "-c", "gzip"], cwd=hostile, env=environment(PATH=traps["PATH"]))
    assert {"gzip", "trap.pth"} <= set(sprung(hostile))
