"""What stands between two texts is hidden, and nothing else, in whatever pieces it comes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import redactpatterns
from pysvscan.core.redact import Redactor
from pysvscan.core.redactpatterns import Patterns

CASES = {  # patterns, what is read, what is written
    "to the end": ([b"pass=*"], b"a pass=b c\nd", b"a pass=[redacted]\nd"),
    "up to a text": ([b"pass=*&"], b"?PASS=b&c=d&pass=&", b"?PASS=[redacted]&c=d&pass=&"),
    "text missing": ([b"pass=*&"], b"?pass=b c", b"?pass=[redacted]"),
    "twice": ([b"k=* "], b"k=a k=b c", b"k=[redacted] k=[redacted] c"),
    "two": ([b"k=* ", b"<*>"], b"k=a <b> c", b"k=[redacted] <[redacted]> c"),
    "recordio": ([b"k=*"], b"1 < k=a\r \n2 < b ", b"1 < k=[redacted]\r \n2 < b "),
    "broken in the secret": (
        [b"k=*&"],
        b"1 < k=a+\n2 < b+\n1 > c \n1 < d&e \n1 < f ",
        b"1 < k=[redacted]+\n2 < b+\n1 > c \n1 < [redacted]&e \n1 < f ",
    ),
    "broken before": (
        [b"key=*"],
        b"1 < k+\n1 < ey+\n1 < =a \n",
        b"1 < k+\n1 < ey+\n1 < =[redacted] \n",
    ),
    "not broken": ([b"k=*"], b"1 < k+ \n1 < =a \nk+\n=a\n", None),
    "nothing there": ([b"k=*"], b"a\nb+\n", None),
}


@pytest.mark.parametrize(("patterns", "data", "want"), CASES.values(), ids=CASES)
def test_cases(patterns: list[bytes], data: bytes, want: bytes | None) -> None:
    """All lines at once and one by one give the same."""
    assert Patterns(patterns).redact(data) == (want or data)
    one_by_one = Patterns(patterns)
    got = [one_by_one.redact(line + b"\n") for line in data.split(b"\n")]
    assert b"".join(got)[:-1] == (want or data)


@given(text=st.text("k=&ab", max_size=30).map(str.encode), cuts=st.lists(st.integers(1, 9)))
def test_pieces(text: bytes, cuts: list[int]) -> None:
    """However recordio breaks a line, what is seen is what is seen of the whole."""
    whole = re.sub(rb"k=[^&\n]*", b"k=", text)
    parts, at = [], 0
    for size in cuts:
        if at + size < len(text):
            parts.append(b"1 < %b+\n" % text[at : at + size])
            at += size
    data = b"".join([*parts, b"1 < %b \n" % text[at:]])
    got = Patterns([b"k=*&"]).redact(data)
    assert re.sub(rb"1 < |\[redacted\]|\+\n", b"", got)[:-2] == whole


def test_with_names() -> None:
    """Patterns and names go together; a pattern alone doubts nothing."""
    data = b"1 < AUTH PLAIN x\r \nk=v\n1 < y ok\r \n"
    both = Redactor((b"smtp-auth", b"=k=*"), 0)
    assert both.feed(data, 0) == b"1 < AUTH PLAIN [redacted]\r \nk=[redacted]\n1 < [redacted]\r \n"
    assert Redactor((b"=k=*",), 0).feed(data, 0) == data.replace(b"=v", b"=[redacted]")


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken lines are not remembered without end."""
    monkeypatch.setattr(redactpatterns, "OPEN", 5)
    patterns = Patterns([b"k=*"])
    patterns.redact(b"".join(b"%d < k=+\n" % pid for pid in range(9)))
    assert len(patterns.open) == 5
