"""envuidgid beside C's."""

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nobody"],
        ["nosuch", "true"],
        ["", "true"],
        ["--", "true"],
        ["-x", "nobody", "true"],
        ["0", "true"],
        [b"\xff\xfe", "true"],
        ["nobody\n", "true"],
        ["nobody", "id"],
        ["root", "sh", "-c", "exit 7"],
    ],
    ids=repr,
)
def test_envuidgid_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str | bytes]) -> None:
    """Messages, exit codes, and the child's ids, which stay as they were."""
    oracle("envuidgid").compare(words, cwd=tmp_path)


@pytest.mark.parametrize(
    "env", [{}, {b"UID": b"x", b"GID": b"", b"A": b"1"}, {b"LC_CTYPE": b"C.UTF-8", b"A.B": b"\xff"}]
)
@pytest.mark.parametrize("account", ["root", "nobody", "daemon"])
def test_envuidgid_sets_what_c_sets(
    oracle: Oracle, tmp_path: Path, account: str, env: dict[bytes, bytes]
) -> None:
    """UID and GID, instead of those that were there; every other variable as it was."""
    pair = oracle("envuidgid")
    words = [account, "/bin/cat", "/proc/self/environ"]
    results = [run([prog, *words], cwd=tmp_path, env=env) for prog in (pair.c, pair.ours)]
    entries = [sorted(result.out.split(b"\0")) for result in results]
    assert entries[1] == entries[0]
    ids = pwd.getpwnam(account)
    assert {b"UID=%d" % ids.pw_uid, b"GID=%d" % ids.pw_gid} <= set(entries[0])
    count("envuidgid")
