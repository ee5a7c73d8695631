"""The package as pip installs it: found by any road, clear where it is out of reach."""

import os
import shlex
import shutil
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import __version__
from tests.conftest import ROOT, Installed, install
from tests.oracle.runner import Result, run

STDIN = b"@400000006b04fbdc2b5f726c x\n"


@pytest.mark.parametrize(
    "road", ["link", "chain of links", "link to bin", "PATH", "relative", "sh"]
)
def test_command_is_found(installed: Installed, tmp_path: Path, road: str) -> None:
    """Through a link by another name, links of links, a relative PATH, a relative path, or sh."""
    (tmp_path / "bin").symlink_to(installed.bin)
    (tmp_path / "other name").symlink_to(installed.program("svok"))
    (tmp_path / "third").symlink_to("other name")
    words = {
        "link": [str(tmp_path / "other name")],
        "chain of links": ["./third"],
        "link to bin": [str(tmp_path / "bin/svok")],
        "PATH": ["/usr/bin/env", "PATH=bin:/nowhere", "svok"],
        "relative": ["bin/svok"],
        "sh": ["/bin/sh", "bin/svok"],
    }[road]
    result = run([*words, "missing"], cwd=tmp_path)
    message = b"svok: fatal: unable to chdir to missing: file does not exist\n"
    assert result == Result(111, b"", message)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Give a short directory that all accounts can reach, for installations of a test's own."""
    directory = Path(tempfile.mkdtemp(prefix="pysvscan-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with space", "long" * 40, "quo'te", "dollar$HOME"])
def test_command_runs_where_it_is_installed(
    installed: Installed, elsewhere: Path, tmp_path: Path, name: str
) -> None:
    """An interpreter whose path is long, or has spaces or quotes in it."""
    where = install(elsewhere / name, installed.wheel, installed.base)
    (tmp_path / "env").mkdir()
    words = [where.program("envdir"), "env", where.program("svok"), "missing"]
    message = b"svok: fatal: unable to chdir to missing: file does not exist\n"
    assert run(words, cwd=tmp_path) == Result(111, b"", message)


@pytest.mark.parametrize("quoted", ['"{}"', "'{}'", "{}"], ids=["double", "single", "bare"])
def test_command_reads_what_other_installers_write(
    installed: Installed, elsewhere: Path, quoted: str
) -> None:
    """A /bin/sh line in the interpreter's place, as distlib, installer and uv have it."""
    for name in ("svok", "pysvscan-interpreter"):
        shutil.copy(installed.bin / name, elsewhere)
    python = quoted.format(installed.python)
    text = f"#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n"
    (elsewhere / "pysvscan-interpreter").write_text(text)
    assert run([str(elsewhere / "svok"), "."], cwd="/") == Result(100, b"", b"")


def test_pysvscan_names_its_version(installed: Installed, tmp_path: Path) -> None:
    """`pysvscan --version` and --help answer; no name or a wrong one is a usage error."""
    program = installed.program("pysvscan")
    version = run([program, "--version"], cwd=tmp_path)
    assert version == Result(0, f"pysvscan {__version__}\n".encode(), b"")
    assert run([program, "--help"], cwd=tmp_path).code == 0
    for words in ([], ["nosuch"]):
        result = run([program, *words], cwd=tmp_path)
        assert result.code == 100
        assert result.err.startswith(
            b"pysvscan: usage: pysvscan NAME [ARG...], NAME one of envdir "
        )


def parts() -> list[str]:
    """List the optional parts in C."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    return [part["name"] for part in settings["ext-modules"]]


def why_not_built(part: str) -> str:
    """Say what this machine lacks to build a part; "" for nothing."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    if part == "pysvscan._start" and os.uname().machine not in ("x86_64", "aarch64"):
        return f"{part} knows no system calls of {os.uname().machine}"
    if not shutil.which(compiler):
        return f"no C compiler {compiler}"
    return "" if header.exists() else f"no {header}"


@pytest.mark.parametrize("part", parts())
def test_part_in_c_is_built(installed: Installed, tmp_path: Path, part: str) -> None:
    """Where it can be built it is: installed by pip, and here, so that the tests are about it."""
    if lacking := why_not_built(part):
        pytest.skip(lacking)
    name = part.rpartition(".")[2]
    program = f"from pysvscan import accelerators as a; a.load({name!r}).__name__"
    for python in (installed.python, sys.executable):
        assert run([str(python), "-I", "-c", program], cwd=tmp_path) == Result(0, b"", b"")


