"""softlimit before svscan, supervise and svscanboot: the services get the limits, as C's do.

Ours could not live with limits on memory itself, and hands them to its children.
"""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import scan
from tests.oracle.runner import Pair, count, environment
from tests.scan import executable
from tests.wait import wait_until

pytestmark = pytest.mark.oracle

Oracle = Callable[[str], Pair]

WORDS = "-a 200000000 -d 100000000 -l 10000 -s 4000000 -c 0 -o 60 -f 1000000 -t 1000"
MANY = WORDS.split()
LESS = ["-m", "90000000", "-d", "12000000", "-s", "="]
RUN = (
    "{ cat /proc/self/limits; echo; env | grep -v PWD= | sort; } >new; mv new seen; exec sleep 1000"
)


def saw(
    program: list[str],
    place: Path,
    name: str,
    env: dict[str, str],
    end: signal.Signals = signal.SIGKILL,
) -> str:
    """Have a program supervise a scan directory, or its service; give what that saw.

    At the end its group gets a signal. svscanboot's svscan is not in that: it has a session of its
    own, and ends in order on svscanboot's TERM.
    """
    path = scan.service(place / "scan/a")
    executable(path / "run", RUN)
    with (place / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [*program, name], cwd=path.parent, stderr=errors, env=env, start_new_session=True
        )
    try:
        wait_until((path / "seen").exists)
        assert (place / "errors").read_bytes() == b""
        return (path / "seen").read_text()
    finally:
        os.killpg(process.pid, end)
        process.wait()


CASES = [
    ("supervise", "a", MANY, {}),
    ("supervise", "a", LESS, {"PYSVSCAN_PURE": "1"}),
    ("svscan", ".", LESS, {}),
]


@pytest.mark.parametrize(("name", "word", "limits", "more"), CASES)
def test_services_get_the_limits_of_a_softlimit_before(
    oracle: Oracle, tmp_path: Path, name: str, word: str, limits: list[str], more: dict[str, str]
) -> None:
    """All of them, by each road, and nothing else than without."""
    softlimit, supervisor = oracle("softlimit"), oracle(name)
    env = environment(**more)
    expected = saw([softlimit.c, *limits, supervisor.c], tmp_path / "c", word, env)
    assert saw([softlimit.ours, *limits, supervisor.ours], tmp_path / "ours", word, env) == expected
    count("softlimit")
    if name == "svscan":  # which svscanboot becomes, in a new image
        boot = supervisor.ours + "boot"
        words, place = [softlimit.ours, *limits, boot], tmp_path / "boot"
        limited = saw(words, place, str(place / "scan"), env, end=signal.SIGTERM)
        assert limited.partition("\n\n")[0] == expected.partition("\n\n")[0]
