"""[run] of service.toml beside a chain of C programs: all that the service can see is the same.

Not tested: what is refused (tests/test_runtable.py).
"""

import contextlib
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan.core import settings
from pysvscan.waiting import Streams
from tests import scan
from tests.hosted import ENV, Host, hosting
from tests.oracle.runner import c_program, count
from tests.scan import executable
from tests.wait import wait_until

pytestmark = pytest.mark.oracle

# What is seen, without a command substitution: the limits are small.
REPORT = """{
grep -E '^(Uid|Gid|Groups|Umask|Cap...|NoNewPrivs|Sig(Blk|Ign|Cgt)):' /proc/self/status
cat /proc/self/limits
read -r stat </proc/$$/stat
set -- $stat
echo nice ${19}
test $6 -eq $$ && echo leads a session
pwd -P
env | sort
set -- /proc/$$/fd/*
echo $# descriptors
} >"$OUT".new 2>&1
mv "$OUT".new "$OUT"
exec sleep 1000"""

USER = "daemon"
BIG = "a 300000000 c 0 d 200000000 f 1000000 l 10000 o 40 p 3000 r 99999999 s 4000000 t 1000"
MANY = dict(zip(BIG.split()[::2], BIG.split()[1::2], strict=True))

# The lines of [run]; the chain, C's programs by their names; root alone can do it.
CASES: dict[str, tuple[str, str, bool]] = {
    "none": ("", "", False),
    "user": (f"user = '{USER}'", f"setuidgid {USER}", True),
    "environment": ("environment = 'env'", "envdir env", False),
    "variables": (
        "environment = {ADDED = 'x  y', HOME = false, LARGE = 'z', OUT2 = ''}",
        "envdir env",
        False,
    ),
    "limits": (
        f"limits = {{{', '.join(f'{it} = {MANY[it]}' for it in MANY)}}}",
        "softlimit " + " ".join(f"-{it} {MANY[it]}" for it in MANY),
        False,
    ),
    "descriptors": ("limits.openfiles = 25", "softlimit -o 25", False),
    "memory": ("limits.membytes = 12000000", "softlimit -m 12000000", False),
    "less": ("limits = {m = 90000000, d = 12000000}", "softlimit -m 90000000 -d 12000000", False),
    "hard": ("limits = {c = '=', s = '='}", "softlimit -c = -s =", False),
    "session": ("session = true", "pgrphack", False),
    "nice": ("nice = 7", "nice -n 7", False),
    "umask": ("umask = '0135'", "umask", False),
    "directory": ("directory = 'work'", "directory", False),
    "all": (
        f"user = '{USER}'\nenvironment = 'env'\nlimits.m = 12000000\nlimits.p = 3000\n"
        "session = true\nnice = 7\numask = '0135'\ndirectory = 'work'",
        f"umask directory nice -n 7 envdir ../env setuidgid {USER} "
        "softlimit -m 12000000 -p 3000 pgrphack",
        True,
    ),
}


@pytest.fixture(params=["direct", "shell", "fork"], scope="module")
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Give a host, for each road."""
    environment = {**ENV, b"HOME": b"/root", b"OUT": b"/nowhere"}
    with hosting(environment, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Give a service directory that every account can reach, and one that it can write to."""
    with tempfile.TemporaryDirectory(prefix="run", dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        path = scan.service(place / "a")
        for directory in (path / "work", path / "env", place / "out"):
            directory.mkdir()
        (place / "out").chmod(0o777)
        executable(path / "run", REPORT.replace('"$OUT"', str(place / "out/seen")))
        (path / "env/ADDED").write_text("x  y \nz")
        (path / "env/HOME").write_text("")
        (path / "env/LARGE").write_text("z")
        (path / "env/OUT2").write_text("\n")
        yield place


def seen(place: Path) -> str:
    """Take what the service saw, once it is there."""
    file = place / "out/seen"
    wait_until(file.exists)
    text = file.read_text()
    file.unlink()
    return text


def by_c(place: Path, words: list[str], env: dict[bytes, bytes]) -> str:
    """Run the chain in the service directory, and give what its end saw."""
    path = place / "a"
    umask, cwd = -1, path
    if words[:1] == ["umask"]:
        umask, words = 0o135, words[1:]
    if words[:1] == ["directory"]:
        cwd, words = path / "work", words[1:]
    programs = ("envdir", "setuidgid", "softlimit", "pgrphack")
    chain = [c_program(word) if word in programs else word for word in words]
    run = "./run" if cwd == path else str(path / "run")
    process = subprocess.Popen([*chain, run], cwd=cwd, umask=umask, env=env)
    try:
        return seen(place)
    finally:
        process.kill()
        process.wait()


def by_ours(host: Host, place: Path, toml: str) -> str:
    """Start the service with [run], and give what it saw."""
    path = place / "a"
    table = settings.parse(tomllib.loads(f"[run]\n{toml}"), is_root=True).run
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, directory)
        waiting = host.starter.take(directory, table)
        assert waiting.go(directory, Streams())
        try:
            return seen(place)
        finally:
            os.kill(waiting.pid, 9)
            host.until(lambda: not Path(f"/proc/{waiting.pid}").exists())
            assert (waiting.failure(), waiting.refusal) == (0, "")


@pytest.mark.parametrize("name", CASES)
def test_run_is_as_a_chain_of_c_programs(host: Host, place: Path, name: str) -> None:
    """Ids, groups, capabilities, signals, umask, limits, nice, session, directory, variables."""
    toml, chain, is_roots = CASES[name]
    if is_roots and os.geteuid() != 0:
        pytest.skip("needs root")
    count("[run]")
    expected = by_c(place, chain.split(), host.inherited.env)
    found = by_ours(host, place, toml)
    assert found == expected
    assert "Umask:" in found
    assert "Max open files" in found
