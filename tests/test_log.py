"""log: lines in daemontools' form, or JSON; and a stderr that never blocks."""

import json
import os
import subprocess
import sys

import pytest

WRITE = """
import sys
from pysvscan.log import Log
log = Log(as_json=sys.argv[1] == "json")
cause = OSError(2, "")
"""


def said(code: str, form: str = "plain") -> bytes:
    """Run code that says something, and give its stderr."""
    argv = [sys.executable, "-I", "-c", WRITE + code, form]
    return subprocess.run(argv, capture_output=True, check=True).stderr


def test_line_has_daemontools_form() -> None:
    """PROG: LABEL: SENTENCE: REASON, in DJB's words."""
    got = said('log.say("supervise", "fatal", "unable to start x/run", cause)')
    assert got == b"supervise: fatal: unable to start x/run: file does not exist\n"


def test_line_without_cause_ends_with_the_sentence() -> None:
    """No colon where no reason follows."""
    assert said('log.say("svscan", "info", "waiting for x")') == b"svscan: info: waiting for x\n"


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b"\xe2\x82\xac", b"{}%s"], ids=repr)
def test_line_keeps_any_bytes(name: bytes) -> None:
    """A name stands in the line as it is."""
    got = said(f'import os; log.say("svscan", "warning", os.fsdecode({name!r}))')
    assert got == b"svscan: warning: " + name + b"\n"


def test_line_that_is_too_long_is_cut() -> None:
    """It is still one line, and one that a pipe takes at once."""
    got = said('log.say("svscan", "warning", "x" * 10000)')
    assert (len(got), got[-1:]) == (4096, b"\n")


def test_line_said_seldom_is_said_once() -> None:
    """The same line again is not; another is, and the same with another reason."""
    got = said(
        'for sentence in "aab": log.say_seldom("p", "warning", sentence)\n'
        'log.say_seldom("p", "warning", "a", cause)'
    )
    lines = [b"p: warning: a", b"p: warning: b", b"p: warning: a: file does not exist"]
    assert got.splitlines() == lines


def test_json_holds_what_the_line_says() -> None:
    """One object a line, with fields that a line has not; any bytes survive."""
    code = 'log.say("svscan", "warning", "gone \\udcff", cause, dir="x")'
    event = json.loads(said(code, "json"))
    assert event.pop("timestamp")
    assert event == {
        "prog": "svscan",
        "level": "warning",
        "event": "gone \udcff",
        "reason": "file does not exist",
        "dir": "x",
    }


def test_stderr_that_is_full_is_not_waited_for() -> None:
    """What a pipe does not take is dropped, and the next line that passes says how much."""
    read, write = os.pipe()
    code = """
import os
for _ in range(100_000):
    log.say("svscan", "info", "x")
os.write(1, b"full")
os.read(0, 1)
log.say("svscan", "info", "last")
"""
    argv = [sys.executable, "-I", "-c", WRITE + code, "plain"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=write
    ) as process:
        os.close(write)
        assert process.stdout
        assert process.stdout.read(4) == b"full"
        before = os.read(read, 1 << 20)
        process.communicate(b"x")
    after = os.read(read, 1 << 20)
    os.close(read)
    dropped = 100_000 - before.count(b"\n")
    warning = b"svscan: warning: %d lines could not be written here\n" % dropped
    assert after == warning + b"svscan: info: last\n"
