"""For the comparisons: the pairs of programs, and the count of what was compared."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import ram
from tests.conftest import Installed
from tests.oracle import runner


@pytest.fixture(scope="session")
def oracle(installed: Installed) -> Callable[[str], runner.Pair]:
    """Give the pair of programs of a name; see runner."""

    def pair(name: str) -> runner.Pair:
        c = runner.c_program(name)
        return runner.Pair(name, c, installed.program(name), str(installed.python))

    return pair


@pytest.fixture
def ram_path() -> Iterator[Path]:
    """Give a directory, in memory if possible, for what fsyncs all the time; see ram.py."""
    with tempfile.TemporaryDirectory(prefix="pysvscan-", dir=ram.directory()) as name:
        yield Path(name)
