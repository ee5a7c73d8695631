"""core.words beside /bin/sh: the same text makes the same words."""

import itertools
import os
import subprocess

import pytest

from pysvscan.core import words
from pysvscan.core.words import WordsError
from tests.oracle.runner import count

pytestmark = pytest.mark.oracle

# set -f: file names are not looked for. A newline outside quotes ends a shell's command; inside
# quotes, and after a backslash, it is compared.
SHOW = b'set -f\np() { printf \'%s\\0\' "$#" "$@"; }\n'
PIECES = b"a|-*| |\t|'|\"|\\|\\\n|'\n'|$|`|#|~|!|\xff".split(b"|")


def by_shell(lines: list[bytes]) -> list[list[bytes]]:
    """Let one shell split all the texts."""
    script = SHOW + b"".join(b"p " + line + b"\n" for line in lines)
    env = {"PATH": os.defpath, "LC_ALL": "C"}
    done = subprocess.run(["/bin/sh"], input=script, env=env, check=True, capture_output=True)
    assert done.stderr == b""
    fields = iter(done.stdout.split(b"\0"))
    return [[next(fields) for _ in range(int(next(fields)))] for _ in lines]


def is_comparable(text: bytes) -> bool:
    """Say whether `split` takes it, and no newline ends a shell's command."""
    try:
        words.split(text)
    except WordsError:
        return False
    return words.is_one_line(text)


def test_split_and_join_as_a_shell() -> None:
    """What split takes a shell splits alike, and what join writes a shell reads back."""
    drawn = itertools.chain.from_iterable(itertools.product(PIECES, repeat=n) for n in range(5))
    plain = [text for text in map(b"".join, drawn) if is_comparable(text)]
    expected = [words.split(text) for text in plain]
    differing = [
        pair for pair in zip(plain, expected, by_shell(plain), strict=True) if pair[1] != pair[2]
    ]
    assert differing[:5] == []
    assert by_shell([words.join(found) for found in expected]) == expected
    count("texts split as /bin/sh does", len(plain))
