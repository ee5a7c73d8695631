"""A table of domains becomes instances, or one error that names key and value."""

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import table
from pysvscan.core.instance import Instance
from pysvscan.core.values import SettingsError

TEMPLATES = ("pop3d@", "smtpd@", "web@")


def parse(text: str) -> list[Instance]:
    """Read a table."""
    return table.parse(tomllib.loads(text), TEMPLATES, "/t.toml")


def test_layers_lie_over_each_other() -> None:
    """defaults, its service, the domain, its service: what is nearer counts, tables are merged."""
    found = parse(
        """
        [defaults]
        account = "all"
        concurrency = 40
        qmail = "/q"
        limits = { m = 1, o = 2 }
        log = { user = "l" }
        smtpd = { concurrency = 30, environment = { RULES = "r" } }
        [domain."a.example"]
        address = "192.0.2.1"
        concurrency = 20
        limits = { m = 3 }
        retain = "30d"
        smtpd = { port = 26 }
        pop3d = { account = "", log = { own = true } }
        """
    )
    assert [(it.service, it.table) for it in found] == [
        ("smtpd@a.example", "/t.toml"),
        ("pop3d@a.example", "/t.toml"),
    ]
    common = {"ADDRESS": "192.0.2.1", "QMAIL": "/q"}
    assert found[0].variables == common | {
        "ACCOUNT": "all",
        "CONCURRENCY": "30",
        "PORT": "26",
        "RULES": "r",
    }
    assert found[1].variables == common | {"ACCOUNT": "", "CONCURRENCY": "20"}
    assert [it.settings for it in found] == [
        {"run": {"limits": {"m": 3, "o": 2}}, "log": {"user": "l", "retain": "30d"}},
        {"run": {"limits": {"m": 3, "o": 2}}, "log": {"user": "l", "retain": "30d", "own": True}},
    ]


def test_services_are_chosen() -> None:
    """By the file, by defaults, by the domain; none is allowed, too."""
    text = """
        services = ["web"]
        [domain.a]
        [domain.b]
        services = []
        [domain.c]
        address = "::1"
        services = ["pop3d", "smtpd"]
        """.replace("[domain.a]", '[domain.a]\naddress = "127.0.0.1"')
    assert [it.service for it in parse(text)] == ["web@a", "pop3d@c", "smtpd@c"]
    usual = '[defaults]\nservices = ["web"]\n[domain.a]'
    assert [it.service for it in parse(usual)] == ["web@a"]
    assert parse('domain.a = { address = "0", services = ["web"] }')[0].variables["ADDRESS"] == "0"
    assert parse("") == []


A = '[domain."a.b"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "x: unknown; known are services, defaults, domain"),
        ("domain = 1", "domain: 1 is not a table"),
        ("domain.a = 1", "domain.a: 1 is not a table"),
        ("defaults = []", "defaults: an array is not a table"),
        ("services = 1", "services: 1 is not an array"),
        ("services = ['x']", 'services: "x" is no template; there are pop3d, smtpd, web'),
        ("services = ['web', 'web']", 'services: "web" stands there twice'),
        (A + "services = [[]]", 'domain."a.b".services: an array is no template'),
        ("[domain.'../x']", 'domain: "../x" is no name'),
        ("[domain.Ab]", 'domain: "Ab" has capitals'),
        (A + "x = 1", 'domain."a.b".x: unknown; known are services, address, port'),
        (A + "smtpd = 1", 'domain."a.b".smtpd: 1 is not a table'),
        (A + "smtpd.x = 1", 'domain."a.b".smtpd.x: unknown; known are address'),
        (A + "smtpd.port = 0", 'domain."a.b".smtpd.port: 0 is no number from 1 to 65535'),
        (A + "smtpd.port = '25'", 'domain."a.b".smtpd.port: "25" is no number from 1 to 65535'),
        (A + "smtpd.port = true", 'domain."a.b".smtpd.port: true is no number from 1 to 65535'),
        (A + "concurrency = -1", 'domain."a.b".concurrency: -1 is no number'),
        (A + "address = '1.2.3'", 'domain."a.b".address: "1.2.3" is no address'),
        (A + "address = 5", 'domain."a.b".address: 5 is no address'),
        (A + "account = 'a b'", 'domain."a.b".account: "a b" is no account\'s name'),
        (A + "qmail = 'var'", 'domain."a.b".qmail: "var" is no absolute path'),
        (A + "environment.X = 1", 'domain."a.b".environment.X: 1 is not a string'),
        (A + "limits = 1", 'domain."a.b".limits: 1 is not a table'),
        (A + "[domain.c]", "domain.c: smtpd at address 0, port usual is where"),
        (
            A + "address = '127.0.0.1'\n[domain.c]",
            'domain.c: smtpd at address 0, port usual is where domain."a.b".smtpd is',
        ),
        (
            A + "[domain.c]\naddress = '127.0.0.1'",
            'domain.c: smtpd at address 127.0.0.1, port usual is where domain."a.b".smtpd is',
        ),
        (A + "port = 25", 'domain."a.b": pop3d at address 0, port 25 is where'),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    """The key with its path, and the value."""
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert str(caught.value).startswith(said)


def test_no_templates_are_said() -> None:
    """An empty directory of templates."""
    with pytest.raises(SettingsError, match='"web" is no template; there are none'):
        table.parse({"services": ["web"]}, (), "/t")


KEYS = st.sampled_from([*table.KEYS, "services", "defaults", "domain", "web", "a"])
TABLE = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(), st.booleans()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["services", "defaults", "domain"]), TABLE))
def test_any_table_raises_only_its_own_error(content: dict[str, object]) -> None:
    """Whatever stands there."""
    with contextlib.suppress(SettingsError):
        table.parse(content, TEMPLATES, "/t")
