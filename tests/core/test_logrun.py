"""core.logrun: a log/run of the usual form becomes [log], and [log] a log/run.

Not tested here: that C's multilog gets the same words (tests/oracle/test_logrun.py).
"""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import logrun, settings
from pysvscan.core.logrun import LogrunError
from pysvscan.core.settings import Log

patterns = st.text(alphabet="*a'\" \\$#~é\n\t\x7f!", max_size=40)
actions = patterns.map(lambda pattern: f"-{pattern}".encode())
scripts = st.lists(actions, max_size=8).map(lambda words: (b"t", *words, b"./main"))
accounts = st.none() | st.sampled_from(["root", "qmaill", "mail'log", "é"])
MAIN = (b"t", b"./main")

RUNS = [
    ("#!/bin/sh\nexec setuidgid qmaill multilog t ./main\n", Log(MAIN, "qmaill")),
    ("#!/bin/sh\nsetuidgid qmaill multilog t ./main", Log(MAIN, "qmaill")),
    ("#!/bin/sh\nexec multilog t ./main\n", Log(MAIN)),
    ("#! /bin/bash -e \n\n# why\n\texec multilog t ./main\n# end\n \n", Log(MAIN)),
    ("#!/usr/bin/env sh\n/usr/bin/setuidgid u /command/multilog t ./main\n", Log(MAIN, "u")),
    (
        "#!/bin/sh\nexec multilog '-*' '+*a b*' \\\n  \"+*it's*\" -x\\* ./main\n",
        Log((b"-*", b"+*a b*", b"+*it's*", b"-x*", b"./main")),
    ),
    ("#!/bin/sh\nexec multilog '+a\n#b' ./main\n", Log((b"+a\n#b", b"./main"))),
]
FORM = "no [exec] [setuidgid ACCOUNT] multilog SCRIPT: "
WRONG = [
    (b"", "it does not begin with #!/bin/sh"),
    (b"exec multilog ./main\n", "it does not begin with #!/bin/sh"),
    (b"#!/usr/bin/perl\nexec multilog ./main\n", "it does not begin with #!/bin/sh"),
    (b"#!/bin/sh\n", FORM + "nothing stands where multilog would"),
    (b"#!/bin/sh\nexec\n", FORM + "nothing stands where multilog would"),
    (b"#!/bin/sh\nexec svlogd -tt ./main\n", FORM + "svlogd stands where multilog would"),
    (b"#!/bin/sh\nexec envuidgid u multilog ./main\n", FORM + "envuidgid stands where"),
    (b"#!/bin/sh\nexec setuidgid u softlimit -m 9 multilog ./a\n", FORM + "softlimit stands where"),
    (b"#!/bin/sh\nexec setuidgid\n", "setuidgid without an account"),
    (b"#!/bin/sh\nexec 2>&1\nexec multilog ./main\n", "more than one command"),
    (b"#!/bin/sh\ncd x\nexec multilog ./main\n", "more than one command"),
    (b"#!/bin/sh\nexec multilog ./main 2>&1\n", "> means something to a shell: "),
    (b"#!/bin/sh\nexec setuidgid $U multilog ./main\n", "$ means something to a shell: "),
    (b"#!/bin/sh\nexec multilog '-* ./main\n", "a quote is not closed"),
    (
        b"#!/bin/sh\nexec multilog '+\xff' ./main\n",
        "+\ufffd is no UTF-8, which service.toml has to",
    ),
    (b"#!/bin/sh\nexec setuidgid 'a b' multilog ./main\n", 'log.user: "a b" is no account\'s name'),
    (b"#!/bin/sh\nexec multilog ./main t\n", "log.script: t: t counts only as the first word"),
    (b"#!/bin/sh\nexec multilog t e\n", "log.script: an array names no directory, "),
]


@pytest.mark.parametrize(("run", "expected"), RUNS)
def test_parse_reads_the_usual_form(run: str, expected: Log) -> None:
    """With and without exec, account, paths of programs, comments, continued lines."""
    assert logrun.parse(run.encode(), None) == expected


@pytest.mark.parametrize(("run", "message"), WRONG)
def test_parse_refuses(run: bytes, message: str) -> None:
    """Another form is named by what is found in multilog's place, or by what [log] cannot say."""
    with pytest.raises(LogrunError) as caught:
        logrun.parse(run, None)
    assert str(caught.value).startswith(message)


