"""core.stopsettings: every key of [stop] is read, and everything wrong in it is named."""

import tomllib

import pytest

from pysvscan.core import settings
from pysvscan.core.stopsettings import Stop
from pysvscan.core.values import SettingsError

SECOND = 1_000_000_000
KNOWN = "TERM, INT, QUIT, HUP, USR1, USR2, ALRM, WINCH, KILL"


def parse(toml: str) -> Stop | None:
    """Parse a [stop] table."""
    return settings.parse(tomllib.loads(f"[stop]\n{toml}"), is_root=False).stop


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("", Stop("TERM", None, None, tree=False, critical=False)),
        ("signal = 'QUIT'", Stop(signal="QUIT")),
        ("timeout = 1200", Stop(timeout_ns=1200 * SECOND)),
        ("tree = true", Stop(tree=True)),
        ("finish = './finish'", Stop(finish=b"./finish")),
        ("critical = true", Stop(critical=True)),
    ],
)
def test_parse_reads_every_key(toml: str, expected: Stop) -> None:
    """Each key, alone, sets its attribute."""
    found = parse(toml)
    assert found == expected
    assert hash(found) == hash(expected)
    assert found != Stop(signal="ALRM")
    assert found != toml


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("sig = 1", "stop.sig: unknown key; known are signal, timeout, tree, finish, critical"),
        ("signal = 'SIGTERM'", f'stop.signal: "SIGTERM" is none of {KNOWN}'),
        ("signal = 15", f"stop.signal: 15 is none of {KNOWN}"),
        ("timeout = 0", "stop.timeout: 0 is no number from 1 to 86400"),
        ("timeout = true", "stop.timeout: true is no number from 1 to 86400"),
        ("timeout = '5s'", 'stop.timeout: "5s" is no number from 1 to 86400'),
        ("tree = 1", "stop.tree: 1 is neither true nor false"),
        ("finish = 'rm'", 'stop.finish: "rm" is no program\'s path, as ./finish is'),
        ("finish = ['./a']", "stop.finish: an array is no program's path, as ./finish is"),
        ('finish = "./a\\u0000"', 'stop.finish: "./a\\x00" is no program\'s path, as ./finish is'),
        ("critical = 'yes'", 'stop.critical: "yes" is neither true nor false'),
    ],
)
def test_parse_names_what_is_wrong(toml: str, message: str) -> None:
    """One line with key and value."""
    with pytest.raises(SettingsError) as caught:
        parse(toml)
    assert str(caught.value) == message


def test_parse_without_the_table() -> None:
    """No [stop]: classic."""
    assert settings.parse({}, is_root=False).stop is None
