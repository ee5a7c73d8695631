"""core.restartsettings: every key of [restart] is read, and everything wrong in it is named."""

import tomllib

import pytest

from pysvscan.core import settings
from pysvscan.core.restartsettings import Restart
from pysvscan.core.values import SettingsError

SECOND = 1_000_000_000


def parse(toml: str) -> Restart | None:
    """Parse a [restart] table."""
    return settings.parse(tomllib.loads(f"[restart]\n{toml}"), is_root=False).restart


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("", Restart(60 * SECOND, 10 * SECOND, None)),
        ("max = 300", Restart(max_ns=300 * SECOND)),
        ("healthy = 1", Restart(healthy_ns=SECOND)),
        ("tries = 5", Restart(tries=5)),
    ],
)
def test_parse_reads_every_key(toml: str, expected: Restart) -> None:
    """Each key, alone, sets its attribute."""
    found = parse(toml)
    assert found == expected
    assert hash(found) == hash(expected)
    assert found != Restart(tries=99)
    assert found != toml


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("maximum = 1", "restart.maximum: unknown key; known are max, healthy, tries"),
        ("max = 0", "restart.max: 0 is no number from 1 to 86400"),
        ("healthy = '5s'", 'restart.healthy: "5s" is no number from 1 to 86400'),
        ("healthy = 1.5", "restart.healthy: 1.5 is no number from 1 to 86400"),
        ("tries = true", "restart.tries: true is no number from 1 to 86400"),
        ("tries = 86401", "restart.tries: 86401 is no number from 1 to 86400"),
    ],
)
def test_parse_names_what_is_wrong(toml: str, message: str) -> None:
    """One line with key and value."""
    with pytest.raises(SettingsError) as caught:
        parse(toml)
    assert str(caught.value) == message


def test_parse_without_the_table() -> None:
    """No [restart]: classic."""
    assert settings.parse({}, is_root=False).restart is None