def test_parse_takes_root_where_no_account_is_said() -> None:
    """A log/run without setuidgid runs as svscan does."""
    assert logrun.parse(b"#!/bin/sh\nmultilog ./main\n", "root") == Log((b"./main",), "root")
    run = b"#!/bin/sh\nsetuidgid u multilog ./main\n"
    assert logrun.parse(run, "root") == Log((b"./main",), "u")


@given(scripts, accounts)
def test_run_of_and_parse_round_trip(script: tuple[bytes, ...], user: str | None) -> None:
    """A log/run that was made is read as what it was made of."""
    log = Log(script, user)
    assert logrun.parse(logrun.run_of(log), None) == log


@given(scripts, accounts, st.sampled_from([b"", b"# mine", b"a = 1\r\n", b"[x]\ny = [\n1]\n"]))
def test_added_is_read_back(script: tuple[bytes, ...], user: str | None, toml: bytes) -> None:
    """The table that was made is valid TOML and says the same; what was there is unchanged."""
    log = Log(script, user)
    data = logrun.added(toml, log)
    table = tomllib.loads(data.decode())
    assert settings.parse({"log": table.pop("log")}, is_root=False).log == log
    assert table == tomllib.loads(toml.decode())
    assert data.startswith(toml)


def test_added_is_readable() -> None:
    """A short script is one line, a long one an action a line."""
    short = Log((b"t", b"-*", b"+*tcpserver*", b"./main"), "qmaill")
    assert logrun.added(b"", short) == (
        b"[log]\nscript = \"t '-*' '+*tcpserver*' ./main\"\nuser = \"qmaill\"\n"
    )
    long = Log((b"+*a\\b*", b"-" + b"x" * 80, b"./main"))
    assert logrun.added(b"x = 1\n", long).decode() == (
        'x = 1\n\n[log]\nscript = [\n    "+*a\\\\b*",\n    "-' + "x" * 80 + '",\n    "./main",\n]\n'
    )


def test_only_ours_names_what_c_cannot() -> None:
    """Keys that say more than a log/run can, by their names in the file."""
    assert logrun.only_ours(Log(MAIN, "u")) == []
    full = Log(
        MAIN,
        stderr=True,
        stdout=True,
        full="drop-lines",
        compress="gzip",
        max_age_ns=1,
        retain_ns=1,
        own=True,
    )
    assert logrun.only_ours(full) == [
        "stderr",
        "stdout",
        "full",
        "compress",
        "max_age",
        "retain",
        "own",
    ]


def test_is_same_compares_what_both_say() -> None:
    """Script and account; what only service.toml can say makes no difference."""
    assert logrun.is_same(Log(MAIN, "u"), Log(MAIN, "u", compress="gzip"))
    assert not logrun.is_same(Log(MAIN, "u"), Log(MAIN, "v"))
    assert not logrun.is_same(Log(MAIN), Log((b"./main",)))


@given(st.binary(max_size=60).map(lambda rest: b"#!/bin/sh\n" + rest))
def test_parse_of_anything_raises_its_own_error(run: bytes) -> None:
    """Arbitrary bytes are hardly a log/run."""
    with pytest.raises(LogrunError):
        logrun.parse(run, None)


UNLIKE = [
    ((b"t", b"s16777215", b"./main"), []),
    ((b"./main", b"s99999999999999999999"), ["takes s99999999999999999999 for s16777215"]),
    (
        (b"d", b"s16777216", b"./main"),
        ["ignores d: lines have no stamp", "takes s16777216 for s16777215"],
    ),
    ((b"m", b"./main"), ["ignores m: lines have no stamp"]),
    ((b"T", b"./main"), ["ignores T: lines have no stamp"]),
    (
        (b"T", b"F", b"-*[0-9]", b"S", b"wlog", b"./main"),
        [
            "ignores T: lines have no stamp",
            "ignores F: in patterns after it only * is special",
            "ignores wlog: archives' names end with .s",
        ],
    ),
]


@pytest.mark.parametrize(("words", "expected"), UNLIKE)
def test_unlike_c_names_what_c_ignores_or_cuts(
    words: tuple[bytes, ...], expected: list[str]
) -> None:
    """Stamps that C does not know, sizes beyond its largest."""
    assert logrun.unlike_c(Log(words, "u")) == expected
