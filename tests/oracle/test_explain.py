"""svlog explain beside the C multilog: on every line of a corpus they agree."""

import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from pysvscan.core import explain
from tests.oracle.runner import c_program, count, run

FIXTURES = Path(__file__).parent.parent / "fixtures"
PATTERN = st.sampled_from(
    [b"*", b"", b"*a*", b"**", b"*b", b"a*", b"*a*b*", b"* *a*", b"@*4*a*", b"@4*b", b"* *"]
) | st.text("*ab @4", max_size=5).map(str.encode)
WORD = st.builds(bytes.__add__, st.sampled_from([b"+", b"-"]), PATTERN)
GROUPS = st.lists(st.lists(WORD, max_size=5), min_size=1, max_size=3)
LINE = st.text("ab* @4\0\r", max_size=8).map(str.encode) | st.sampled_from(
    [b"a" * size + b"b" for size in (972, 973, 974, 998, 999, 1000, 1200)]
)


def current(path: Path) -> list[bytes]:
    """Read a directory's lines."""
    return (path / "current").read_bytes().split(b"\n")[:-1]


@given(stamp=st.booleans(), groups=GROUPS, lines=st.lists(LINE, max_size=30))
@example(stamp=False, groups=[[b"-*", b"+*b"]], lines=[b"a" * 1000 + b"b", b"a" * 999 + b"b"])
@example(stamp=True, groups=[[b"-*", b"+@*a*"]], lines=[b"a" * 1200, b"", b"b"])
def test_every_line(stamp: bool, groups: list[list[bytes]], lines: list[bytes]) -> None:
    """What is said to be kept for a directory is what C puts there."""
    multilog = c_program("multilog")
    words = [b"t"] * stamp + [b"./all"]
    for number, group in enumerate(groups):
        words += [*group, b"./%d" % number]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        text = b"".join(line + b"\n" for line in lines)
        assert run([multilog, *words], cwd=path, stdin=text).code == 0
        all_lines = current(path / "all")
        assert len(all_lines) == len(lines)
        for point in explain.points(words):
            kept = [line for line in all_lines if point.decide(line)[0]]
            assert kept == current(path / point.word.decode())
    count("svlog explain", len(lines))
