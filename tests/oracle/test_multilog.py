"""Multilog beside C's: the same lines in the same files, for any script and any input.

Not tested: byte-equal archives; where C ends a file depends on how its input was cut into reads.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan import lines
from pysvscan.core import script, selection, tai
from tests import ram
from tests.conftest import ROOT
from tests.oracle import multilog_runner as runner
from tests.oracle.runner import Pair, count, environment

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

FIXTURES = ROOT / "tests" / "fixtures"
NOW_NS = 1_795_488_722_727_675_500

# No hex digits: whether a stamp holds a given one is chance.
PATTERN = st.text("**xy @", max_size=6).map(str.encode) | st.sampled_from(
    [b"*", b"", b"*x*", b"*y", b"@*x*", b"* *y*", b"@4*x", b"**", b"x**y*", b"*\r", b"*xy*\xff*"]
)
SELECT = st.tuples(st.sampled_from([b"+", b"-"]), PATTERN).map(b"".join)
ACTION = st.sampled_from([b"e", b"everything", b"=one", b"=two", b"z", b"t", b"s5000", b"n", b"!"])
LINE = (
    st.text("xy* @", max_size=9).map(str.encode)
    | st.text("xy\0\r\xff", max_size=4).map(lambda line: line.encode("latin-1"))
    | st.builds(
        lambda fill, length, end: (fill * length)[: length - len(end)] + end,
        st.sampled_from([b"x", b"y", b"xy*"]),
        st.sampled_from([173, 174, 175, 199, 200, 201, 973, 974, 975, 999, 1000, 1001, 1500]),
        st.sampled_from([b"", b"x", b"y", b"xyx"]),
    )
)
DATA = st.builds(
    lambda lines, end: b"\n".join(lines) + end,
    st.lists(LINE, max_size=9),
    st.sampled_from([b"", b"\n"]),
)


@st.composite
def scripts(draw: st.DrawFn) -> list[bytes]:
    """Draw a script: one or two directories, none twice, between other actions."""
    words = draw(st.lists(SELECT | ACTION, max_size=8))
    for directory in draw(st.sampled_from([[], [b"./d"], [b"./d"], [b"./d", b"./e"]])):
        words.insert(draw(st.integers(0, len(words))), directory)
    return [b"t", *words] if draw(st.booleans()) else words


def ours_in_process(
    kind: type[selection.Selection], words: list[bytes], parts: list[bytes]
) -> tuple[dict[str, bytes], ...]:
    """Run our script alone over the parts; returns texts and =files, and the alerts as a third."""
    parsed, pipe = script.parse(words, kind), script.Pipe()
    outs = [parsed.feed(pipe, part, NOW_NS) for part in parts if part] + [parsed.finish(pipe)]
    texts: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    for out in outs:
        for it in parsed.directories:
            name = it.path.decode()
            texts[name] = texts.get(name, b"") + runner.masked(out.texts[it.selection])
        for file, shown in zip(parsed.files, out.shown, strict=True):
            name = "=" + file.path.decode()
            files[name] = runner.masked(shown or b"") or files.get(name, b"")
    return texts, files, {"err": runner.masked(b"".join(out.alerts for out in outs))}


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut data into parts of these sizes, again and again."""
    parts = []
    while data:
        for size in sizes:
            parts.append(data[:size])
            data = data[size:]
    return parts


SIZES = st.lists(st.integers(1, 1200), min_size=1, max_size=3)


@given(words=scripts(), data=DATA, sizes=SIZES)
@example([b"t", b"-*", b"+*x*", b"./d", b"e", b"+*y*", b"e", b"=one"], b"x\ny\nxy\n\n\0", [1])
@example([b"=one", b"-*y*", b"=one"], b"x\ny\n", [1])
@example([b"-**", b"./d", b"+x**y", b"e"], b"x*\nx*y\nxy\nxab*y", [1])
@example([b"-*", b"+" + b"x" * 1000, b"./d"], b"x" * 999 + b"\n" + b"x" * 1500 + b"\n", [7])
@example([b"-*", b"+*y", b"./d"], b"x" * 999 + b"y\n" + b"x" * 1000 + b"y\n", [1200])
def test_multilog_script_selects_as_c(
    oracle: Oracle, words: list[bytes], data: bytes, sizes: list[int]
) -> None:
    """The script alone, in Python and in C, however its input is cut, asks for what C does."""
    with tempfile.TemporaryDirectory(dir=ram.directory()) as name:
        by_c = runner.run(oracle("multilog").c, words, [data], Path(name, "c"))
    for kind in (selection.Selection, lines.Selection):
        texts, files, alerts = ours_in_process(kind, words, cut(data, sizes))
        assert texts == by_c.texts
        assert files == by_c.files
        assert alerts["err"] == by_c.err
    count("multilog: script alone")
    runner.count_case(words, data)


