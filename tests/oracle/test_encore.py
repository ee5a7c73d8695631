"""Where daemontools-encore's options are ours, and C's programs take them for something else."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, Result, count, run
from tests.oracle.service import service
from tests.oracle.supervised import make_service, supervise

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]
STAMP = bytes.fromhex("400000006b04fbdc2b5f726c")
UP = STAMP + b"\x83\x3f\0\0"


@pytest.mark.deviation("svc-more-letters")
@pytest.mark.parametrize(
    ("word", "sent"),
    [
        ("-w", b"w"),
        ("-=", b"="),
        ("-+", b"+="),  # closed, or it would be for what the next svc sends, too
        ("-+tdw=qk", b"+tdw=qk"),
        ("-12q+u+", b"12q+u="),
    ],
)
def test_svc_sends_encores_letters(oracle: Oracle, tmp_path: Path, word: str, sent: bytes) -> None:
    """Each once, in order; C sends nothing, and says that the option is illegal."""
    pair = oracle("svc")
    with service(tmp_path / "up") as up:
        by_c = run([pair.c, word, "up"], cwd=tmp_path)
        assert (by_c.code, up.received()) == (100, b"")
        assert by_c.err.startswith(b"svc: illegal option -- ")
        ours = run([pair.ours, word, "up"], cwd=tmp_path)
        assert (ours, up.received()) == (Result(0, b"", b""), sent)


def test_supervise_of_c_ignores_encores_letters(oracle: Oracle, tmp_path: Path) -> None:
    """C's supervise does nothing at w, + and =; a signal letter after + is for the process."""
    pair, svc = oracle("supervise"), oracle("svc")
    under = supervise(pair.c, make_service(tmp_path / "a"))
    try:
        before = under.look()
        for letter in b"w+=":
            after = under.send(bytes([letter]), svc.ours)
            assert (after.status, after.state, after.events) == (before.status, "S", ())
        assert run([svc.ours, "-+h", "a"], cwd=tmp_path).code == 0
        assert under.send(b"w").events == ("h",)
    finally:
        under.close()
    count("supervise: letters of encore", 4)


@pytest.mark.deviation("svstat-long")
@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (UP + b"\0u", ["a: up (pid 16259) N seconds"]),
        (UP + b"\0\0", ["a: up (pid 16259) N seconds, once"]),
        (UP + b"\0d\4\0", ["a: up (pid 16259) N seconds, want down, stopping"]),
        (UP + b"\1u\3\0", ["a: up (pid 16259) N seconds, paused, running"]),
        (STAMP + b"\0\0\0\0\0d\5\0", ["a: down N seconds, normally up, failed"]),
        (
            (UP + b"\0u\3\0") * 2,
            ["a: up (pid 16259) N seconds, running", "a log: up (pid 16259) N seconds, running"],
        ),
        (UP + b"\0", ["a: unable to read supervise/status: bad format"]),
    ],
    ids=["C", "once", "stopping", "running", "failed", "log", "short"],
)
def test_svstat_says_more_at_length(
    oracle: Oracle, tmp_path: Path, data: bytes, lines: list[str]
) -> None:
    """What 20 and 40 bytes hold is said after C's words; without -l the line is C's."""
    pair = oracle("svstat")
    with service(tmp_path / "a") as made:
        (made.inside / "status").write_bytes(data)
        pair.compare(["a"], cwd=tmp_path, moving=True)
        by_c = run([pair.c, "-l"], cwd=tmp_path)
        ours = run([pair.ours, "-l", "a", "b"], cwd=tmp_path)
    assert by_c == Result(0, b"-l: unable to chdir: file does not exist\n", b"")
    expected = "\n".join([*lines, "b: unable to chdir: file does not exist", ""])
    out = re.sub(r"a uses: .*\n", "", os.fsdecode(ours.out))  # of who has that pid by chance
    assert re.sub(r"\d+ seconds", "N seconds", out) == expected
    assert (ours.code, ours.err) == (0, b"")


@pytest.mark.parametrize("size", [18, 20, 40])
def test_svok_takes_any_status(oracle: Oracle, tmp_path: Path, size: int) -> None:
    """Only ok counts for svok, not who wrote the status, nor how long it is."""
    with service(tmp_path / "a") as made:
        (made.inside / "status").write_bytes(bytes(size))
        assert oracle("svok").compare(["a"], cwd=tmp_path).code == 0


@pytest.mark.deviation("envdir-prefix")
@pytest.mark.parametrize("option", [["-p", "X_"], ["-pX_"], ["-p", "A", "-pX_", "--"]])
def test_envdir_puts_a_prefix_before_names(
    oracle: Oracle, tmp_path: Path, option: list[str]
) -> None:
    """Variables are set, and unset, under the longer name; C looks for a directory -p."""
    pair = oracle("envdir")
    (tmp_path / "env").mkdir()
    (tmp_path / "env/SET").write_text("1\n")
    (tmp_path / "env/NOT").write_text("")
    words = [*option, "env", "/usr/bin/env"]
    env = {"NOT": "2", "X_NOT": "3", "X_SET": "4"}
    by_c, ours = (run([prog, *words], cwd=tmp_path, env=env) for prog in (pair.c, pair.ours))
    assert b"unable to switch to directory -p" in by_c.err
    assert (sorted(ours.out.split()), ours.err) == ([b"NOT=2", b"X_SET=1"], b"")


@pytest.mark.parametrize(
    ("words", "why"),
    [(["-p"], ": option requires an argument -- p"), (["-p", "x", "-y"], ": illegal option -- y")],
    ids=repr,
)
def test_envdir_says_how_a_prefix_is_given(
    oracle: Oracle, tmp_path: Path, words: list[str], why: str
) -> None:
    """Wrong use with -p is one line; without -p it is C's."""
    result = run([oracle("envdir").ours, *words], cwd=tmp_path)
    line = f"envdir: usage: envdir [-p prefix] dir child{why}\n"
    assert result == Result(111, b"", line.encode())


@pytest.mark.root
@pytest.mark.deviation("setuidgid-groups")
def test_setuidgid_takes_supplementary_groups(oracle: Oracle, nobody: str, tmp_path: Path) -> None:
    """Those that /etc/group lists, and none of root's; C looks for an account -s."""
    pair = oracle("setuidgid")
    words = ["-s", nobody, "/usr/bin/id"]
    by_c, ours = (run([prog, *words], cwd=tmp_path) for prog in (pair.c, pair.ours))
    assert by_c == Result(111, b"", b"setuidgid: fatal: unknown account -s\n")
    assert ours.out == run(["/usr/bin/id", nobody], cwd=tmp_path).out
    short = run([pair.ours, *words[:2]], cwd=tmp_path)
    assert short == Result(100, b"", b"setuidgid: usage: setuidgid account child\n")
