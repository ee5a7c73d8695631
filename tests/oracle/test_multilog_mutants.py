"""The tests of match, selection and script find the bugs that are planted in a copy."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.oracle.mutants import MUTANTS, Mutant

pytestmark = pytest.mark.slow

TESTS = tuple(f"tests/core/test_{name}.py" for name in ("match", "selection", "script"))
SHARED = tuple(
    f"tests/{name}.py" for name in ("__init__", "conftest", "compared", "low", "core/__init__")
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the tests need."""
    where = tmp_path_factory.mktemp("mutants")
    shutil.copytree(ROOT / "pysvscan", where / "pysvscan", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", where)
    for name in (*SHARED, *TESTS):
        (where / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, where / name)
    return where


RUNNER = """
import os, signal, sys
import hypothesis, pytest
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        signal.alarm(300)  # a bug may be an endless loop
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        os._exit(pytest.main(sys.argv[1:]))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def run_tests(copy: Path) -> Iterator[Callable[[], int]]:
    """Give what runs the copy's tests on the copy's package to the first failure: in a fork.

    The interpreter that is forked has imported pytest, which is half of the work.
    """
    options = ("-xq", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    argv = [sys.executable, "-bb", "-B", "-c", RUNNER, *options, *TESTS]
    env = {
        **{name: value for name, value in os.environ.items() if "XDIST" not in name},
        "PYTHONPATH": str(copy),
        "HYPOTHESIS_PROFILE": "seek",
        "PYSVSCAN_PURE": "1",  # the bugs are in the Python
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, cwd=copy, env=env, bufsize=0, **pipes) as process:  # type: ignore[call-overload]

        def run() -> int:
            process.stdin.write(b"\n")
            return int(process.stdout.readline())

        yield run
        process.stdin.close()


def test_mutants_are_ten_and_more_and_the_copy_passes(run_tests: Callable[[], int]) -> None:
    """Without a bug the copy's tests pass: what the others find is the bug."""
    assert len(MUTANTS) >= 10
    assert run_tests() == 0


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_found(copy: Path, run_tests: Callable[[], int], mutant: Mutant) -> None:
    """A test fails where this bug is."""
    file = copy / mutant.path
    source = file.read_text()
    assert source.count(mutant.old) == 1
    file.write_text(source.replace(mutant.old, mutant.new))
    try:
        assert run_tests() == 1
    finally:
        file.write_text(source)
