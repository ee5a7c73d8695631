"""Tables written as TOML are read as they were."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import tomltext

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
SIMPLE = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1))
VALUE = st.recursive(
    SIMPLE, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12
)


@given(st.dictionaries(TEXT, VALUE))
def test_what_is_written_is_read_again(table: dict[str, object]) -> None:
    """Any table of strings, numbers, truth values, arrays and tables; lines of all kinds."""
    assert tomllib.loads(tomltext.dump(table)) == table


def test_it_looks_as_a_person_writes_it() -> None:
    """Plain keys unquoted, lines as lines, tables under their names."""
    table: dict[str, object] = {
        "a": 1,
        "log": {"script": "t\n./main", "own": True, "of": [{"b c": "d"}, {}]},
    }
    assert tomltext.dump(table) == (
        'a = 1\n\n[log]\nscript = """\nt\n./main"""\nown = true\nof = [{ "b c" = "d" }, {}]\n'
    )
