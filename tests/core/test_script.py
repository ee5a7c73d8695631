"""Multilog scripts, beside the plainest form of themselves: line by line, in Python and in C."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan import lines
from pysvscan.core import match, script, selection, tai, wildcards
from pysvscan.core import stamp as stamps

NOW_NS = 1_795_488_722_727_675_500
STAMP = tai.label(NOW_NS) + b" "
FIRST = {action: stamps.of(action, stamps.utc)(NOW_NS) for action in stamps.LETTERS}
NATIVE = pytest.mark.skipif(lines.Selection is selection.Selection, reason="_lines.c is not built")
both = pytest.mark.parametrize(
    "kind", [selection.Selection, pytest.param(lines.Compiled, marks=NATIVE)], ids=["pure", "c"]
)
Kind = type[selection.Selection]
Outcome = tuple[list[bytes], list[bytes | None], bytes]

PATTERN = (
    st.sampled_from(
        [
            b"*",
            b"",
            b"*a*",
            b"*a*b*",
            b"**",
            b"*b",
            b"a*",
            b"@*a*",
            b"* *b*",
            b"*4*a*",
            b"a",
            b"*c\n",
        ]
    )
    | st.sampled_from([b"* * *a*", b"2*-*:*.*a", b"*.*a*", b"1*.*b"])
    | st.sampled_from([b"*[!a]", b"@*[ab]*", b"?", b"*??b", b"\\**", b"*[", b"*a*b", b"**"])
    | st.text("*ab", max_size=4).map(str.encode)
)
WORD = st.tuples(st.sampled_from([b"+", b"-"]), PATTERN).map(b"".join) | st.sampled_from(
    [b"./d", b"./e", b"/f", b"e", b"=x", b"=y", b"t", b"s9", b"z", b"F", b"F", b"S", b"wx"]
)
WORDS = st.lists(WORD, max_size=8) | st.builds(
    lambda first, words: [first, *words], st.sampled_from(sorted(FIRST)), st.lists(WORD, max_size=8)
)
LINE = (
    st.text("ab*c[ ", max_size=6).map(str.encode)
    | st.sampled_from([b"a" * n for n in (973, 974, 975, 999, 1000, 1001, 1500)])
    | st.sampled_from([b"x" * 173 + b"b", b"x" * 174 + b"b", b"c" * 999 + b"ab", b"x" * 973 + b"b"])
)
DATA = st.lists(LINE, max_size=6).map(b"\n".join)


def line_by_line(words: list[bytes], data: bytes) -> Outcome:
    """Run a script as its description reads: each line, each action."""
    stamp = FIRST.get(b"".join(words[:1]), b"")
    points = [word[:1] in b"./e=" and bool(word) for word in words]
    texts = [b"" for _ in words]
    shown: list[bytes | None] = [None for _ in words]
    alerts = b""
    files = list(dict.fromkeys(word for word in words if word[:1] == b"="))
    lines = data.split(b"\n")
    for line in lines if lines[-1] else lines[:-1]:
        whole = stamp + line
        seen, selected = whole[:1000], True
        matches = match.matches
        for at, word in enumerate(words):
            if word in (b"F", b"S"):
                matches = by_fnmatch if word == b"F" else match.matches
            elif word[:1] in (b"+", b"-") and matches(word[1:], seen):
                selected = word[:1] == b"+"
            elif selected and points[at]:
                if word[:1] == b"e":
                    alerts += (whole[:200] + b"..." if len(whole) > 200 else whole) + b"\n"
                elif word[:1] == b"=":
                    shown[files.index(word)] = seen + b"\n" * (1001 - len(seen))
                else:
                    texts[at] += whole + b"\n"
    directories = [at for at, word in enumerate(words) if word[:1] in (b".", b"/")]
    return [texts[at] for at in directories], shown[: len(files)], alerts


def by_fnmatch(pattern: bytes, seen: bytes) -> bool:
    """Match by the rule of fnmatch(3), which has tests of its own."""
    return bool(wildcards.compiled(pattern).fullmatch(seen))


def fed(kind: Kind, words: list[bytes], data: bytes, sizes: list[int]) -> Outcome:
    """Run a script over data in parts of these sizes, again and again; both ways, if it has two."""
    parsed = script.parse(words, kind)
    pipe, only = script.Pipe(), script.Pipe()
    parts, at = [], 0
    while at < len(data):
        for size in sizes:
            parts.append(data[at : at + size])
            at += size
    parts = [part for part in parts if part]
    outs = [parsed.feed(pipe, part, NOW_NS) for part in parts]
    if parsed.only:
        assert [parsed.feed_only(only, part, NOW_NS) for part in parts] == [
            out.texts[0] for out in outs
        ]
        assert (only.line, only.kept) == (pipe.line, pipe.kept)
    outs.append(parsed.finish(pipe))
    texts = [b"".join(out.texts[it.selection] for out in outs) for it in parsed.directories]
    shown: list[bytes | None] = [None for _ in parsed.files]
    for out in outs:
        shown = [new or old for new, old in zip(out.shown, shown, strict=True)]
    assert not pipe.is_unfinished()
    return texts, shown, b"".join(out.alerts for out in outs)


@both
@given(words=WORDS, data=DATA, sizes=st.lists(st.integers(1, 2500), min_size=1, max_size=3))
@example(
    words=[b"t", b"-*", b"+*a*", b"./d", b"e", b"+*b*", b"e"], data=b"a\nb\nab\n\nc", sizes=[1]
)
@example(words=[b"-*a*", b"./d", b"+*", b"=x", b"e"], data=b"a" * 1001 + b"\nb", sizes=[1000, 1, 1])
@example(
    words=[b"t", b"e"],
    data=b"x" * 173 + b"\n" + b"x" * 174 + b"\n" + b"x" * 175 + b"\n",
    sizes=[600],
)
@example(words=[b"-*", b"e"], data=b"a\n", sizes=[9])
@example(words=[b"d", b"-* *a", b"+* * *a", b"./d"], data=b"a\nb\nxa\n", sizes=[9])
@example(words=[b"m", b"-*0*a*", b"+*.*a", b"e", b"=x"], data=b"a\nb\nxa\n", sizes=[1])
@example(words=[b"T", b"-*", b"+*.* *b", b"./d"], data=b"b" * 980 + b"\nb\n", sizes=[99])
@example(
    words=[b"d", b"-*", b"+*a", b"./d"],
    data=b"b" * 969 + b"a\n" + b"b" * 970 + b"a\n",
    sizes=[5000],
)
@example(
    words=[b"m", b"-*", b"+*a", b"./d"],
    data=b"b" * 975 + b"a\n" + b"b" * 976 + b"a\n",
    sizes=[5000],
)
@example(words=[b"e", b"-*a*", b"e"], data=b"a\nb\na\n\n", sizes=[9])
@example(words=[b"-*a*", b"+*", b"./d"], data=b"a\nb\n", sizes=[9])
@example(words=[b"-*", b"+*a*", b"-*b*", b"./d"], data=b"a\nab\nb\n", sizes=[9])
@example(words=[b"-", b"./d"], data=b"\n\na\n\n", sizes=[100])
@example(words=[b"F", b"-*a*b", b"S", b"+*a*b", b"./d"], data=b"ab\naab\nabb\n", sizes=[9])
@example(words=[b"-*a*b", b"F", b"e", b"./d"], data=b"ab\nabb\nabb\n", sizes=[9])
@example(words=[b"t", b"F", b"-*", b"+@* [!b]*", b"./d", b"=x"], data=b"a\nb\nc", sizes=[9])
@example(
    words=[b"t", b"F", b"-*", b"+*?a", b"./d", b"=x"],
    data=b"b" * 973 + b"a\n" + b"b" * 974 + b"a\n",
    sizes=[5000],
)
@example(words=[b"-*a*", b"./d"], data=b"b\nb\na\na\nb\na\n", sizes=[100])
@example(
    words=[b"t", b"-*", b"+*a", b"./d"],
    data=b"b" * 973 + b"a\n" + b"b" * 974 + b"a\n",
    sizes=[5000],
)
@example(words=[b"t", b"-*", b"+*x", b"./d"], data=b"b" * 973 + b"x\n", sizes=[5000])
@example(words=[b"t", b"-*", b"+*x", b"./d"], data=b"b" * 974 + b"x\n", sizes=[5000])
@example(words=[b"-*", b"+*a*", b"-*b*", b"./d", b"/e"], data=b"a\nb\nab\n", sizes=[2, 2, 3])
@example(words=[b"-*c*", b"+*b*", b"./d"], data=b"a\nc\nbc\ncb\n", sizes=[2, 2, 3, 3])
def test_script_feed_is_the_same_line_by_line(
    kind: Kind, words: list[bytes], data: bytes, sizes: list[int]
) -> None:
    """However the input is cut, the outcome is that of the plain form."""
    assert fed(kind, words, data, sizes) == line_by_line(words, data)


@both
@given(words=WORDS, data=DATA)
def test_script_feed_at_once_equals_byte_by_byte(
    kind: Kind, words: list[bytes], data: bytes
) -> None:
    """One feed and many give the same."""
    assert fed(kind, words, data, [len(data) or 1]) == fed(kind, words, data, [1])


@both
def test_script_stamp_is_of_the_first_byte(kind: Kind) -> None:
    """A line that came in two reads has the stamp of the first."""
    parsed, pipe = script.parse([b"t", b"./d"], kind), script.Pipe()
    assert parsed.feed(pipe, b"a", NOW_NS).texts == [b""]
    assert parsed.feed(pipe, b"b\nc\n", NOW_NS + 1000).texts == [
        STAMP + b"ab\n" + tai.label(NOW_NS + 1000) + b" c\n"
    ]


@both
def test_script_holds_less_than_1000_bytes(kind: Kind) -> None:
    """A line of 100 MB passes through and is never held."""
    parsed, pipe = script.parse([b"-*b", b"./d"], kind), script.Pipe()
    total = 0
    for _ in range(1600):
        total += len(parsed.feed(pipe, b"a" * 65536, NOW_NS).texts[0])
        assert len(pipe.line) < script.SHOWN_BYTES
    assert total == 1600 * 65536
    assert parsed.finish(pipe).texts == [b"\n"]


@both
def test_script_lets_a_line_pass_at_1000_bytes(kind: Kind) -> None:
    """What patterns see is there: the line is written as it comes, and not before."""
    parsed, pipe = script.parse([b"-*b", b"./d"], kind), script.Pipe()
    assert parsed.feed(pipe, b"a" * 999, NOW_NS).texts == [b""]
    assert parsed.feed(pipe, b"a", NOW_NS).texts == [b"a" * 1000]
    assert parsed.feed(pipe, b"b", NOW_NS).texts == [b"b"]


@pytest.mark.parametrize(
    ("words", "size_bytes", "count", "processor"),
    [
        ([b"./d"], 99999, 10, None),
        ([b"s", b"n", b"./d"], 4096, 2, None),
        ([b"s4095", b"n1", b"./d"], 4096, 2, None),
        ([b"s4097x9", b"n3.5", b"./d"], 4097, 3, None),
        ([b"s16777216", b"n4000", b"./d"], 16777216, 4000, None),
        ([b"s104857601", b"./d"], 104857600, 10, None),
        ([b"s18446744073709556616", b"./d"], 5000, 10, None),
        ([b"stats", b"none", b"./d"], 4096, 2, None),
        ([b"s-5000", b"./d"], 4096, 10, None),
        ([b"!", b"./d"], 99999, 10, b""),
        ([b"!a b", b"s5000", b"!c", b"./d", b"s6000", b"!x"], 5000, 10, b"c"),
    ],
)
def test_script_parse_gives_the_settings_before_a_directory(
    words: list[bytes], size_bytes: int, count: int, processor: bytes | None
) -> None:
    """Sizes, counts and processors are for the directories that follow, read as C reads them."""
    [it] = script.parse(words).directories
    assert (it.size_bytes, it.count, it.processor) == (size_bytes, count, processor)


@pytest.mark.parametrize(
    ("words", "stamp", "ignored"),
    [
        ([], b"", []),
        ([b"t"], STAMP, []),
        ([b"test", b"./d"], STAMP, []),
        ([b"T", b"./d"], FIRST[b"T"], []),
        ([b"d", b"./d"], FIRST[b"d"], []),
        ([b"m", b"m", b"./d"], FIRST[b"m"], [b"m"]),
        ([b"d/main", b"t"], b"", [b"d/main", b"t"]),
        ([b"./d", b"t", b"d", b"T", b"m"], b"", [b"t", b"d", b"T", b"m"]),
        ([b"t", b"t", b"", b"d/e", b"E"], STAMP, [b"t", b"", b"d/e", b"E"]),
        ([b"F", b"S", b"Foo", b"w.gz", b"w", b"wu", b"wa/b"], b"", [b"Foo", b"w", b"wu", b"wa/b"]),
    ],
)
def test_script_parse_names_what_it_ignores(
    words: list[bytes], stamp: bytes, ignored: list[bytes]
) -> None:
    """An action that multilog does not know is no error, but it is known to be one."""
    parsed = script.parse(words)
    assert (parsed.stamp(NOW_NS), list(parsed.ignored)) == (stamp, ignored)


def test_script_parse_gives_the_suffix_before_a_directory() -> None:
    """`w` is for the directories that follow; one that names nothing changes nothing."""
    words = [b"./a", b"wlog", b"./b", b"w", b"w/", b"wtmp", b"./c", b"ws", b"./d"]
    found = [it.suffix for it in script.parse(words).directories]
    assert found == [b".s", b".log", b".log", b".s"]


def test_script_local_time_is_the_zones() -> None:
    """Whose local time it is, the caller says."""
    parsed = script.parse([b"m", b"./d"], zone=lambda _second: -3600)
    assert parsed.feed(script.Pipe(), b"a\n", 3_600_000_000_000).texts == [
        b"1970-01-01 00:00:00.000 a\n"
    ]


def test_script_shares_what_is_selected_alike() -> None:
    """Outlets between which there is no pattern are decided once."""
    parsed = script.parse([b"./a", b"=b", b"-*x*", b"./c", b"e", b"./d"])
    assert [it.selection for it in parsed.directories] == [0, 1, 1]
    assert [it.selections for it in parsed.files] == [[0]]
    assert parsed.alerting == (1,)


def test_script_file_named_twice_shows_the_last_line_of_both() -> None:
    """A later word for the same file writes over what an earlier one wrote, line by line."""
    parsed = script.parse([b"=f", b"-*x*", b"=f"])
    assert parsed.feed(script.Pipe(), b"a\nx\n", NOW_NS).shown == [script.record(b"x")]


def test_script_file_stays_where_nothing_is_selected() -> None:
    """Whether lines come whole or in parts, the file shows the last one that was."""
    parsed, pipe = script.parse([b"-*x*", b"=f"]), script.Pipe()
    for data in (b"x\nax\n", b"x", b"y\n"):
        assert parsed.feed(pipe, data, NOW_NS).shown == [None]
