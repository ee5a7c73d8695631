"""envdir beside C's: what the child gets, and the messages.

Not tested: the order of the variables, which is C's no more.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan import envfiles
from tests.oracle.runner import Pair, count, environment, run

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]

CAT = ["/bin/cat", "/proc/self/environ"]
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & set(b"/\0") and name[:1] not in (b".", b"=")
)
CONTENTS = st.binary(max_size=40) | st.text(" \t\n\0ab=", max_size=12).map(str.encode)


def children(pair: Pair, cwd: Path, env: dict[bytes, bytes]) -> list[bytes]:
    """Compare what a child gets through `envdir env`, and return its sorted entries."""
    by_c, ours = (run([prog, "env", *CAT], cwd=cwd, env=env) for prog in (pair.c, pair.ours))
    entries = sorted(by_c.out.split(b"\0"))
    assert (ours.code, sorted(ours.out.split(b"\0")), ours.err) == (by_c.code, entries, by_c.err)
    count("envdir")
    return entries[1:]


def fill(where: Path, files: dict[bytes, bytes]) -> None:
    """Make the directory env."""
    (where / "env").mkdir()
    for name, content in files.items():
        Path(os.fsdecode(os.fsencode(where / "env") + b"/" + name)).write_bytes(content)


@given(
    files=st.dictionaries(NAMES, CONTENTS, max_size=6),
    env=st.dictionaries(
        NAMES.filter(lambda name: b"=" not in name),
        CONTENTS.map(lambda c: c.replace(b"\0", b"")),
        max_size=4,
    ),
)
@example(
    files={b"A": b"", b"B": b"\n", b"C": b" \t", b"D": b"a \t\nx"}, env={b"A": b"1", b"B": b"2"}
)
@example(
    files={b"W=1": b"x", b"V=": b"y", b"U=1": b"", b"T=1=2": b"3"}, env={b"W": b"0", b"U": b"0"}
)
@example(files={b"N": b"a\0b\0", b"M": b"\0\n", b"L": b"x\0 \t"}, env={})
@example(files={}, env={b"A.B": b"1", b"1x": b"\xff\xfe", b"NL": b"a\nb\1c", b"PWD": b"/nowhere"})
@example(files={}, env={b"LC_CTYPE": b"C.UTF-8", b"LC_ALL": b"C"})
@example(files={}, env={b"LC_CTYPE": b"C"})
@example(files={b"LC_CTYPE": b"", b"PWD": b""}, env={b"LC_CTYPE": b"C.UTF-8", b"PWD": b"/"})
@example(files={b"PYTHONPATH": b"x"}, env={b"PYTHONHOME": b"/nowhere", b"PYSVSCAN_GIVEN": b"9"})
@example(files={}, env={b"BIG": b"x" * 20_000, b"A.B": b"1"})
@example(files={b"BIG": b"x" * 100_000}, env={b"OLDPWD": b"", b"_": b"", b"SHLVL": b"9"})
@example(files={b"A": b"1"}, env={})
@example(files={}, env={})
def test_envdir_gives_the_child_what_c_gives(
    oracle: Oracle,
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[bytes, bytes],
    env: dict[bytes, bytes],
) -> None:
    """Any names and contents, any environment before: the child's is the same, to the byte."""
    where = tmp_path_factory.mktemp("envdir")
    fill(where, files)
    children(oracle("envdir"), where, env)


def test_envdir_sees_each_kind_of_file_as_c(oracle: Oracle, tmp_path: Path) -> None:
    """Names with a dot are skipped; a link counts, and a FIFO without a writer is empty."""
    fill(tmp_path, {b"REAL": b"1\n", b".DOT": b"2"})
    inside = tmp_path / "env"
    (inside / "LINK").symlink_to("REAL")
    (inside / ".subdirectory").mkdir()
    os.mkfifo(inside / "FIFO")
    env = {b"FIFO": b"x", b"DOT": b"x"}
    assert children(oracle("envdir"), tmp_path, env) == [b"DOT=x", b"LINK=1", b"REAL=1"]


