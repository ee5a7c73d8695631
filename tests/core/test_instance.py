"""An instance is its template with values in it, or an error that names the value."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import instance
from pysvscan.core.instance import Files, Instance, InstanceError, compose
from pysvscan.core.values import SettingsError

TOML = b"""\
# Mail.
# For one domain.
[run]
nice = 3

[log]
user = 'l'
script = 't =status ./main'
"""
TEMPLATE: Files = {
    "run": (b"#!/bin/sh\n", 0o755),
    "env/DOMAIN": (b"mail.example\n", 0o644),
    "env/PORT": (b"25\n", 0o644),
    "log/run": (b"#!/bin/sh\nexec setuidgid l multilog t =status ./main\n", 0o755),
    "service.toml": (TOML, 0o644),
}


def asked(*given: str) -> Instance:
    """Ask for an instance as `create` does."""
    return instance.asked("smtpd@", "a.example", list(given))


def made(*given: str) -> Files:
    """Give the files of an instance."""
    return compose(TEMPLATE, asked(*given), is_root=True).files


def test_without_values_only_the_domain_differs() -> None:
    """Every other byte is the template's; instance.toml says what was made."""
    files = made()
    mark = tomllib.loads(files.pop("instance.toml")[0].decode())
    assert files == TEMPLATE | {"env/DOMAIN": (b"a.example\n", 0o644)}
    assert mark == {
        "template": "smtpd@",
        "name": "a.example",
        "variables": {},
        "settings": {},
        "files": sorted(files),
    }


def test_values_stand_in_env_and_service_toml() -> None:
    """A variable, empty too; a key of a table that is there, of a new one; comments stay."""
    files = made("DOMAIN=b.example", "PORT=", "log.max_age=30d", "run.limits.m=5", "run.nice=4")
    assert (files["env/DOMAIN"][0], files["env/PORT"][0]) == (b"b.example\n", b"")
    toml = files["service.toml"][0]
    assert toml.startswith(b"# Mail.\n# For one domain.\n[run]\n")
    assert tomllib.loads(toml.decode()) == {
        "run": {"nice": 4, "limits": {"m": 5}},
        "log": {"user": "l", "script": "t =status ./main", "max_age": "30d"},
    }
    assert files["log/run"] == TEMPLATE["log/run"]


def test_log_run_follows_the_script() -> None:
    """For C's svscan, with another account; one of another form is made anew as well."""
    run = b"#!/bin/sh\nexec setuidgid m multilog t '=status' ./main\n".replace(b"'", b"")
    assert made("log.user=m")["log/run"] == (run, 0o755)
    strange = TEMPLATE | {"log/run": (b"#!/bin/sh\nexec other\n", 0o755)}
    files = compose(strange, asked("log.user=m"), is_root=True).files
    assert files["log/run"] == (run, 0o755)


def test_a_template_may_have_less() -> None:
    """Without service.toml, DOMAIN or log/run."""
    bare: Files = {"run": TEMPLATE["run"]}
    assert sorted(compose(bare, asked(), is_root=True).files) == ["instance.toml", "run"]
    got = compose(bare, asked("run.nice=2"), is_root=True)
    assert got.files["service.toml"] == (b"[run]\nnice = 2\n", 0o644)
    assert got.log is None


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("FOO=1", "FOO: unknown variable; smtpd@ has DOMAIN, PORT"),
        ("PORT=1\n2", 'PORT: "1\\n2" cannot stand in a file of env'),
        ("PORT= 1", 'PORT: " 1" cannot stand in a file of env'),
        ("log.max_age=x", 'log.max_age: "x" is no age; 30d, 12h, 90m, 45s are'),
        ("log=5", "log: unknown variable; smtpd@ has DOMAIN, PORT"),
        ("other.x=5", "other: unknown table"),
        ("PORT", '"PORT" is no KEY=VALUE'),
        ("../x=1", '"../x=1" is no KEY=VALUE'),
    ],
)
def test_a_wrong_value_is_named(word: str, said: str) -> None:
    """The error says which key, and what is wrong with it."""
    with pytest.raises((InstanceError, SettingsError)) as caught:
        made(word)
    assert str(caught.value).startswith(said)


def test_a_broken_template_is_named() -> None:
    """A service.toml that is no TOML, where it has to be read."""
    broken = TEMPLATE | {"service.toml": (b"[log", 0o644)}
    with pytest.raises(SettingsError, match="no TOML"):
        compose(broken, asked(), is_root=True)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "../a", "a\n", "-x", "ä", "a" * 201])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """No path, no dot in front, nothing but plain characters, and not too long."""
    with pytest.raises(InstanceError):
        instance.check_name(name)


@pytest.mark.parametrize("name", ["smtpd", "@", "../smtpd@", "a@b@", "x" * 50 + "@"])
def test_a_template_that_leads_elsewhere_is_refused(name: str) -> None:
    """One @, at the end, after a plain name."""
    with pytest.raises(InstanceError):
        instance.check_template(name)


def test_good_names_pass() -> None:
    """Domains, and what people call their services."""
    for name in ("example.com", "xn--bcher-kva.example", "a", "1", "_x", "a_b+c-d.e"):
        instance.check_name(name)
    instance.check_template("smtpd@")


@given(st.binary())
def test_any_bytes_are_a_mark_or_none(data: bytes) -> None:
    """instance.toml may be anybody's."""
    assert instance.read_mark(data) is None or isinstance(instance.read_mark(data), instance.Mark)


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (b"files = ['run', 'env/A', '../x', '/etc/passwd', 'a//b', '', 5]", ["run", "env/A"]),
        (b"files = 'run'", None),
        (b"files = []\ntable = 5", None),
        (b"table = ''", None),
        (b"=", None),
    ],
)
def test_a_mark_names_only_files_below(data: bytes, files: list[str] | None) -> None:
    """Nothing outside of its directory is ever taken for its own."""
    found = instance.read_mark(data)
    assert (found.files if found else None) == files


def test_a_mark_is_read_as_it_was_written() -> None:
    """Table and files."""
    one = Instance("pop3d@", "b", {}, {}, table="/t.toml")
    found = instance.read_mark(one.mark(TEMPLATE))
    assert found
    assert (one.service, found.table, found.files) == ("pop3d@b", "/t.toml", sorted(TEMPLATE))


def test_the_places_of_a_log() -> None:
    """Directories with those around them, =files; what is absolute is not ours to make."""
    toml = b"[log]\nuser = 'l'\nscript = 't =a/status ./main ./b//c /var/log/x'\n"
    log = compose(TEMPLATE | {"service.toml": (toml, 0o644)}, asked(), is_root=True).log
    assert instance.directories(log) == ["main", "b", "b/c"]
    assert instance.shown_files(log) == ["a/status"]
    assert instance.directories(None) == instance.shown_files(None) == []


@pytest.mark.parametrize("path", ["../x", "./a/../../b", "."])
def test_a_log_outside_of_log_is_refused(path: str) -> None:
    """Whose directory would that be?"""
    log = compose(TEMPLATE, asked(f"log.script=t {path}"), is_root=True).log
    with pytest.raises(InstanceError, match="is not below log"):
        instance.directories(log)
