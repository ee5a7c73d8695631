"""The traps of multilog scripts, each found, and none where there is none."""

import pytest
from hypothesis import given

from pysvscan.core import explain
from pysvscan.core.lint import lint
from tests.core.test_script import WORDS

MAIL = [b"x" * 70, b"tcpserver: ok 1", b"2 > 250 look ok"]
FOUND: dict[str, tuple[list[bytes], str]] = {
    "unknown": ([b"x", b"./d"], "word 1, x: ignored: no action of multilog"),
    "t not first": (
        [b"s9999", b"t", b"./d"],
        "word 2, t: ignored: t counts only as the first word",
    ),
    "size": ([b"stats", b"./d"], "word 1, stats: s wants a number; taken for the size s4096"),
    "count": ([b"none", b"./d"], "word 1, none: n wants a number; taken for the count n2"),
    "alert": ([b"err", b"./d"], "word 1, err: e stands alone; taken for e, lines to stderr"),
    "small": ([b"s9", b"./d"], "word 1, s9: taken for s4096, the least"),
    "large": ([b"s99999999", b"./d"], "word 1, s99999999: C's multilog takes at most s16777215"),
    "few": ([b"n1", b"./d"], "word 1, n1: taken for n2, the least"),
    "split off": (
        [b"-*", b"+*a", b"*", b"status:", b"./d"],
        "word 4, status:: looks like the rest of '*'; taken for the size s4096; "
        "a pattern with blanks stands in quotes",
    ),
    "never": (
        [b"t", b"-fatal*", b"./d"],
        "word 2, '-fatal*': can never match: the stamp is a part of the line; '* ' at the begin "
        "passes it",
    ),
    "two blanks": (
        [b"d", b"-* fatal*", b"./d"],
        "word 2, '-* fatal*': can never match: the stamp, which has 2 blanks, is a part of the "
        "line; '* * ' at the begin passes it",
    ),
    "sees the stamp": (
        [b"t", b"-*fatal*", b"./d"],
        "word 2, '-*fatal*': sees the stamp, which may have what it looks for; '* ' at the begin "
        "passes it",
    ),
    "newline": ([b"-a\nb", b"./d"], "word 1, '-a\\nb': can never match: no line has a newline"),
    "nothing after": ([b"./d", b"-a"], "word 2, -a: never matters: nothing is written after it"),
    "plus first": (
        [b"+*tcpserver*", b"./d"],
        "word 1, '+*tcpserver*': never matters: what it decides is so already, or is decided again "
        "by a later word",
    ),
    "before all": (
        [b"-xyz", b"-*", b"+xy", b"./d"],
        "word 1, -xyz: never matters: what it decides is so already, or is decided again by a "
        "later word",
    ),
    "twice": (
        [b"-*", b"-xyz", b"./d"],
        "word 2, -xyz: never matters: what it decides is so already, or is decided again by a "
        "later word",
    ),
    "fnmatch never": (
        [b"t", b"F", b"-[!@]*", b"./d"],
        "word 3, '-[!@]*': can never match: the stamp is a part of the line; '* ' at the begin "
        "passes it",
    ),
    "code": (
        [b"w/", b"./d"],
        "word 1, w/: ignored: w wants an ending for names: no slash, at most 200 bytes",
    ),
    "base64": (
        [b"-*", b"+*ok*", b"./d"],
        "word 2, '+*ok*': matches about 1 of 100 lines of base64 by chance",
    ),
    "star": (
        [b"-*", b"+*ok*", b"./d"],
        "word 2, '+*ok*': matches none of 1 lines that look like it, as a star stops at the first "
        "byte like the one after it: '2 > 250 look ok'",
    ),
    "password": (
        [b"t", b"-*", b"+*PASS*", b"./d"],
        "word 3, '+*PASS*': keeps what clients send after PASS: passwords, unless [log] redact of "
        "service.toml takes them out",
    ),
    "no directory": ([b"t", b"e"], "no directory is named, as by ./main: no line is kept"),
}
FINE: dict[str, list[bytes]] = {
    "plain": [b"t", b"s1000000", b"n20", b"./main"],
    "steady": [b"t", b"-*", b"+* fatal: *", b"./main"],
    "readable": [b"d", b"-*", b"+* * fatal: *", b"./main"],
    "label": [b"t", b"-*", b"+@* tcp*", b"./main"],
    "processor": [b"!gzip", b"./main"],
    "fnmatch": [b"t", b"F", b"-*", b"+@*[!\n]250*ok*", b"S", b"wlog", b"./main"],
    "two": [b"./all", b"-*", b"+*error*", b"./errors"],
}


@pytest.mark.parametrize(("words", "want"), FOUND.values(), ids=FOUND)
def test_found(words: list[bytes], want: str) -> None:
    """A trap is found, and said in one line."""
    assert want in lint(words, MAIL)


@pytest.mark.parametrize("words", FINE.values(), ids=FINE)
def test_fine(words: list[bytes]) -> None:
    """Nothing is said of a script without traps."""
    assert lint(words, MAIL) == []


@given(words=WORDS)
def test_never_matters(words: list[bytes]) -> None:
    """What is said never to matter decides nothing: without it all lines are selected alike."""
    wrong = [text.partition(",")[0] for text in lint(words, []) if "never matters" in text]
    idle = {int(text.removeprefix("word ")) - 1 for text in wrong}
    kept = [word for at, word in enumerate(words) if at not in idle]
    lines = [b"", b"a", b"b", b"ab", b"ba", b"a*b", b"c", b"@4 a b", b"4a", b"x" * 999]
    for line in lines:
        both = [[it.decide(line)[0] for it in explain.points(some)] for some in (words, kept)]
        assert both[0] == both[1]