def test_envdir_reads_a_large_value(oracle: Oracle, tmp_path: Path) -> None:
    """No limit but the kernel's: 128 kB are refused by execve, in C's words."""
    fill(tmp_path, {b"A": b"x" * 131_069})
    assert children(oracle("envdir"), tmp_path, {}) == [b"A=" + b"x" * 131_069]
    (tmp_path / "env/A").write_bytes(b"x" * 131_070)
    children(oracle("envdir"), tmp_path, {})


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["env"],
        ["env", "true"],
        ["env", "false"],
        ["env", "sh", "-c", "exit 7"],
        ["env", "sh", "-c", "kill -9 $$"],
        ["env", "missing"],
        ["env", "./missing"],
        ["env", "./noexec"],
        ["env", "./directory"],
        ["env", "directory"],
        ["env", "./text"],
        ["env", "./nointerpreter"],
        ["env", ""],
        ["env", "echo", "", "a b", "\n"],
        ["env", "./notdir/x"],
        ["missing", "true"],
        ["notdir", "true"],
        ["loop", "true"],
        ["", "true"],
        ["--", "true"],
        ["-x", "env", "true"],
        ["bad", "true"],
        ["bad2", "true"],
        [b"\xff\xfe", "true"],
        ["env", b"\xff\xfe"],
        ["env", "echo", b"\xff\xfe"],
    ],
    ids=repr,
)
def test_envdir_answers_as_c(oracle: Oracle, tmp_path: Path, words: list[str | bytes]) -> None:
    """Messages, exit codes and the child's own code."""
    fill(tmp_path, {b"A": b"1"})
    for name in ("directory", "bad/subdirectory", "bad2"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "bad2/LOOP").symlink_to("LOOP")
    for name, text in (
        ("noexec", ""),
        ("text", "x"),
        ("nointerpreter", "#!/nowhere\n"),
        ("notdir", ""),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644 if name == "noexec" else 0o755)
    (tmp_path / "loop").symlink_to("loop")
    oracle("envdir").compare(words, cwd=tmp_path, env=environment(PATH=f"{tmp_path}:/usr/bin"))


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        ":",
        "/nowhere:",
        ":/nowhere",
        "one",
        "one:two",
        "two:one",
        "notdir:two",
        "loop:two",
        "one:/usr/bin",
    ],
)
@pytest.mark.parametrize("prog", ["both", "second", "ls"])
@pytest.mark.parametrize("new", [b"two", b""], ids=["set", "unset"])
def test_envdir_searches_path_as_c(
    oracle: Oracle, tmp_path: Path, path: str | None, prog: str, new: bytes
) -> None:
    """The PATH it was given is searched, not the one it sets; empty is dot; refusals go on."""
    fill(tmp_path, {b"PATH": new})
    for name, mode in (
        ("one/both", 0o644),
        ("two/both", 0o755),
        ("two/second", 0o755),
        ("both", 0o755),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\necho $0\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "notdir").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    env = {
        name: value
        for name, value in environment(PATH=path or "").items()
        if path is not None or name != "PATH"
    }
    oracle("envdir").compare(["env", prog, "env"], cwd=tmp_path, env=env)


@pytest.mark.root
def test_envdir_names_what_is_forbidden(oracle: Oracle, nobody_path: Path) -> None:
    """An account without access is told which file or directory it is."""
    fill(nobody_path, {b"A": b"1"})
    pair = oracle("envdir")
    for path, mode in (("env/A", 0o600), ("env", 0o311), ("env", 0o700), (".", 0o311)):
        (nobody_path / path).chmod(mode)
        assert pair.compare(["env", "true"], cwd=nobody_path, account="nobody").code == 111


@pytest.mark.deviation("environment-oddities")
def test_environment_loses_entries_without_a_name(oracle: Oracle, tmp_path: Path) -> None:
    """`=x` is not handed on; C does."""
    pair, env = oracle("envdir"), tmp_path / "env"
    env.mkdir()
    words = ["env", *CAT]
    by_c, ours = (
        run(["/usr/bin/env", "-i", "=x", "A=1", prog, *words], cwd=tmp_path).out
        for prog in (pair.c, pair.ours)
    )
    assert (by_c, ours) == (b"=x\0A=1\0", b"A=1\0")


@pytest.mark.deviation("environment-large")
def test_environment_is_changed_when_large(oracle: Oracle, tmp_path: Path) -> None:
    """Beyond 95 kB the shell's additions and omissions show; nothing else is lost."""
    pair = oracle("envdir")
    fill(tmp_path, {})
    big = {b"B%d" % number: b"x" * 50_000 for number in range(3)}
    by_c, ours = (
        run([prog, "env", *CAT], cwd=tmp_path, env={**big, b"A.B": b"1"}).out.split(b"\0")
        for prog in (pair.c, pair.ours)
    )
    assert set(by_c) - set(ours) == {b"A.B=1"}
    assert {entry[:4] for entry in set(ours) - set(by_c)} == {b"PWD="}


def test_envdir_reads_a_large_file_in_linear_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 128 MB, by mistake in the directory, costs no minute of copying what was read."""
    monkeypatch.chdir(tmp_path)
    with Path("LARGE").open("wb") as file:
        file.write(b"x\n")
        file.truncate(2**27)
    begin_s = time.process_time()
    assert envfiles.value(b"LARGE") == b"x"
    assert time.process_time() - begin_s < 10


@pytest.mark.deviation("envdir-dangling")
def test_envdir_unsets_for_a_dangling_link(oracle: Oracle, tmp_path: Path) -> None:
    """A link to nothing is an empty file; C sets what it read before, newline and all."""
    pair = oracle("envdir")
    fill(tmp_path, {b"REAL%d" % number: b"text\n" for number in range(20)})
    for number in range(20):  # in whatever order the directory is read, one is after a file
        (tmp_path / f"env/LINK{number}").symlink_to("nowhere")
    by_c, ours = (
        run([prog, "env", *CAT], cwd=tmp_path, env={}).out for prog in (pair.c, pair.ours)
    )
    assert re.search(rb"LINK\d+=text\n", by_c)
    assert b"LINK" not in ours
