"""The road to execve: what is found, what is handed on, chains in one process."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan import commands, pathexec
from pysvscan.pathexec import Chain, candidates, ignored_signals, parse_environment
from tests.conftest import Installed
from tests.oracle.runner import environment, run

NAMES = st.binary(min_size=1, max_size=5).filter(lambda name: not set(name) & set(b"\0="))
VALUES = st.binary(max_size=5).filter(lambda value: b"\0" not in value)


@pytest.mark.parametrize(
    ("prog", "path", "expected"),
    [
        (b"x", b"/bin:/usr/bin", [b"/bin/x", b"/usr/bin/x"]),
        (b"x", b"", [b"./x"]),
        (b"x", b":/bin:", [b"./x", b"/bin/x", b"./x"]),
        (b"./x", b"/bin", [b"./x"]),
        (b"/x", b"/bin", [b"/x"]),
        (b"d/x", b"/bin", [b"d/x"]),
    ],
)
def test_candidates_are_where_c_looks(prog: bytes, path: bytes, expected: list[bytes]) -> None:
    """Each PATH entry in order, an empty one is dot, a slash is no search."""
    assert candidates(prog, path) == expected


@given(st.dictionaries(NAMES, VALUES))
def test_environment_round_trip(env: dict[bytes, bytes]) -> None:
    """What the kernel shows of an environment is read back."""
    data = b"".join(b"%b=%b\0" % pair for pair in env.items())
    assert parse_environment(data) == env


@given(st.binary())
def test_environment_takes_any_bytes(data: bytes) -> None:
    """Any bytes are an environment, which execve takes: names without = or NUL, none empty."""
    for name, value in parse_environment(data).items():
        assert name
        assert not set(name) & set(b"=\0")
        assert b"\0" not in value


def test_environment_keeps_the_first_of_two() -> None:
    """The first entry of a name counts, as for getenv; what has no name or no = is lost."""
    assert parse_environment(b"A=1\0A=2\0=x\0B\0C=\0") == {b"A": b"1", b"C": b""}


@given(name=NAMES, value=st.none() | VALUES)
def test_set_variable_sets_or_unsets(name: bytes, value: bytes | None) -> None:
    """A value replaces the old one; None removes it; others stay."""
    chain = Chain({name: b"old", b"other=": b"1"})
    chain.set_variable(name, value)
    expected = {} if value is None else {name: value}
    assert chain.env == {b"other=": b"1", **expected}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], set()),
        ([b"S"] * 60, set()),
        ([b"S"] + [b"0"] * 29 + [b"4096"] + [b"0"] * 19, {13}),
        ([b"S"] + [b"0"] * 29 + [b"16781314"] + [b"0"] * 19, {13, 25}),
    ],
    ids=["none", "rubbish", "pipe", "pipe-xfsz-int"],
)
def test_ignored_signals_are_read_from_stat(fields: list[bytes], expected: set[int]) -> None:
    """Field 33 of /proc/PID/stat, of it the two that Python ignores; rubbish is nothing."""
    assert ignored_signals(fields) == expected


def test_load_names_a_command_that_is_not_there() -> None:
    """A package that cannot be read is one line, with the account's number in it."""
    with pytest.raises(pathexec.strerr.Fatal, match=r"unable to import nothing from .* as uid \d+"):
        pathexec.load("nothing")


def traced(argv: list[str], cwd: Path) -> list[str]:
    """Run a program, and list the files that it and its children executed."""
    if not shutil.which("strace"):
        pytest.skip("no strace to count execve with")
    log = cwd / "trace"
    words = ["strace", "-f", "-e", "trace=execve", "-e", "status=successful", "-o", log, *argv]
    result = subprocess.run(words, cwd=cwd, capture_output=True, env=environment())
    if b"ptrace" in result.stderr:
        pytest.skip("strace may not trace here")
    assert result.returncode == 0, result.stderr
    return re.findall(r'execve\("([^"]+)"', log.read_text())


OURS = {*commands.CHAINING, "pysvscan"}


@pytest.mark.root
def test_chain_starts_one_interpreter(installed: Installed, tmp_path: Path) -> None:
    """All that run a child, one twice, one as `pysvscan NAME`, are one interpreter."""
    (tmp_path / "env").mkdir()
    chain = "envdir env envdir env envuidgid root setuidgid root softlimit -m 3000000 "
    chain += "setlock -n l pgrphack fghack pysvscan"
    programs = [installed.program(it) if it in OURS else it for it in chain.split()]
    programs += ["setuidgid", "root"]
    files = traced([*programs, "/usr/bin/env"], tmp_path)
    assert [Path(file).name for file in files] == ["envdir", "base64", "python", "env"]


