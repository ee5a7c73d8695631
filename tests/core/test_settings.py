"""core.settings: every key is read, and everything wrong in it is named.

Not tested here: reading the file (tests/test_servicetoml.py).
"""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import settings
from pysvscan.core.settings import Log, Settings
from pysvscan.core.values import SettingsError

DAY_NS = 86400 * 10**9
MAIN = (b"./main",)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
OTHER_KEYS = [key for key in settings.LOG_KEYS if key != "script"]
keys = st.sampled_from([*settings.LOG_KEYS, "x"])
strings = st.sampled_from(["t ./main", "!gzip ./a", "", "'", "qmaill", "block", "gzip", "3d", "9d"])
values = strings | scalars | st.lists(strings | scalars) | st.dictionaries(keys, scalars)


def parse(toml: str, *, is_root: bool = False) -> Settings:
    """Parse a file's text."""
    return settings.parse(tomllib.loads(toml), is_root)


def log(toml: str, *, is_root: bool = False) -> Log:
    """Parse a [log] table with a script."""
    found = parse(f"[log]\nscript = './main'\n{toml}", is_root=is_root).log
    assert found
    return found


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("", Log(MAIN)),
        ("user = 'qmaill'", Log(MAIN, "qmaill")),
        ("stderr = true", Log(MAIN, stderr=True)),
        ("stdout = true", Log(MAIN, stdout=True)),
        ("full = 'block'", Log(MAIN, full="block")),
        ("full = 'drop-archives'", Log(MAIN, full="drop-archives")),
        ("full = 'drop-lines'", Log(MAIN, full="drop-lines")),
        ("compress = 'gzip'", Log(MAIN, compress="gzip")),
        ("compress = 'zstd'", Log(MAIN, compress="zstd")),
        ("max_age = '30d'", Log(MAIN, max_age_ns=30 * DAY_NS)),
        ("max_age = '12h'", Log(MAIN, max_age_ns=DAY_NS // 2)),
        ("max_age = '90m'", Log(MAIN, max_age_ns=DAY_NS // 16)),
        ("max_age = '1s'", Log(MAIN, max_age_ns=10**9)),
        ("max_age = '36500d'", Log(MAIN, max_age_ns=36500 * DAY_NS)),
        ("retain = '30d'", Log(MAIN, retain_ns=30 * DAY_NS)),
        (
            "retain = '30d'\nmax_age = '720h'",
            Log(MAIN, retain_ns=30 * DAY_NS, max_age_ns=30 * DAY_NS),
        ),
        ("own = true", Log(MAIN, own=True)),
        ("redact = []", Log(MAIN)),
        ('redact = [{ pattern = "pw=*&" }]', Log(MAIN, redact=(b"=pw=*&",))),
        (
            'redact = ["pop3-auth", "smtp-auth", "pop3-auth"]',
            Log(MAIN, redact=(b"pop3-auth", b"smtp-auth")),
        ),
        ("stderr = false\nown = false\nstdout = false", Log(MAIN)),
    ],
)
def test_parse_reads_every_key(toml: str, expected: Log) -> None:
    """Each key, alone, sets its attribute; what is not given is as in the classic multilog."""
    assert log(toml) == expected


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("\"t s1000000 n20 '-*' '+*tcp*' ./main\"", "t|s1000000|n20|-*|+*tcp*|./main"),
        ('"""\nt\n  -*  +*a\\\\ b*\n  ./main\n"""', "t|-*|+*a b*|./main"),
        ("['-* x', '+', '/var/log/x']", "-* x|+|/var/log/x"),
        (
            "'e =status s4096 n2 !gzip ./a n3 ./b ../c .'",
            "e|=status|s4096|n2|!gzip|./a|n3|./b|../c|.",
        ),
        ("'s1 n1 ./main'", "s1|n1|./main"),
        ("'+ä* ./main'", "+ä*|./main"),
    ],
)
def test_parse_reads_a_script(script: str, words: str) -> None:
    """A string is split as a shell would, an array is words; both are parsed."""
    found = parse(f"[log]\nscript = {script}").log
    assert found
    assert found.words == tuple(words.encode().split(b"|"))
    assert [it.path for it in found.script.directories][-1] == found.words[-1]