def test_module_believes_nobody(installed: Installed, tmp_path: Path) -> None:
    """`python -I -m pysvscan` takes no environment from a variable that others may have set."""
    (tmp_path / "env").mkdir()
    words = [str(installed.python), "-I", "-m", "pysvscan", "envdir", "env", "/usr/bin/env"]
    for given in ("S environ QT0x", "S environ !a"):  # A=1, and no base64
        env = {"PATH": "/bin", "LC_ALL": "C", "PYSVSCAN_GIVEN": given}
        result = run(words, cwd=tmp_path, env=env)
        assert (result.code, sorted(result.out.split()), result.err) == (
            0,
            [b"LC_ALL=C", b"PATH=/bin"],
            b"",
        )


def one_line(result: Result, begin: str) -> str:
    """Assert that a command said one line and ended with 111; return the line."""
    line = os.fsdecode(result.err)
    assert (result.code, result.out, line.count("\n")) == (111, b"", 1)
    assert line.startswith(begin)
    return line


@pytest.mark.root
@pytest.mark.slow
def test_command_names_what_an_account_cannot_reach(
    installed: Installed, elsewhere: Path, nobody: str
) -> None:
    """The interpreter, the package, or one of its files: one line says which, and where."""
    where = install(elsewhere / "venv", installed.wheel, installed.base)
    package = where.library / "pysvscan"

    def svok() -> Result:
        return run([where.program("svok"), "."], cwd="/", account=nobody)

    assert svok() == Result(100, b"", b"")
    (package / "strerr.py").chmod(0o600)  # read only where the compiled one is out of reach
    for path in (package, package / "commands", package / "__pycache__"):
        path.chmod(0o700)
        line = one_line(svok(), "svok: fatal: unable to import ")
        assert str(where.root) in line
        assert " as uid " in line
        path.chmod(0o755)
    assert svok().code == 100
    (where.bin / "pysvscan-interpreter").write_text("#!/root/nowhere/python\n")
    line = one_line(svok(), "svok: fatal: unable to run the interpreter '/root/nowhere/python'")
    assert f"{where.bin}/pysvscan-interpreter" in line
    (where.bin / "pysvscan-interpreter").unlink()
    one_line(svok(), "svok: fatal: unable to run the interpreter ''")


@pytest.mark.root
@pytest.mark.slow
def test_chain_names_what_an_account_cannot_reach(
    installed: Installed, elsewhere: Path, nobody: str
) -> None:
    """After setuidgid, the next command's module is out of reach: one line, the account in it."""
    where = install(elsewhere / "venv", installed.wheel, installed.base)
    (where.library / "pysvscan/commands").chmod(0o700)
    words = [where.program("setuidgid"), nobody, where.program("tai64n")]
    line = one_line(run(words, cwd="/"), "setuidgid: fatal: unable to import tai64n from ")
    assert f"{where.library}/pysvscan as uid " in line


@pytest.mark.root
def test_chain_changes_account_as_a_whole(installed: Installed, nobody_path: Path) -> None:
    """`envdir env setuidgid nobody tai64n` runs our tai64n as nobody, in one process."""
    (nobody_path / "env").mkdir()
    chain = [installed.program(name) for name in ("envdir", "setuidgid", "tai64nlocal")]
    words = [chain[0], "env", chain[1], "nobody", chain[2]]
    result = run(words, cwd=nobody_path, stdin=STDIN)
    assert result == Result(0, b"2026-11-24 03:52:02.727675500 x\n", b"")


@pytest.mark.root
def test_chain_logs_under_another_account(
    installed: Installed, nobody: str, nobody_path: Path
) -> None:
    """`envdir env setuidgid nobody multilog t ./log`, as in a log/run, leaves its files."""
    (nobody_path / "env").mkdir()
    shutil.chown(nobody_path, nobody)
    chain = [installed.program(name) for name in ("envdir", "setuidgid", "multilog")]
    words = [chain[0], "./env", chain[1], nobody, chain[2], "t", "./log"]
    assert run(words, cwd=nobody_path, stdin=b"a\nb\n") == Result(0, b"", b"")
    current = nobody_path / "log/current"
    assert [line[26:] for line in current.read_bytes().splitlines()] == [b"a", b"b"]
    assert current.owner() == nobody


@pytest.mark.root
def test_setuidgid_shows_in_proc(installed: Installed, nobody_path: Path) -> None:
    """The child has no group but the account's, and the environment that root gave."""
    words = [installed.program("setuidgid"), "nobody", "/bin/cat", "/proc/self/environ"]
    env = {"PATH": "/bin", "A.B": "1", "NL": "a\nb"}
    assert sorted(run(words, cwd=nobody_path, env=env).out.split(b"\0")[:-1]) == [
        b"A.B=1",
        b"NL=a\nb",
        b"PATH=/bin",
    ]
    words[2:] = ["/bin/grep", "^Groups:", "/proc/self/status"]
    groups = run(words, cwd=nobody_path).out.split()[1:]
    assert len(groups) == 1
