"""pgrphack beside C's."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]


@pytest.mark.parametrize(
    "words", [[], ["-x", "true"], ["--", "true"], ["true"], ["sh", "-c", "exit 7"]], ids=repr
)
def test_pgrphack_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str]) -> None:
    """Usage, exit codes and the child's own code; there are no options."""
    oracle("pgrphack").compare(words, cwd=tmp_path)


@pytest.mark.parametrize("leads", [False, True])
def test_pgrphack_makes_a_session(oracle: Oracle, tmp_path: Path, leads: bool) -> None:
    """The child leads session and group; who leads a group already keeps both, without a word."""
    words = ["/bin/cut", "-d ", "-f1,5,6", "/proc/self/stat"]
    for prog in (oracle("pgrphack").c, oracle("pgrphack").ours):
        process = subprocess.Popen(
            [prog, *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0 if leads else None,
        )
        out, err = process.communicate()
        session = os.getsid(0) if leads else process.pid
        assert [int(field) for field in out.split()] == [process.pid, process.pid, session]
        assert err == b""
        count("pgrphack")
