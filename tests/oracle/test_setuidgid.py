"""setuidgid beside C's: messages, and what the child is given: ids, descriptors, signals."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count, environment, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

STATUS = [
    "/bin/sed",
    "-En",
    "/^(Uid|Gid|Groups|Sig(Ign|Blk|Cgt)|Umask|NoNewPrivs):/p",
    "/proc/self/status",
]

# Descriptors and what they are, limits, umask, directory, signals, environment.
SHOW = r"""#!/bin/bash
ls -l /proc/self/fd | sed 's/.* \([0-9]* -> \)/\1/'
ulimit -a; umask; pwd; grep -E '^(Sig[BIC]|Shd)' /proc/self/status
tr '\0' '\n' </proc/$$/environ
"""

WORDS = [
    [],
    ["nobody"],
    ["root"],
    ["nosuch", "true"],
    ["", "true"],
    ["--", "true"],
    ["-S", "nobody", "true"],
    ["-sx", "nobody", "true"],
    ["65534", "true"],
    ["nobody", "true"],
    ["root", "true"],
    ["nobody", "false"],
    ["nobody", "sh", "-c", "exit 7"],
    ["nobody", "missing"],
    ["nobody", "./missing"],
    ["nobody", "/etc/passwd"],
    ["nobody", "/tmp"],
    ["nobody", ""],
    ["nobody", "echo", "", "a b"],
    [b"\xff\xfe", "true"],
    ["nobody\n", "true"],
]


@pytest.mark.parametrize("words", WORDS, ids=repr)
def test_setuidgid_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str | bytes]) -> None:
    """Messages, exit codes and the child's own code, as whoever runs this."""
    oracle("setuidgid").compare(words, cwd=tmp_path)


@pytest.mark.root
@pytest.mark.parametrize("words", WORDS, ids=repr)
def test_setuidgid_answers_an_account_as_c(
    oracle: Oracle, nobody_path: Path, words: list[str | bytes]
) -> None:
    """Who is not root cannot change groups, and is told so."""
    oracle("setuidgid").compare(words, cwd=nobody_path, account="nobody")


@pytest.mark.root
@pytest.mark.parametrize("account", ["nobody", "daemon", "root"])
def test_setuidgid_leaves_only_the_account(oracle: Oracle, tmp_path: Path, account: str) -> None:
    """Uid, gid and groups are the account's, real, effective, saved and of the file system."""
    result = oracle("setuidgid").compare([account, *STATUS], cwd=tmp_path)
    ids = run(["/usr/bin/id", "-u", account], cwd=tmp_path).out.strip()
    gid = run(["/usr/bin/id", "-g", account], cwd=tmp_path).out.strip()
    lines = [line.split() for line in result.out.splitlines()]
    assert [b"Uid:", ids, ids, ids, ids] in lines
    assert [b"Gid:", gid, gid, gid, gid] in lines
    assert [b"Groups:", gid] in lines


@pytest.mark.root
@pytest.mark.parametrize(
    "shell",
    [
        "",
        "trap '' PIPE INT HUP XFSZ QUIT TERM USR1 CHLD",
        "umask 077; ulimit -n 77 -s 4096 -c 0",
        "cd /; exec 3</dev/null 9</etc/passwd 7>/dev/null",
        "exec 4</ 5<&0 8>&1 6>/dev/full",
        "exec 2>/dev/null",
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["setuidgid", "envdir"])
def test_chain_hands_on_what_c_hands_on(
    oracle: Oracle, tmp_path: Path, name: str, shell: str
) -> None:
    """Descriptors, signals, umask, limits, current directory and environment of the child."""
    (tmp_path / "env").mkdir()
    pair = oracle(name)
    (tmp_path / "show").write_text(SHOW)
    (tmp_path / "show").chmod(0o755)
    first = "root" if name == "setuidgid" else str(tmp_path / "env")
    results = []
    for program in (pair.c, pair.ours):
        script = f'{shell or ":"}; exec "$@"'
        words = [program, first, str(tmp_path / "show")]
        env = environment(HOME="/", **{"A.B": "1"})
        result = run(["/bin/sh", "-c", script, "sh", *words], cwd=tmp_path, env=env)
        hidden = re.sub(rb"(pipe|socket):\[\d+\]|/proc/\d+/fd", b"#", result.out)
        results.append((result.code, sorted(hidden.splitlines()), result.err))
    assert results[1] == results[0]
    assert len(results[0][1]) > 20 or "exec 2" in shell
    count(name)
