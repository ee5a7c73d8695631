"""svc beside C's: its messages, and what a supervise gets to read."""

import contextlib
import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oracle.runner import Pair, Result, environment, run
from tests.oracle.service import Service, service
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]


def sent(pair: Pair, words: list[str | bytes], to: Service, cwd: Path) -> bytes:
    """Compare one call of svc, and say what the service received, which must be the same."""
    expected = run([pair.c, *words], cwd=cwd)
    by_c = to.received()
    got = pair.run(words, cwd=cwd)
    assert (got, to.received()) == (expected, by_c)
    pair.compare(words, cwd=cwd)
    to.received()
    return by_c


@pytest.mark.parametrize("letter", "udopchaitkx")
def test_svc_sends_each_letter(oracle: Oracle, tmp_path: Path, letter: str) -> None:
    """Each option is the byte that supervise reads."""
    with service(tmp_path / "up") as up:
        assert sent(oracle("svc"), [f"-{letter}", "up"], up, tmp_path) == letter.encode()


@pytest.mark.parametrize(
    ("words", "received"),
    [
        (["-ud", "up"], b"ud"),
        (["-du", "up"], b"du"),
        (["-d", "-u", "up"], b"du"),
        (["-dud", "-u", "up"], b"du"),
        (["-udopchaitkxudopchaitkx", "up"], b"udopchaitkx"),
        (["-d", "--", "up"], b"d"),
        (["-d", "up", "-u"], b"d"),
        (["-d", "-", "up"], b"d"),
        (["-d", "up", "up"], b"dd"),
        (["up"], b""),
        (["--", "up"], b""),
        (["-d", "missing", "up", "up/", "./up"], b"ddd"),
        (["-d", "--up"], b""),
        (["-d-", "up"], b""),
        (["-z", "up"], b""),
        (["-dz", "up"], b""),
        (["-d", "-3"], b""),
        (["--help"], b""),
        (["-"], b""),
        (["-d"], b""),
        ([], b""),
        (["-\xe9", "up"], b""),
        ([b"-\xff", "up"], b""),
        (["-d", ""], b""),
        ([b"-d", b"\xff\xfe", "up"], b"d"),
    ],
    ids=repr,
)
def test_svc_reads_words_as_c(
    oracle: Oracle, tmp_path: Path, words: list[str | bytes], received: bytes
) -> None:
    """Each letter once, in order, to each directory; messages and codes are C's."""
    with service(tmp_path / "up") as up:
        assert sent(oracle("svc"), words, up, tmp_path) == received


@given(words=st.lists(st.text("udopchaitkx-z", max_size=6).map("-".__add__), max_size=4))
@example(words=["--", "-d"])
@example(words=["-", "-d"])
def test_svc_reads_any_options_as_c(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, words: list[str | bytes]
) -> None:
    """Whatever the clusters, both send the same and say the same."""
    where = tmp_path_factory.mktemp("svc")
    with service(where / "up") as up:
        sent(oracle("svc").forked, [*words, "up"], up, where)


def test_svc_warns_as_c_of_what_it_cannot_reach(oracle: Oracle, tmp_path: Path) -> None:
    """A directory that is none, a control that is missing, dead, a directory or a loop."""
    for name in ("plain", "folder", "loop"):
        (tmp_path / name / "supervise").mkdir(parents=True)
    (tmp_path / "folder/supervise/control").mkdir()
    (tmp_path / "loop/supervise/control").symlink_to("control")
    (tmp_path / "notdir").write_text("")
    with service(tmp_path / "dead"):
        pass
    names = ["plain", "missing", "dead", "folder", "loop", "notdir", "-x"]
    with service(tmp_path / "up") as up:
        assert sent(oracle("svc"), ["-du", *names, "up"], up, tmp_path) == b"du"
        for name in names:
            oracle("svc").compare(["-x", "--", name], cwd=tmp_path)


@pytest.mark.deviation("svc-plain-files")
@pytest.mark.parametrize("target", ["passwd", "/dev/full"])
def test_svc_writes_over_no_file(oracle: Oracle, tmp_path: Path, target: str) -> None:
    """A link in control's place leads to no harm; C writes its letters over the file."""
    pair = oracle("svc")
    (tmp_path / "up/supervise").mkdir(parents=True)
    (tmp_path / "up/supervise/control").symlink_to(tmp_path / target)
    (tmp_path / "passwd").write_text("root")
    result = pair.run(["-t", "up"], cwd=tmp_path)
    assert result == Result(0, b"", b"svc: warning: unable to control up: supervise not running\n")
    assert (tmp_path / "passwd").read_text() == "root"
    by_c = run([pair.c, "-t", "up"], cwd=tmp_path)
    full = b"svc: warning: error writing commands to up: out of disk space\n"
    assert by_c == Result(0, b"", b"" if target == "passwd" else full)
    assert (tmp_path / "passwd").read_text() == ("toot" if target == "passwd" else "root")


def fill(control: Path) -> None:
    """Write into a FIFO until it takes no more."""
    writer = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"c" * 10_000_000)
    os.close(writer)


def test_svc_waits_for_a_full_control(oracle: Oracle, tmp_path: Path) -> None:
    """The letters are written blocking, however busy the supervise is: none is lost."""
    pair = oracle("svc")
    with service(tmp_path / "up") as up:
        for program in (pair.c, pair.ours):
            fill(up.inside / "control")
            process = subprocess.Popen([program, "-du", "up"], cwd=tmp_path, stderr=subprocess.PIPE)
            wait_until(functools.partial(is_asleep_with, process.pid, up.inside / "control"))
            got = b""
            while not got.endswith(b"du"):
                got = wait_until(up.received)
            assert got.strip(b"c") == b"du"
            assert process.communicate() == (None, b"")
            assert process.returncode == 0


def test_svc_outlives_a_supervise_that_dies_meanwhile(oracle: Oracle, tmp_path: Path) -> None:
    """The reader closes while svc waits in write: a warning, and the next one is served."""
    pair = oracle("svc")
    said = []
    with service(tmp_path / "next") as after:
        for number, program in enumerate((pair.c, pair.ours)):
            with service(tmp_path / f"{number}/up") as up:
                fill(up.inside / "control")
                words = [program, "-d", "up", "../next"]
                process = subprocess.Popen(
                    words, cwd=up.path.parent, stderr=subprocess.PIPE, env=environment()
                )
                wait_until(functools.partial(is_asleep_with, process.pid, up.inside / "control"))
            said.append((*process.communicate(), process.returncode, after.received()))
    warning = b"svc: warning: error writing commands to up: broken pipe\n"
    assert said == [(None, warning, 0, b"d")] * 2


def is_asleep_with(pid: int, path: Path) -> bool:
    """Say whether a process sleeps while it has a file open: svc does that only in write."""
    process = Path(f"/proc/{pid}")
    with contextlib.suppress(FileNotFoundError):  # a descriptor closed meanwhile
        opened = [file.readlink() for file in process.joinpath("fd").iterdir()]
        return path in opened and ") S " in process.joinpath("stat").read_text()
    return False


@pytest.mark.root
def test_svc_names_what_is_forbidden(oracle: Oracle, nobody_path: Path) -> None:
    """An account without access to the current directory, the service or its control is told so."""
    with service(nobody_path / "up") as up:
        (up.inside / "control").chmod(0o600)
        for mode in (0o755, 0o311):
            nobody_path.chmod(mode)
            for words in (["-u", "up"], ["-u"], [], ["-z"]):
                oracle("svc").compare(words, cwd=nobody_path, account="nobody")
