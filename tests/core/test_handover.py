"""The state that one image of svscan hands over to the next."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import handover
from pysvscan.core.handover import BuiltIn, Entry, Finish, Given, HandoverError, Scan, Service

numbers = st.integers(-1, 2**63)
names = st.binary(max_size=20)
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=10)
finishes = st.builds(Finish, pid=numbers, pidfd=numbers, refusal=texts)
services = st.builds(
    Service,
    label=names,
    state=texts,
    want=names,
    refusal=texts,
    timer_ns=st.none() | numbers,
    finish=st.none() | finishes,
)
built_ins = st.builds(BuiltIn, label=names, state=texts, want=names)
entries = st.builds(
    Entry,
    key=st.tuples(numbers, numbers),
    label=names,
    names=st.lists(names, max_size=3).map(tuple),
    text=st.none() | names,
    main=st.none() | services,
    log=st.none() | services,
    built_in=st.none() | built_ins,
)
givens = st.builds(
    Given,
    env=st.lists(names, max_size=3).map(tuple),
    mask=st.lists(numbers, max_size=3).map(tuple),
    ignored=st.just(()),
    descriptors=st.tuples(numbers, numbers),
)
scans = st.builds(
    Scan,
    words=st.lists(names, max_size=3).map(tuple),
    given=givens,
    entries=st.lists(entries, max_size=2).map(tuple),
    signals=st.lists(numbers, max_size=2).map(tuple),
    crash=texts,
    in_hand=st.just(()) | st.tuples(numbers, numbers),
)
PART = dict.fromkeys(("pid", "since_ns", "last_start_ns", "failures"), 0)
SERVICE = Service(
    label=b"a", lock=3, control=4, ok=5, state="UP", pidfd=6, want=b"u", paused=False,
    is_to_group=False, is_doubtful=False, finish=Finish(1, 15, 0), **PART,
)  # fmt: skip
BUILT_IN = BuiltIn(b"a/log", 7, 8, 9, 1, "READING", b"u", 0, False, False)
ENTRY = Entry(
    key=(1, 2), label=b"a", names=(b"a",), directory=10, pipe=11, is_begun=True, seen_ns=0,
    aside_ns=0, trouble=0, text=b"", log_directory=12, main=SERVICE, log=None, built_in=BUILT_IN,
)  # fmt: skip
GIVEN = Given((b"A=\xff",), (1,), (13,), (1024, 4096), 13)
SCAN = Scan((b"svscan", b"/\xff"), GIVEN, 14, -1, (ENTRY,))


@given(scans)
def test_pack_round_trip(scan: Scan) -> None:
    """What was packed is what is unpacked, whatever bytes are in names."""
    assert handover.unpack(handover.pack(scan)) == scan


@given(st.binary(max_size=100) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(("pysvscan", "scan", "words", "given")), inner, max_size=4),
).map(lambda it: json.dumps(it).encode()))  # fmt: skip
def test_unpack_arbitrary_bytes_raises_only_its_own_error(data: bytes) -> None:
    """Whatever it is given, it refuses in its own words."""
    with pytest.raises(HandoverError):
        handover.unpack(data)


def changed(path: str, value: object) -> bytes:
    """Pack SCAN with one value in it changed; None: taken out."""
    found: Any = json.loads(handover.pack(SCAN))
    *way, last = path.split(".")
    at = found
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("pysvscan", 2, "a state of version 2, and this one takes 1"),
        ("more", 1, "no state of a svscan"),
        ("scan.more", 1, "scan.more is unknown to this version"),
        ("scan.entries.0.main.more", 1, "scan.entries.main.more is unknown to this version"),
        ("scan.directory", None, "scan lacks a field"),
        ("scan.directory", "3", "scan.directory is no int"),
        ("scan.directory", True, "scan.directory is no int"),
        ("scan.entries", 3, "scan.entries is no list"),
        ("scan.given", 3, "scan.given is no object"),
        ("scan.words", ["\u20ac"], "scan.words is no bytes"),
    ],
)
def test_unpack_refuses(path: str, value: object, why: str) -> None:
    """What this version does not know, it does not take, and says what that is."""
    with pytest.raises(HandoverError, match=f"^{why}$"):
        handover.unpack(changed(path, value))


def test_unpack_gives_missing_fields_their_defaults() -> None:
    """A newer version may know more than the old one has said."""
    assert handover.unpack(changed("scan.crash", None)) == SCAN


def test_descriptors_are_all_that_there_are() -> None:
    """Each descriptor of the state is listed; -1 is none."""
    assert sorted(handover.descriptors(SCAN)) == list(range(3, 16))