@given(words=scripts(), data=DATA, again=DATA, sizes=SIZES)
@example([b"t", b"s4096", b"./d"], b"x\n" * 9000, b"y", [1])
@example([b"s4096", b"!cat; cat <&4 >&5; echo z >&5", b"./d"], b"x\n" * 9000, b"y\n" * 9000, [512])
@example([b"s4096", b"./d"], b"x" * 9000, b"y", [1000])
def test_multilog_leaves_what_c_leaves(
    oracle: Oracle, words: list[bytes], data: bytes, again: bytes, sizes: list[int]
) -> None:
    """Run twice over the same directories: lines, kinds of files, modes, =files, stderr, code."""
    pair = oracle("multilog")
    words = [b"n9999", *words] if words[:1] != [b"t"] else [b"t", b"n9999", *words[1:]]
    words = [word for word in words if word != b"n"]
    with tempfile.TemporaryDirectory(dir=ram.directory()) as name:
        for parts in (cut(data, sizes), cut(again, sizes)):
            by_c = runner.run(pair.c, words, parts, Path(name, "c"))
            ours = runner.run_forked(pair, words, parts, Path(name, "ours"))
            assert ours == by_c
    count("multilog: programs")
    runner.count_case(words, data)


FILTERS = {
    match[1].lower(): match[2]
    for match in re.finditer(
        r"^(SMTP|POP3):\n\n    multilog ((?:.*\\\n)*.*)\n",
        (FIXTURES / "filters.md").read_text(),
        re.MULTILINE,
    )
}


def mail_filter(name: str, with_passwords: bool) -> list[str]:
    """Read a mail filter out of filters.md."""
    words = [
        re.sub(r"^'(.*)'$", r"\1", word) for word in re.findall(r"'[^']*'|[^\s\\']+", FILTERS[name])
    ]
    if not with_passwords:
        at = words.index("./main")
        words[at:at] = ["-* * < PASS *", "-* * < pass *"]
    return words


LOGS = sorted((FIXTURES / "seed").glob("*.txt")) + sorted((FIXTURES / "qmail").glob("*.log"))
STAMPS = re.compile(rb"^(@[0-9a-f]{24} |\d{4}-\d\d-\d\d \S+ )", re.MULTILINE)


@pytest.mark.parametrize("with_passwords", [True, False], ids=["paper", "no-passwords"])
@pytest.mark.parametrize("name", ["smtp", "pop3"])
@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_multilog_mail_filters_keep_what_c_keeps(
    oracle: Oracle, ram_path: Path, log: Path, name: str, with_passwords: bool
) -> None:
    """Real logs, with the stamps that they were kept with and without, through the mail filters."""
    pair, words = oracle("multilog"), mail_filter(name, with_passwords)
    assert len(words) > 10
    data = log.read_bytes()
    data += STAMPS.sub(b"", data).replace(b"^M", b"\r")
    by_c = runner.run(pair.c, words, [data], ram_path / "c")
    ours = runner.run(pair.ours, words, [data], ram_path / "ours")
    assert ours == by_c
    for seed in ("smtp", "pop3"):
        if log.name == f"{seed}-unfiltered.txt" and seed == name:
            assert 0 < by_c.texts["./main"].count(b"\n") < data.count(b"\n")
    count("multilog: real log through a mail filter")


@pytest.mark.parametrize(
    "words",
    [
        ["./missing/d"],
        ["./file"],
        ["./d", "./d"],
        ["=missing/file"],
        ["=./d"],
        ["="],
        ["./d", "=d"],
        [],
        ["t"],
        ["t", "e"],
        ["./d/current"],
        ["=/dev/null"],
    ],
    ids=str,
)
def test_multilog_start_fails_as_c(oracle: Oracle, tmp_path: Path, words: list[str]) -> None:
    """What cannot be opened ends multilog before it reads: the same line, the same code."""
    pair = oracle("multilog")
    results = []
    for program in (pair.c, pair.ours):
        shutil.rmtree(tmp_path / "w", ignore_errors=True)
        (tmp_path / "w").mkdir()
        (tmp_path / "w" / "file").write_bytes(b"")
        process = runner.start(program, words, tmp_path / "w")
        assert process.stdin
        process.stdin.close()
        code = runner.wait(process)
        names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("w/**/*"))
        results.append((code, runner.stderr(tmp_path / "w"), names))
        (tmp_path / "w.err").unlink()
    assert results[1] == results[0]
    count("multilog: start-up errors")


DIGIT = re.compile(rb"[0-9]")
STAMPED = b"fatal: no\nfine\n" + b"x" * 2000 + b"\nfatal: 0\n\nend"


