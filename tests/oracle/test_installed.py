"""What the shell at the beginning of each installed command changes: it finds the interpreter.

Not tested: shells other than dash, which say and do it in other ways.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, run

Oracle = Callable[[str], Pair]

pytestmark = pytest.mark.skipif(
    Path("/bin/sh").resolve().name != "dash", reason="the shell is not dash, whose ways these are"
)


def both(pair: Pair, script: str, path: Path) -> list[tuple[int, bytes, bytes]]:
    """Run a line of shell that ends in running `"$0"`, C's and ours."""
    results = [run(["sh", "-c", script, prog], cwd=path) for prog in (pair.c, pair.ours)]
    return [(it.code, it.out, it.err) for it in results]


@pytest.mark.deviation("shell-current-directory")
def test_command_works_where_the_current_directory_is_gone(oracle: Oracle, tmp_path: Path) -> None:
    """All that differs is the shell's line on stderr."""
    gone = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" echo works'
    by_c, ours = both(oracle("softlimit"), gone, tmp_path)
    assert by_c == (0, b"works\n", b"")
    assert ours == (0, b"works\n", b"sh: 0: getcwd() failed: No such file or directory\n")


@pytest.mark.deviation("shell-descriptors")
def test_command_needs_fourteen_descriptors(oracle: Oracle, tmp_path: Path) -> None:
    """The shell gives up with ten; in a chain a limit holds for the last program."""
    pair = oracle("pgrphack")
    by_c, ours = both(pair, 'ulimit -n 10; exec "$0" echo works', tmp_path)
    assert (by_c[:2], ours[:2]) == ((0, b"works\n"), (2, b""))
    by_c, ours = both(pair, 'ulimit -n 14; exec "$0" echo works', tmp_path)
    assert (by_c, ours) == ((0, b"works\n", b""),) * 2
    chain = 'exec "${0%/*}/softlimit" -o 4 "$0" sh -c "ulimit -n"'
    by_c, ours = both(pair, chain, tmp_path)
    assert (by_c, ours) == ((0, b"4\n", b""),) * 2


@pytest.mark.deviation("shell-sigchld")
def test_command_does_not_hand_on_an_ignored_sigchld(oracle: Oracle, tmp_path: Path) -> None:
    """Of TERM, ignored as well, both do; fghack can ask how its child ended."""
    ignoring = 'exec env --ignore-signal=CHLD,TERM "$0" '
    look = ignoring + "grep SigIgn /proc/self/status"
    by_c, ours = (it[1].split()[-1] for it in both(oracle("pgrphack"), look, tmp_path))
    assert int(by_c, 16) ^ int(ours, 16) == 1 << 16
    by_c, ours = both(oracle("fghack"), ignoring + "true", tmp_path)
    assert by_c == (111, b"", b"fghack: fatal: wait failed: no child processes\n")
    assert ours == (0, b"", b"")
