"""core.runsettings: every key of [run] is read, and everything wrong in it is named."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan import limits
from pysvscan.core import runsettings, settings
from pysvscan.core.runsettings import HARD, LIMITS, Run
from pysvscan.core.settings import Settings
from pysvscan.core.values import SettingsError


def parse(toml: str) -> Settings:
    """Parse the lines of a [run] table."""
    return settings.parse(tomllib.loads(f"[run]\n{toml}"), is_root=True)


RIGHT = [
    ("", Run()),
    ("user = 'qmaild'", Run("qmaild")),
    ("environment = './env'", Run(environment=b"./env")),
    ("environment = {}", Run(environment=())),
    (
        "[run.environment]\nA = 'x=y'\nB = ''\n\"c d\" = false\n'é' = 'ü'",
        Run(environment=((b"A", b"x=y"), (b"B", b""), (b"c d", None), ("é".encode(), b"\xc3\xbc"))),
    ),
    (
        "limits = {m = 3000000, databytes = 0, o = '='}",
        Run(limits=((b"m", 3000000), (b"d", 0), (b"o", HARD))),
    ),
    ("limits.t = 0xffffffffffffffff", Run(limits=((b"t", HARD),))),
    ("session = true", Run(session=True)),
    ("session = false", Run()),
    ("directory = 'data'", Run(directory=b"data")),
    ("umask = '027'", Run(umask=0o27)),
    ("umask = '0'", Run(umask=0)),
    ("nice = -20", Run(nice=-20)),
    ("nice = 19", Run(nice=19)),
]


@pytest.mark.parametrize(("toml", "expected"), RIGHT)
def test_parse_reads_every_key(toml: str, expected: Run) -> None:
    """Each key sets its attribute; what is not given is as svscan has it."""
    found = parse(toml)
    assert found == Settings(run=expected)
    assert hash(found) == hash(Settings(run=expected))


KNOWN = "known are user, environment, limits, session, directory, umask, nice"
WRONG = [
    ("User = 'x'", f"User: unknown key; {KNOWN}"),
    ("user = ''", 'user: "" is no account\'s name'),
    ("user = 1000", "user: 1000 is no account's name"),
    ("environment = 3", "environment: 3 is neither a directory nor a table"),
    ("environment = ''", 'environment: "" is no directory\'s name'),
    ('environment = {"a=b" = "c"}', 'environment: "a=b" is no variable\'s name'),
    ('environment = {"" = "c"}', 'environment: "" is no variable\'s name'),
    ('environment = {"a\\u0000" = "c"}', 'environment: "a\\x00" is no variable\'s name'),
    ("environment = {a = 1}", "environment.a: 1 is neither a string nor false"),
    ("environment = {a = true}", "environment.a: true is neither a string nor false"),
    ('environment = {a = "\\u0000"}', 'environment.a: "\\x00" is neither a string nor false'),
    ("limits = 3", "limits: 3 is not a table"),
    ("limits = {M = 1}", "limits.M: unknown limit; known are a (allbytes), c (corebytes), "),
    ("limits = {m = 1, membytes = 1}", "limits.membytes: given twice, as m and by name"),
    ("limits = {m = -1}", 'limits.m: -1 is neither a number from 0 on nor "="'),
    ("limits = {m = true}", "limits.m: true is neither a number"),
    ("limits = {m = '3000000'}", 'limits.m: "3000000" is neither a number'),
    ("limits = {m = 1.5}", "limits.m: 1.5 is neither a number"),
    ("limits = {m = 0x10000000000000000}", "limits.m: a number beyond 64 bits is neither"),
    ("session = 1", "session: 1 is neither true nor false"),
    ("directory = false", "directory: false is no directory's name"),
    ('directory = "a\\u0000"', 'directory: "a\\x00" is no directory\'s name'),
    ("umask = 22", 'umask: 22 is no umask; "022" is'),
    ("umask = '8'", 'umask: "8" is no umask'),
    ("umask = '1000'", 'umask: "1000" is no umask'),
    ("nice = 20", "nice: 20 is no number from -20 to 19"),
    ("nice = -21", "nice: -21 is no number"),
    ("nice = false", "nice: false is no number"),
]


@pytest.mark.parametrize(("toml", "message"), WRONG)
def test_parse_refuses(toml: str, message: str) -> None:
    """What is wrong is named: table, key, value, and what would be right."""
    with pytest.raises(SettingsError) as caught:
        parse(toml)
    assert str(caught.value).startswith(f"run.{message}")
    assert str(caught.value).isprintable()


def test_limits_are_those_of_softlimit() -> None:
    """Each letter has a long name."""
    assert sorted(LIMITS.values()) == sorted(limits.BY_LETTER)
    assert HARD == limits.HARD


def test_runs_are_values() -> None:
    """A changed key makes another; so the next start has it."""
    assert len({run for _, run in RIGHT}) == len(RIGHT) - 1
    assert Run() != b""
    assert Settings(run=Run()) != Settings()


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
names = st.sampled_from([*runsettings.KEYS, "x"])
nested = values | st.lists(values) | st.dictionaries(st.sampled_from(["m", "a=", ""]), values)


@given(st.dictionaries(names, nested))
def test_parse_of_anything_raises_its_own_error(table: dict[str, object]) -> None:
    """Whatever TOML holds, it is Settings or a SettingsError of one line."""
    try:
        settings.parse({"run": table}, is_root=True)
    except SettingsError as exc:
        text = str(exc)
    else:
        return
    assert text.isprintable()