SCRIPT = "log.script: "
CHOICES = "is none of block, drop-archives, drop-lines"
WRONG = [
    ("logs = 1", "logs: unknown table; known are log, run, restart, stop"),
    ('"a\\nb\\t" = 1', "a\\nb\\t: unknown table; known are log, run, restart, stop"),
    ("run = 3", "run: 3 is not a table"),
    ("'' = 1", '"": unknown table; known are log, run'),
    ("log = 3", "log: 3 is not a table"),
    ("[[log]]", "log: an array is not a table"),
    ("[log]", SCRIPT + "missing; a multilog script says what is written where"),
    (
        "[log]\nscrpt = 1",
        f"log.scrpt: unknown key; known are script, {', '.join(OTHER_KEYS)}",
    ),
    (f"[log]\nscript = './main{' e' * 500}'", SCRIPT + "more than 500 words"),
    (
        "[log]\nscript = '/ wu'",
        SCRIPT + "wu: w takes no u, new or tmp: they mark files that are not complete",
    ),
    ("[log]\nscript = 3", SCRIPT + "3 is neither a string nor an array"),
    ("[log]\nscript = {}", SCRIPT + "a table is neither a string nor an array"),
    ("[log]\nscript = ''", SCRIPT + '"" names no directory, as ./main would'),
    ("[log]\nscript = []", SCRIPT + "an array names no directory, as ./main would"),
    ("[log]\nscript = 't s9 e'", SCRIPT + '"t s9 e" names no directory, as ./main would'),
    ("[log]\nscript = ['./a', 3]", SCRIPT + "3 in the array is no word"),
    ('[log]\nscript = ["./a\\u0000"]', SCRIPT + '"./a\\x00" in the array is no word'),
    ('[log]\nscript = "./a \'b"', SCRIPT + '"./a \'b": a quote is not closed'),
    ("[log]\nscript = './a $x'", SCRIPT + '"./a $x": $ means something to a shell: '),
    ("[log]\nscript = 'x./a ./a'", SCRIPT + "x./a: no action of multilog"),
    ("[log]\nscript = ['', './a']", SCRIPT + "'': no action of multilog"),
    ("[log]\nscript = '-a t ./a'", SCRIPT + "t: t counts only as the first word"),
    ("[log]\nscript = '-a m ./a'", SCRIPT + "m: m counts only as the first word"),
    ("[log]\nscript = 'd/main ./a'", SCRIPT + "d/main: no action of multilog"),
    ("[log]\nscript = 'tai ./a'", SCRIPT + "tai: t stands alone"),
    ("[log]\nscript = 'err ./a'", SCRIPT + "err: e stands alone"),
    ("[log]\nscript = 'size1 ./a'", SCRIPT + "size1: s wants a number"),
    ("[log]\nscript = 'n ./a'", SCRIPT + "n: n wants a number"),
    ("[log]\nscript = 's1k ./a'", SCRIPT + "s1k: s wants a number"),
    ("[log]\nscript = '= ./a'", SCRIPT + "=: = wants a file"),
    ("[log]\nscript = '! ./a'", SCRIPT + "'!': ! wants a program"),
    ("[log]\nscript = './a ./b ./a'", SCRIPT + "./a: a directory can be named once"),
    ("user = 3", "log.user: 3 is no account's name"),
    ("user = ''", 'log.user: "" is no account\'s name'),
    ('user = "a b"', 'log.user: "a b" is no account\'s name'),
    ("stderr = 1", "log.stderr: 1 is neither true nor false"),
    ("stdout = 'yes'", 'log.stdout: "yes" is neither true nor false'),
    ('redact = "smtp-auth"', 'log.redact: "smtp-auth" is not an array'),
    (
        'redact = ["imap"]',
        'log.redact: "imap" in the array is none of smtp-auth, pop3-auth, { pattern = … }',
    ),
    (
        "redact = [1]",
        "log.redact: 1 in the array is none of smtp-auth, pop3-auth, { pattern = … }",
    ),
    ("redact = [{ a = 1 }]", "log.redact.a: unknown key; known is pattern"),
    *[
        (
            f"redact = [{{ pattern = {value} }}]",
            f"log.redact.pattern: {value} is not a text, one star, and perhaps a text, as "
            "password=*& is",
        )
        for value in ('"*"', '"a"', '"a*b*"', "1")
    ],
    ("own = 1979-05-27", "log.own: 1979-05-27 is neither true nor false"),
    ("full = true", "log.full: true " + CHOICES),
    ("full = 'drop'", 'log.full: "drop" ' + CHOICES),
    ("full = ['block']", "log.full: an array " + CHOICES),
    ("compress = 'xz'", 'log.compress: "xz" is none of gzip, zstd'),
    ("compress = false", "log.compress: false is none of gzip, zstd"),
    ("retain = '30'", 'log.retain: "30" is no age'),
    (
        "retain = '3d'\nmax_age = '71h'",
        'log.max_age: "71h" is less than the "3d" of log.retain',
    ),
    ("max_age = 30", "log.max_age: 30 is no age; 30d, 12h, 90m, 45s are"),
    ("max_age = '30'", 'log.max_age: "30" is no age'),
    ("max_age = '0d'", 'log.max_age: "0d" is no age'),
    ("max_age = '-1d'", 'log.max_age: "-1d" is no age'),
    ("max_age = '1.5d'", 'log.max_age: "1.5d" is no age'),
    ("max_age = '٣d'", 'log.max_age: "٣d" is no age'),
    ("max_age = '3d\\n'", "log.max_age: "),
    ("max_age = '36501d'", 'log.max_age: "36501d" is more than 36500d'),
    ("max_age = '9999999999d'", 'log.max_age: "9999999999d" is more than'),
    (f"max_age = 0x{'f' * 9999}", "log.max_age: a number beyond 64 bits is no age"),
    (f"user = '{' ' * 70}'", f'log.user: "{" " * 60}..." is no'),
]


