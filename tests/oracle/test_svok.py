"""svok beside C's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.runner import Pair
from tests.oracle.service import service

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]


def fill(where: Path) -> None:
    """Make each kind of directory that svok may meet."""
    for name in ("plain", "file", "folder", "loop", "fifo", "-x", "n\xe9w\nline"):
        (where / name / "supervise").mkdir(parents=True)
    (where / "file/supervise/ok").write_text("")
    (where / "folder/supervise/ok").mkdir()
    (where / "loop/supervise/ok").symlink_to("ok")
    (where / "notdir").write_text("")
    with service(where / "dead"):
        pass


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 100),
        (["plain"], 100),
        (["dead"], 100),
        (["file"], 0),
        (["folder"], 111),
        (["loop"], 111),
        (["notdir"], 111),
        (["missing"], 111),
        ([""], 111),
        (["-x"], 100),
        (["--"], 111),
        (["missing", "plain"], 111),
        (["plain", "missing"], 100),
        ([b"\xff\xfe"], 111),
        (["n\xe9w\nline"], 100),
        (["a" * 300], 111),
    ],
    ids=repr,
)
def test_svok_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str], code: int) -> None:
    """Codes and messages are C's for whatever may be at supervise/ok."""
    fill(tmp_path)
    assert oracle("svok").compare(words, cwd=tmp_path).code == code


def test_svok_finds_a_reader_of_ok(oracle: Oracle, tmp_path: Path) -> None:
    """0 while somebody holds supervise/ok open for reading."""
    with service(tmp_path / "up"):
        assert oracle("svok").compare(["up"], cwd=tmp_path).code == 0


@pytest.mark.root
def test_svok_names_what_is_forbidden(oracle: Oracle, nobody_path: Path) -> None:
    """An account without access is told at which step."""
    with service(nobody_path / "up"):
        (nobody_path / "up/supervise").chmod(0o700)
        pair = oracle("svok")
        assert pair.compare(["up"], cwd=nobody_path, account="nobody").code == 111
        (nobody_path / "up").chmod(0o700)
        assert pair.compare(["up"], cwd=nobody_path, account="nobody").code == 111
