"""svstat beside C's."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.core import tai
from tests.oracle.runner import Pair, run
from tests.oracle.service import service

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

STAMP = bytes.fromhex("400000006b04fbdc2b5f726c")
UP = STAMP + b"\x83\x3f\0\0"
DOWN = STAMP + b"\0\0\0\0"


@pytest.mark.parametrize("down", [True, False], ids=["down-file", "no-down-file"])
@pytest.mark.parametrize("paused", [b"\0", b"\1", b"\xff"], ids=["runs", "paused", "ff"])
@pytest.mark.parametrize("want", [b"u", b"d", b"\0", b"x"], ids=["u", "d", "once", "x"])
@pytest.mark.parametrize("record", [UP, DOWN], ids=["up", "down"])
def test_svstat_describes_as_c(
    oracle: Oracle, tmp_path: Path, record: bytes, want: bytes, paused: bytes, down: bool
) -> None:
    """Each state that a record and the down file can say is said in C's words."""
    with service(tmp_path / "a") as made:
        (made.inside / "status").write_bytes(record + paused + want)
        if down:
            (made.path / "down").write_text("")
        result = oracle("svstat").compare(["a"], cwd=tmp_path, moving=True)
    assert result.code == 0
    assert result.out.startswith(b"a: up (pid 16259) " if record == UP else b"a: down ")


@given(data=st.binary(max_size=60))
@example(data=b"\0" * 17)
@example(data=b"\0" * 18)
@example(data=b"\xff" * 18)
@example(data=(tai.EPOCH - 1).to_bytes(8, "big") + b"\xff" * 10)
@example(data=UP + b"\0u" + b"\3" * 4000)
def test_svstat_reads_any_status_as_c(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Arbitrary bytes in supervise/status: the same line, or the same complaint."""
    where = tmp_path_factory.mktemp("svstat")
    with service(where / "a") as made:
        (made.inside / "status").write_bytes(data)
        oracle("svstat").forked.compare(["a"], cwd=where, moving=True)


@given(
    seconds=st.integers(0, 2**64 - 1),
    pid=st.integers(0, 2**32 - 1),
    flags=st.tuples(st.sampled_from(b"\0\1\2"), st.sampled_from(b"ud\0x")),
    down=st.booleans(),
)
def test_svstat_reads_any_moment_as_c(
    oracle: Oracle,
    tmp_path_factory: pytest.TempPathFactory,
    seconds: int,
    pid: int,
    flags: tuple[int, int],
    down: bool,
) -> None:
    """Any second, far past or future, any pid."""
    where = tmp_path_factory.mktemp("svstat")
    record = seconds.to_bytes(8, "big") + b"\0" * 4 + pid.to_bytes(4, "little") + bytes(flags)
    with service(where / "a") as made:
        (made.inside / "status").write_bytes(record)
        if down:
            (where / "a/down").mkdir()
        oracle("svstat").forked.compare(["a"], cwd=where, moving=True)


def broken(where: Path) -> list[str]:
    """Make a directory for each thing that svstat may fail of, and name them all."""
    for name in ("plain", "file", "folder", "loop", "loopdown"):
        (where / name / "supervise").mkdir(parents=True)
    (where / "file/supervise/ok").write_text("")
    (where / "folder/supervise/ok").mkdir()
    (where / "loop/supervise/ok").symlink_to("ok")
    (where / "loopdown/down").symlink_to("down")
    (where / "notdir").write_text("")
    with service(where / "dead"):
        pass
    return ["plain", "file", "folder", "loop", "loopdown", "notdir", "dead", "missing", "", "--"]


def test_svstat_complains_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """What cannot be read is one line on stdout; the next directory is looked at, the code is 0."""
    names = broken(tmp_path)
    with service(tmp_path / "nostatus"):
        pair = oracle("svstat")
        for name in [*names, "nostatus"]:
            result = pair.compare([name], cwd=tmp_path)
            assert (result.code, result.err) == (0, b"")
        pair.compare([*names, "nostatus"], cwd=tmp_path)


@pytest.mark.parametrize(
    "words",
    [[], ["-L"], ["-"], ["x", "-l"], [b"\xff\xfe"], ["a\nb"], ["/"], ["x" * 5000]],
    ids=repr,
)
def test_svstat_takes_any_words_as_c(
    oracle: Oracle, tmp_path: Path, words: list[str | bytes]
) -> None:
    """No word is an option; any bytes are a directory's name."""
    oracle("svstat").compare(words, cwd=tmp_path)


@pytest.mark.root
def test_svstat_names_what_is_forbidden(oracle: Oracle, nobody_path: Path) -> None:
    """An account without access is told at which step, be it the current directory."""
    with service(nobody_path / "up") as up:
        (up.inside / "ok").chmod(0o622)
        (up.inside / "status").write_bytes(UP + b"\0u")
        pair = oracle("svstat")

        def compare() -> bytes:
            return pair.compare(["up"], cwd=nobody_path, account="nobody", moving=True).out

        assert compare().startswith(b"up: up (pid 16259) ")
        (up.inside / "status").chmod(0o600)
        assert b"unable to open supervise/status" in compare()
        up.inside.chmod(0o700)
        assert b"unable to open supervise/ok" in compare()
        up.path.chmod(0o600)
        assert b"unable to chdir" in compare()
        nobody_path.chmod(0o311)
        assert pair.compare(["up"], cwd=nobody_path, account="nobody").code == 111


def test_svstat_survives_a_full_stdout(oracle: Oracle, tmp_path: Path) -> None:
    """Exit 0 and silence where stdout takes nothing, as in C."""
    pair = oracle("svstat")
    for program in (pair.c, pair.ours):
        words = ["/bin/sh", "-c", 'exec "$0" a b >/dev/full', program]
        assert run(words, cwd=tmp_path) == run(["/bin/true"], cwd=tmp_path)


@pytest.mark.deviation("svstat-read-error")
def test_svstat_names_a_read_error(oracle: Oracle, tmp_path: Path) -> None:
    """A status that is a directory, or a FIFO, is an error; C shows the service before instead."""
    pair = oracle("svstat")
    with (
        service(tmp_path / "a") as one,
        service(tmp_path / "b") as other,
        service(tmp_path / "c") as third,
    ):
        (one.inside / "status").write_bytes(UP + b"\0u")
        (other.inside / "status").mkdir()
        os.mkfifo(third.inside / "status")
        writer = os.open(third.inside / "status", os.O_RDWR | os.O_NONBLOCK)
        by_c = run([pair.c, "a", "b", "c"], cwd=tmp_path).out.splitlines()
        ours = run([pair.ours, "a", "b", "c"], cwd=tmp_path).out.splitlines()
        os.close(writer)
    assert by_c[1].startswith(b"b: up (pid 16259) ")
    assert by_c[2].startswith(b"c: up (pid 16259) ")
    assert ours[1] == b"b: unable to read supervise/status: is a directory"
    assert ours[2] == b"c: unable to read supervise/status: temporary failure"