@pytest.mark.deviation("multilog-readable-stamps")
def test_multilog_readable_stamps_are_those_of_tai64nlocal(oracle: Oracle, tmp_path: Path) -> None:
    """`d` writes what `t` and C's tai64nlocal would; to C's multilog `d`, `m`, `T` are nothing."""
    pair, words = oracle("multilog"), ["./all", "-*", "+* * fatal*", "./some"]
    labelled = runner.run(pair.c, ["t", *words], [STAMPED], tmp_path / "t")
    assert labelled.texts["./some"] == b""
    by_c = local(oracle, runner.text(tmp_path / "t" / "all"))
    before_ns = time.time_ns()
    for action in ("d", "m", "T"):
        ours = runner.run(pair.ours, [action, *words], [STAMPED], tmp_path / action)
        assert (ours.err, ours.code) == (b"", 0)
        unknown = runner.run(pair.c, [action, *words], [STAMPED], tmp_path / f"c{action}")
        assert unknown.texts == {"./all": STAMPED + b"\n", "./some": b""}
    found = runner.text(tmp_path / "d" / "all")
    assert DIGIT.sub(b"9", found) == DIGIT.sub(b"9", by_c)
    assert runner.text(tmp_path / "d" / "some") == b"".join(
        line for line in found.splitlines(keepends=True) if b" fatal" in line
    )
    # C's tai64nlocal agrees about the moment: it lies between labels taken before and after.
    edges = b"%b\n%b\n" % (tai.label(before_ns), tai.label(time.time_ns()))
    first, last = local(oracle, edges).splitlines()
    assert first <= found[: len(first)] <= last
    [milli, micro] = [runner.text(tmp_path / action / "all") for action in ("m", "T")]
    assert first[:-6] <= milli[: len(first) - 6] <= last[:-6]
    assert before_ns // 1000 <= int(micro.split()[0].replace(b".", b"")) <= time.time_ns() // 1000


def local(oracle: Oracle, text: bytes) -> bytes:
    """Let C's tai64nlocal make labels readable."""
    program, env = oracle("tai64nlocal").c, environment()
    return subprocess.run([program], input=text, stdout=subprocess.PIPE, env=env, check=True).stdout


@pytest.mark.deviation("multilog-encore-actions")
def test_multilog_has_actions_of_encore(oracle: Oracle, ram_path: Path) -> None:
    """F changes patterns, w names archives, line by line; either multilog goes on in such a log."""
    pair, data = oracle("multilog"), b"abb\na/b\nbab\n" * 3000
    words = ["-*b", "F", "-[b]*", "s4096", "n3", "wlog", "!cat", "./d"]
    by_c = runner.run(pair.c, words, [data], ram_path / "c")
    ours = runner.run(pair.ours, words, [data], ram_path / "ours")
    assert (by_c.err, ours.err) == (b"", b"")
    assert set(by_c.texts["./d"].splitlines()) == {b"abb", b"bab"}
    assert set(ours.texts["./d"].splitlines()) == {b"abb"}
    for program, suffix in ((pair.c, ".s"), (pair.ours, ".log")):
        runner.run(program, words, [data], ram_path / "ours")
        found = runner.archives(ram_path / "ours" / "d")
        assert [path.name[25:] for path in found] == [suffix, suffix]
    directory = ram_path / "ours" / "d"
    for file, mode in (("processed", 0o744), ("current", 0o644)):  # killed before the last rename
        (directory / file).write_bytes(b"x\n")
        (directory / file).chmod(mode)
    runner.run(pair.ours, ["n9", "wlog", "./d"], [], ram_path / "ours")
    assert [path.name[25:] for path in runner.archives(directory)][2:] == [".log", ".u"]


@pytest.mark.parametrize("word", ["w", "wa/b", "wu", "wx.tmp", "w" + "x" * 201])
def test_multilog_refuses_a_name_that_is_none(oracle: Oracle, tmp_path: Path, word: str) -> None:
    """Before it reads: no archive could have that name, or would be taken for a torn one."""
    process = runner.start(oracle("multilog").ours, [word, "./d"], tmp_path / "w")
    with process.stdin or pytest.fail("no pipe"):
        assert runner.wait(process) == 111
    said = b"multilog: fatal: unable to take %b: w " % word.encode()
    assert runner.stderr(tmp_path / "w").startswith(said)
    assert list((tmp_path / "w").iterdir()) == []


@pytest.mark.deviation("multilog-size")
def test_multilog_size_goes_beyond_16_mb(oracle: Oracle, ram_path: Path) -> None:
    """Lines of 17 MB fit into one file, which C ends at its limit."""
    pair, many = oracle("multilog"), []
    for name in ("c", "ours"):
        data = [(b"x" * 65535 + b"\n")] * 272
        runner.run(getattr(pair, name), ["s20000000", "./d"], data, ram_path / name)
        many.append(len(runner.archives(ram_path / name / "d")))
    assert many == [1, 0]