@pytest.mark.parametrize(("toml", "message"), WRONG)
def test_parse_refuses(toml: str, message: str) -> None:
    """What is wrong is named: table, key, value, and what would be right."""
    if toml.partition(" ")[0] in settings.LOG_KEYS:
        toml = f"[log]\nscript = './main'\n{toml}"
    with pytest.raises(SettingsError) as caught:
        parse(toml)
    text = str(caught.value)
    assert text.startswith(message)
    assert text.isprintable()


def test_parse_wants_a_user_from_root() -> None:
    """Where svscan is root the account must be said, "root" too."""
    assert log("user = 'root'", is_root=True).user == "root"
    with pytest.raises(SettingsError) as caught:
        log("", is_root=True)
    assert str(caught.value) == 'log.user: missing; svscan is root, and even "root" must be said'


def test_parse_refuses_two_for_one_archive() -> None:
    """A processor and `compress` cannot both have an archive, in whatever directory."""
    with pytest.raises(SettingsError) as caught:
        parse("[log]\nscript = '''./a '!gzip -9' ./b'''\ncompress = 'zstd'")
    assert str(caught.value) == (
        "log.compress: \"zstd\" and the processor '!gzip -9' of log.script: "
        "only one can have an archive"
    )


def test_settings_are_values() -> None:
    """Equal text makes equal settings, with one hash; a changed key makes others."""
    assert parse("") == Settings()
    assert parse("[log]\nscript = './main'") == parse("[log]\nscript = ['./main']")
    assert hash(parse("[log]\nscript = './main'")) == hash(Settings(Log(MAIN)))
    assert parse("[log]\nscript = './main'") != parse("[log]\nscript = './other'")
    assert Settings() != Settings(Log(MAIN))
    others = (
        "user='x'|stderr=true|stdout=true|full='drop-lines'|compress='gzip'|max_age='1d'"
        "|retain='1d'|own=true"
    )
    assert len({log(toml) for toml in ("", *others.split("|"))}) == 9
    assert Log(MAIN) != MAIN
    assert Settings() != b""


tables = st.dictionaries(keys, values) | st.fixed_dictionaries(
    {"script": st.just("./main")}, optional={"x": values, **dict.fromkeys(OTHER_KEYS, values)}
)


@given(st.dictionaries(st.sampled_from(["log", "x"]), tables | values), st.booleans())
def test_parse_of_anything_raises_its_own_error(table: dict[str, object], is_root: bool) -> None:
    """Whatever TOML holds, it is Settings or a SettingsError of one line."""
    try:
        settings.parse(table, is_root)
    except SettingsError as exc:
        text = str(exc)
    else:
        return
    assert text.isprintable()
    assert len(text) < 1000
