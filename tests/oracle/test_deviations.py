"""The list of deviations itself."""

import re

import pytest

from tests.conftest import ROOT
from tests.oracle.deviations import DEVIATIONS, Deviation

MARK = re.compile(r"mark\.deviation\(\s*\"([^\"]+)\"")


def marked() -> set[str]:
    """List the deviations that tests claim to show."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in MARK.findall(file.read_text())}


def test_deviations_each_have_a_test() -> None:
    """No entry without a test that shows the difference, and no test of a difference unlisted."""
    assert {entry.name for entry in DEVIATIONS} == marked() - {"NAME"}


@pytest.mark.parametrize("entry", DEVIATIONS, ids=lambda entry: entry.name)
def test_deviations_say_what_why_and_source(entry: Deviation) -> None:
    """An entry says all that a user who meets the difference asks."""
    assert all((entry.name, entry.what, entry.why, entry.source))
