"""tai64n beside C's: everything but the moment is the same."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.core import tai
from tests.oracle.runner import Pair, count, environment, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

WIDTH = tai.LABEL_BYTES


def split(output: bytes) -> tuple[list[bytes], list[bytes]]:
    """Part labels and lines; of a last line without newline, too."""
    lines = output.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line[:WIDTH] for line in lines], [line[WIDTH:] for line in lines]


@given(data=st.binary(max_size=400) | st.text("\n\n\nab@").map(str.encode))
@example(data=b"")
@example(data=b"\n")
@example(data=b"\n\n")
@example(data=b"a\nb")
@example(data=b"a\n" * 70_000)
@example(data=b"x" * 200_000)
def test_tai64n_labels_lines_as_c(
    oracle: Oracle, tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Each line gets a label and a space, a last one without newline too, and nothing else."""
    pair, where = oracle("tai64n").forked, tmp_path_factory.getbasetemp()
    before_ns = time.time_ns() // 1000 * 1000  # C's clock has microseconds
    by_c, ours = run([pair.c], cwd=where, stdin=data), pair.run(stdin=data)
    after_ns = time.time_ns() + 1000
    (c_labels, c_lines), (labels, lines) = split(by_c.out), split(ours.out)
    assert (ours.code, ours.err, lines) == (by_c.code, by_c.err, c_lines)
    assert ours.out.endswith(b"\n") == by_c.out.endswith(b"\n")
    for label in c_labels + labels:
        assert tai.label(before_ns) <= label <= tai.label(after_ns)
    count("tai64n")


def test_tai64n_shows_each_read_at_once(oracle: Oracle) -> None:
    """What was read is written before the next read; a line's label is of its first byte."""
    pair = oracle("tai64n")
    for program in (pair.c, pair.ours):
        process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), bufsize=0
        )
        assert process.stdin
        assert process.stdout
        out = []
        for part in (b"a\n", b"b", b"c", b"d\ne"):
            process.stdin.write(part)
            out.append(process.stdout.read(100))
        process.stdin.close()
        labels, rest = split(b"".join(out))
        assert [part[-1:] for part in out] == [b"\n", b"b", b"c", b"e"]
        assert rest == [b" a", b" bcd", b" e"]
        assert labels == sorted(labels)
        assert process.stdout.read(100) == b""
        process.stdout.close()
        assert process.wait() == 0
        count("tai64n")


@pytest.mark.parametrize("name", ["tai64n", "tai64nlocal"])
@pytest.mark.parametrize("redirection", ["<&-", ">/dev/full", ">&-", "<&- >&-", "2>&-"])
def test_filters_fail_as_c(oracle: Oracle, tmp_path: Path, name: str, redirection: str) -> None:
    """Input or output that fails: 111 and not a word; without input, output is not tried."""
    pair = oracle(name)
    for data in (b"", b"x\n"):
        shell = ["/bin/sh", "-c", f'exec "$0" {redirection}']
        by_c = run([*shell, pair.c], cwd=tmp_path, stdin=data)
        ours = run([*shell, pair.ours], cwd=tmp_path, stdin=data)
        assert (ours.code, len(ours.out), ours.err) == (by_c.code, len(by_c.out), by_c.err)
        count(name)


@pytest.mark.parametrize("name", ["tai64n", "tai64nlocal"])
@pytest.mark.parametrize("trap", ["trap - PIPE", "trap '' PIPE"], ids=["default", "ignored"])
def test_filters_end_as_c_without_a_reader(
    oracle: Oracle, tmp_path: Path, name: str, trap: str
) -> None:
    """Killed by SIGPIPE, or 111 where that was ignored at the start."""
    pair = oracle(name)
    codes = []
    for program in (pair.c, pair.ours):
        read, write = os.pipe()
        os.close(read)
        process = subprocess.run(
            ["/bin/sh", "-c", f'{trap}; exec "$0"', program],
            input=b"x\n",
            stdout=write,
            cwd=tmp_path,
        )
        os.close(write)
        codes.append(process.returncode)
        count(name)
    assert codes == [-13, -13] if "-" in trap else [111, 111]


@pytest.mark.deviation("stdin-directory")
def test_filters_refuse_a_directory(oracle: Oracle, tmp_path: Path) -> None:
    """Python ends itself, and says so, before a command has a say; C says 111 and nothing."""
    pair = oracle("tai64n")
    shell = ["/bin/sh", "-c", 'exec "$0" <.']
    ours = run([*shell, pair.ours], cwd=tmp_path)
    assert (ours.code, b"<stdin> is a directory" in ours.err) == (1, True)
    assert run([*shell, pair.c], cwd=tmp_path).code == 111


@pytest.mark.deviation("tai64n-one-stamp")
def test_tai64n_takes_the_clock_once_a_read(oracle: Oracle, tmp_path: Path) -> None:
    """Lines of one read share a label; C takes the clock for each line."""
    pair = oracle("tai64n")
    by_c, ours = (run([prog], cwd=tmp_path, stdin=b"a\n" * 500) for prog in (pair.c, pair.ours))
    assert len(set(split(ours.out)[0])) == 1
    assert len(set(split(by_c.out)[0])) > 1
