"""Messages: DJB's words for each errno, and lines that keep any byte."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan import strerr
from tests.oracle.runner import c_program, count, environment, run

CHDIR_THAT_FAILS = """
#include <errno.h>
#include <stdlib.h>
int chdir(const char *path) { errno = atoi(path); return -1; }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a library in which chdir("N") fails with errno N."""
    where = tmp_path_factory.mktemp("shim")
    (where / "shim.c").write_text(CHDIR_THAT_FAILS)
    try:
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-o", "shim.so", "shim.c"], cwd=where, check=True
        )
    except FileNotFoundError:
        pytest.skip("no gcc to build the library that makes chdir fail")
    return where / "shim.so"


@pytest.mark.oracle
@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_reason_is_c_s_text(shim: Path, tmp_path: Path, number: int) -> None:
    """Each errno has the text that a C program prints for it."""
    env = environment(LD_PRELOAD=str(shim))
    said = run([c_program("svok"), str(number)], cwd=tmp_path, env=env).err
    try:
        raise OSError(number, "not this text")
    except OSError as exc:
        line = strerr.line("svok", "fatal", f"unable to chdir to {number}", exc)
    assert line == said
    count("strerr")


def test_line_says_what_is_no_errno() -> None:
    """A cause that is no system call's failure speaks for itself."""
    cause = ValueError("bad format")
    assert strerr.line("p", "warning", "unable to read x", cause) == (
        b"p: warning: unable to read x: bad format\n"
    )
    assert strerr.line("p", "usage", "p dir") == b"p: usage: p dir\n"


@given(st.binary(max_size=30))
def test_line_keeps_any_byte(path: bytes) -> None:
    """A path goes into a message and comes out as the same bytes."""
    line = strerr.line("p", "fatal", f"unable to open {strerr.name(path)}")
    assert line == b"p: fatal: unable to open " + path + b"\n"


def test_write_ignores_a_descriptor_that_takes_nothing() -> None:
    """A message that cannot be written is lost, and nothing else happens."""
    full = os.open("/dev/full", os.O_WRONLY)
    strerr.write(b"x\n", fd=full)
    os.close(full)
    strerr.write(b"x\n", fd=full)
