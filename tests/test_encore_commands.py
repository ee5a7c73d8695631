"""svup, setuser, envini, and the groups of `setuidgid -s`: daemontools-encore's, in our words."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.commands import envini, svup
from tests.conftest import Installed, is_reachable_by_all
from tests.oracle.runner import Result, environment, run
from tests.oracle.service import service

STAMP = bytes.fromhex("400000006b04fbdc2b5f726c")
UP = STAMP + b"\x83\x3f\0\0\0u"
DOWN = STAMP + b"\0\0\0\0\0u"
RUNNING, STARTED, FAILED = b"\3\0", b"\2\0", b"\5\0"
WORDS = st.text("ab=; \t\r[]\n\0_", max_size=30).map(str.encode)


# svup


@pytest.mark.parametrize(
    ("data", "both", "main", "log"),
    [
        pytest.param(UP, True, True, False, id="C, up"),
        pytest.param(DOWN, False, False, False, id="C, down"),
        pytest.param(UP + FAILED, True, True, False, id="a process, whatever the state"),
        pytest.param(DOWN + STARTED, True, True, False, id="started, and without ./run"),
        pytest.param(DOWN + FAILED, False, False, False, id="failed"),
        pytest.param(UP + RUNNING + UP + RUNNING, True, True, True, id="both"),
        pytest.param(UP + RUNNING + DOWN + FAILED, False, True, False, id="its log is down"),
        pytest.param(DOWN + FAILED + UP + RUNNING, False, False, True, id="only its log is up"),
        pytest.param((UP + RUNNING) * 4, True, True, False, id="a record that we do not know"),
    ],
)
def test_svup_asks_for_the_right_process(data: bytes, both: bool, main: bool, log: bool) -> None:
    """A service with a log is up if both are; -l leaves the log out, -L asks for it alone."""
    assert [svup.is_up(data, which) for which in (b"", b"l", b"L")] == [both, main, log]


def test_svup_answers_by_its_exit_code(installed: Installed, tmp_path: Path) -> None:
    """0 and 100 silently; 100 too where nobody supervises; 111 and a line where nobody can tell."""
    program = installed.program("svup")

    def ask(*words: str) -> Result:
        return run([program, *words], cwd=tmp_path)

    with service(tmp_path / "a") as made:
        assert ask("a") == Result(100, b"", b"")  # no status yet
        (made.inside / "status").write_bytes(UP)
        assert ask("a", "more") == Result(0, b"", b"")
        assert ask("-l", "--", "a") == Result(0, b"", b"")
        assert ask("-lL", "a") == Result(100, b"", b"")
        (made.inside / "status").write_bytes(UP[:-1])
        message = b"svup: fatal: unable to read a/supervise/status: bad format\n"
        assert ask("a") == Result(111, b"", message)
        (made.inside / "status").unlink()
        (made.inside / "status").symlink_to("status")
        message = b"svup: fatal: unable to open a/supervise/status: symbolic link loop\n"
        assert ask("a") == Result(111, b"", message)
    assert ask("a") == Result(100, b"", b"")
    message = b"svup: fatal: unable to chdir to b: file does not exist\n"
    assert ask("b") == Result(111, b"", message)
    assert ask("-l") == Result(100, b"", b"svup: usage: svup [-lL] dir\n")
    illegal = b"svup: usage: svup [-lL] dir: illegal option -- x\n"
    assert ask("-x", "a") == Result(100, b"", illegal)


# envini


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (b"a=1", [(b"a", b"1")]),
        (b"a=1\n\nb=2\n", [(b"a", b"1"), (b"b", b"2")]),
        (b" \ta \t=\t 1 2 \t\r\n", [(b"a", b"1 2")]),
        (b"a=1\n[part]\na=2\n[]\na=3\n", [(b"a", b"1"), (b"part_a", b"2"), (b"_a", b"3")]),
        (b" [p q] \na=1", [(b"p q_a", b"1")]),
        (b"[part\na=1", [(b"a", b"1")]),
        (b"; a=1\n ;a=1\n", []),
        (b"a\na b = 1\n", []),
        (b"a=", [(b"a", b"")]),
        (b"a==b=", [(b"a", b"=b=")]),
        (b"=1", [(b"", b"1")]),
        (b'a = "1" ; no comment', [(b"a", b'"1" ; no comment')]),
        (b"a=\xff\0b", [(b"a", b"\xff\0b")]),
    ],
    ids=repr,
)
def test_envini_reads_lines(text: bytes, variables: list[tuple[bytes, bytes]]) -> None:
    """A section, `name = value`, a comment; the rest says nothing."""
    assert envini.parse(text) == variables


@given(st.lists(WORDS | st.binary(max_size=20)))
@example([b"[a", b"]", b"x=1"])
def test_envini_reads_line_by_line(lines: list[bytes]) -> None:
    """Any bytes are a file; blanks around a line, an empty line, and CR LF change nothing."""
    text = b"\n".join(lines)
    expected = envini.parse(text)
    assert envini.parse(b"\r\n\n".join(text.split(b"\n"))) == expected
    assert envini.parse(b"\n".join(b" \t" + line for line in text.split(b"\n"))) == expected
    assert len(expected) <= text.count(b"=")


@given(st.dictionaries(st.text("abX_9", min_size=1).map(str.encode), WORDS, max_size=5))
def test_envini_round_trip(variables: dict[bytes, bytes]) -> None:
    """What is written as lines is read back, blanks around it gone."""
    values = {name: value.replace(b"\n", b"").strip(b" \t\r") for name, value in variables.items()}
    text = b"".join(b"%b = %b\n" % pair for pair in values.items())
    assert dict(envini.parse(text)) == values


def test_envini_gives_the_child_variables(installed: Installed, tmp_path: Path) -> None:
    """Set in the order of the file, over what was there; a prefix comes before all names."""
    program = installed.program("envini")
    (tmp_path / "ini").write_bytes(b"a=1\nb=x\0y\n[s]\na=2\n[]\nb=\n[s]\na=3\n= 4\n")
    expected = [b"OLD=1", b"a=1", b"b=x", b"s_a=3", b"_b=", b"s_=4"]

    def child(*words: str) -> list[bytes]:
        env = {"OLD": "1", "b": "0"}
        return run([program, *words, "ini", "/usr/bin/env"], cwd=tmp_path, env=env).out.split(b"\n")

    assert sorted(child()) == sorted([*expected, b""])
    os.mkfifo(tmp_path / "fifo")  # as the C programs read: nobody waits for a writer
    words = [program, "fifo", "/usr/bin/env"]
    assert run(words, cwd=tmp_path, env={"A": "1"}) == Result(0, b"A=1\n", b"")
    prefixed = [b"OLD=1", b"b=0", b"p.a=1", b"p.b=x", b"p.s_a=3", b"p._b=", b"p.s_=4", b""]
    assert sorted(child("-p", "p.")) == sorted(prefixed)


def test_envini_says_what_is_wrong(installed: Installed, tmp_path: Path) -> None:
    """One line and 111 for all: wrong use, a file that is missing or cannot be read, no child."""
    program = installed.program("envini")
    usage = "envini: usage: envini [-p prefix] file child"
    (tmp_path / "ini").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for words, line in (
        ([], usage),
        (["ini"], usage),
        (["-x", "ini", "true"], f"{usage}: illegal option -- x"),
        (["-p"], f"{usage}: option requires an argument -- p"),
        (["no", "true"], "envini: fatal: unable to read no: file does not exist"),
        (["loop", "true"], "envini: fatal: unable to read loop: symbolic link loop"),
        ([".", "true"], "envini: fatal: unable to read .: is a directory"),
        (["ini", "./no"], "envini: fatal: unable to run ./no: file does not exist"),
    ):
        result = run([program, *words], cwd=tmp_path)
        assert result == Result(111, b"", f"{line}\n".encode())


# setuser, setuidgid -s


def someone() -> pwd.struct_passwd:
    """Give an account other than root that has a home."""
    for account in pwd.getpwall():
        home = Path(account.pw_dir)
        if account.pw_uid and home.is_dir() and is_reachable_by_all(account.pw_dir):
            return account
    pytest.skip("no account but root has a home")


@pytest.mark.root
def test_setuser_makes_a_login(installed: Installed, nobody: str, tmp_path: Path) -> None:
    """Ids, home and variables are the account's; other variables are left, no group of root's."""
    assert nobody
    account = someone()
    words = [installed.program("setuser"), account.pw_name, "/bin/sh", "-c", "id; pwd -P; env"]
    env = environment(USER="root", HOME="/root", X="1")
    result = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, extra_groups=[1, 2])
    assert (result.returncode, result.stderr) == (0, b"")
    ids, home, *variables = os.fsdecode(result.stdout).splitlines()
    assert ids == os.fsdecode(run(["/usr/bin/id", account.pw_name], cwd="/").out).rstrip()
    assert home == os.path.realpath(account.pw_dir)
    assert {"X=1", f"USER={account.pw_name}", f"HOME={account.pw_dir}"} < set(variables)
    assert {f"UID={account.pw_uid}", f"GID={account.pw_gid}"} < set(variables)
    assert f"SHELL={account.pw_shell}" in variables


def test_setuser_says_what_is_wrong(installed: Installed, tmp_path: Path) -> None:
    """100 for wrong use, else 111; and who is not root may not."""
    program = installed.program("setuser")
    usage = Result(100, b"", b"setuser: usage: setuser account child\n")
    assert run([program], cwd=tmp_path) == usage
    assert run([program, "root"], cwd=tmp_path) == usage
    unknown = Result(111, b"", b"setuser: fatal: unknown account nosuch\n")
    assert run([program, "nosuch", "true"], cwd=tmp_path) == unknown


@pytest.mark.root
def test_setuser_is_for_root(installed: Installed, nobody: str) -> None:
    """An account that may not change its groups is told so; a home that is missing is named."""
    program = installed.program("setuser")
    for name in ("setuser", "setuidgid -s"):
        command = installed.program(name.split()[0])
        words = [command, *name.split()[1:], nobody, "true"]
        message = f"{name.split()[0]}: fatal: unable to set groups: permission denied\n"
        assert run(words, cwd="/", account=nobody) == Result(111, b"", message.encode())
    if not Path(pwd.getpwnam(nobody).pw_dir).exists():
        home = pwd.getpwnam(nobody).pw_dir
        message = f"setuser: fatal: unable to chdir to {home}: file does not exist\n"
        assert run([program, nobody, "true"], cwd="/") == Result(111, b"", message.encode())


@pytest.mark.root
def test_setuser_takes_supplementary_groups(
    installed: Installed, nobody: str, nobody_path: Path
) -> None:
    """Those in which /etc/group lists the account: one that says more is mounted over it."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare to give a process an /etc/group of its own with")
    text = Path("/etc/group").read_text() + f"one:x:64001:{nobody}\ntwo:x:64002:{nobody}\n"
    (nobody_path / "group").write_text(text)
    (nobody_path / "group").chmod(0o644)
    mount = 'mount --bind group /etc/group && exec "$@"'
    words = ["unshare", "-m", "/bin/sh", "-c", mount, "sh"]
    if subprocess.run([*words, "true"], cwd=nobody_path, capture_output=True).returncode:
        pytest.skip("this machine forbids mount in a namespace of its own")
    words += [installed.program("setuidgid"), "-s", nobody, "/usr/bin/id", "-G"]
    gid = pwd.getpwnam(nobody).pw_gid
    assert run(words, cwd=nobody_path).out == b"%d 64001 64002\n" % gid
