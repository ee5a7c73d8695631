"""README: what it promises is there.

Not tested: that the words are true.
"""

import re
from pathlib import Path

from pysvscan import commands
from tests.oracle.deviations import DEVIATIONS

TOP = Path(__file__).parents[1]
TEXT = (TOP / "README.md").read_text()


def test_readme_names_tests_that_exist() -> None:
    """Every path of a test, script or module that the README names is there."""
    paths = re.findall(r"`((?:tests|contrib|pysvscan)/[^` ]+)`", TEXT)
    assert [path for path in paths if not (TOP / path).exists()] == []
    assert len(paths) > 15
    modules = re.findall(r"`((?:core/)?\w+\.(?:py|c))`", TEXT)
    assert [name for name in modules if not (TOP / "pysvscan" / name).exists()] == []
    assert len(modules) > 30


def test_readme_lists_every_deviation() -> None:
    """The table of deviations is deviations.py, entry by entry."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert rows == [(it.name, it.what, it.why) for it in DEVIATIONS]


def test_readme_lists_every_command() -> None:
    """Each command is in the table of commands."""
    table = TEXT.split("## Commands")[1].split("##")[0]
    named = set(re.findall(r"`([a-z0-9]+)[ `]", table))
    assert named >= commands.NAMES


def test_readme_links_our_commands_and_no_other() -> None:
    """What it tells to link into /usr/local/bin is what we install, not a venv's python and pip."""
    (names,) = re.findall(r"^    for name in (.+)$", TEXT, re.MULTILINE)
    assert names.split() == sorted(commands.NAMES | {"pysvscan"})