@pytest.mark.root
def test_chain_finds_the_next_on_path(installed: Installed, tmp_path: Path) -> None:
    """Names without a slash, and links to our commands, are called too; another's are executed."""
    (tmp_path / "env").mkdir()
    (tmp_path / "link").symlink_to(installed.bin)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/setuidgid").write_text("#!/bin/sh\nshift; exec /bin/env\n")
    (tmp_path / "other/setuidgid").chmod(0o755)
    for path, expected in (("link", "python"), ("other:link", "setuidgid")):
        chain = ["link/envdir", "env", "setuidgid", "root", "/bin/env"]
        files = traced(["/usr/bin/env", f"PATH={path}", *chain], tmp_path)
        assert Path(files[-2]).name == expected
        assert sum(Path(file).name == "python" for file in files) == 1


def test_chain_hands_variables_on(installed: Installed, tmp_path: Path) -> None:
    """Two envdirs in one process set what two processes would, the PATH for the next search too."""
    for name, files in (("one", {"A": "1", "B": "1"}), ("two", {"A": "2", "PATH": str(tmp_path)})):
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    (tmp_path / "two/B").write_text("")
    (tmp_path / "show").symlink_to("/usr/bin/env")
    envdir = installed.program("envdir")
    env = {"PATH": "/usr/bin"}
    result = run([envdir, "one", envdir, "two", envdir, "one", "show"], cwd=tmp_path, env=env)
    assert sorted(result.out.splitlines()) == [b"A=1", b"B=1", b"PATH=" + bytes(tmp_path)]
    result = run([envdir, "one", envdir, "two", "show"], cwd=tmp_path, env=env)
    assert result.err == b"envdir: fatal: unable to run show: file does not exist\n"


def test_become_gives_back_what_python_ignores(installed: Installed, tmp_path: Path) -> None:
    """Whoever ignores SIGPIPE or SIGXFSZ at the last moment, the program gets them as we did."""
    words = [b"grep", b"SigIgn", b"/proc/self/status"]
    code = f"from pysvscan.pathexec import given; given().run({words!r})"
    result = run([str(installed.python), "-I", "-c", code], cwd=tmp_path)
    assert result.out.split() == [b"SigIgn:", b"0" * 16]


LIMITED = """
import resource, sys
from pysvscan.pathexec import given
sys.argv[0] = {program!r}  # as if one of our commands ran
chain = given()
chain.limits += [(resource.RLIMIT_AS, 12_000_000), (resource.RLIMIT_NOFILE, 10**9)]
chain.run([word.encode() for word in {words!r}])
"""


@pytest.mark.root
def test_chain_limits_wait_for_the_last_exec(installed: Installed, tmp_path: Path) -> None:
    """A limit too low for an interpreter is for the program alone, not for a command of ours."""
    words = [installed.program("setuidgid"), "root", "/bin/sh", "-c", "ulimit -v; ulimit -n"]
    python = [str(installed.python), "-I", "-c"]
    shell = ["/bin/sh", "-c", 'ulimit -n 500; exec "$@"', "sh"]
    program = installed.program("softlimit")
    result = run([*shell, *python, LIMITED.format(program=program, words=words)], cwd=tmp_path)
    assert (result.out.split(), result.err) == ([b"11718", b"500"], b"")
    words[2:] = [*python, "pass"]
    assert run([*python, LIMITED.format(program=program, words=words)], cwd=tmp_path).code != 0


RESTORED = """
import resource
from pysvscan import strerr
from pysvscan.pathexec import given
before = resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_STACK)
chain = given()
chain.limits += [(resource.RLIMIT_CORE, n) for n in (3, 1, 2)] + [(resource.RLIMIT_STACK, 0)]
try:
    chain.run([b"missing"])
except strerr.Fatal:
    after = resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_STACK)
    print(before == after)
"""


def test_become_takes_limits_back_if_it_fails(installed: Installed, tmp_path: Path) -> None:
    """They were for a program that is not there; what is still to be done needs memory."""
    result = run([str(installed.python), "-I", "-c", RESTORED], cwd=tmp_path)
    assert (result.out, result.err) == (b"True\n", b"")
