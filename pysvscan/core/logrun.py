"""A `log/run` of the usual one line, and [log] of service.toml: each made from the other. Pure.

The line is `[exec] [setuidgid ACCOUNT] multilog SCRIPT`. What else a run may do only a shell knows:
it is refused, and said.
"""

import re

from pysvscan.core import settings, stamp, tomltext, words
from pysvscan.core.script import scan_number
from pysvscan.core.settings import Log
from pysvscan.core.values import SettingsError, printable

SHELL = re.compile(rb"#! *(/usr)?/bin/(env +)?(sh|dash|ash|bash|ksh|mksh|zsh)( +-e)? *\n")
ONLY_OURS = ("stderr", "stdout", "full", "compress", "max_age", "retain", "own", "redact")
LONG = 72
CLASSIC_SIZE = 16777215  # C's largest
IGNORED = {b"F": "in patterns after it only * is special", b"w": "archives' names end with .s"}


class LogrunError(ValueError):
    """It cannot be made; the message says why."""


def parse(run: bytes, root: str | None) -> Log:
    """Read a log/run.

    Args:
        run: the whole file.
        root: the account that runs what names no account: "root", or None where that is not known.

    Raises:
        LogrunError: it is no line of the usual form, or [log] cannot say the same.
    """
    found = command(run)
    if found[:1] == [b"exec"]:
        found = found[1:]
    user = root
    if is_program(found, b"setuidgid"):
        if len(found) < 2:
            raise LogrunError("setuidgid without an account")
        user, found = decode(found[1]), found[2:]
    if not is_program(found, b"multilog"):
        stands = decode(words.quote(found[0])) if found else "nothing"
        raise LogrunError(
            f"no [exec] [setuidgid ACCOUNT] multilog SCRIPT: {stands} stands where multilog would"
        )
    table: dict[str, object] = {"script": [decode(word) for word in found[1:]]}
    if user is not None:
        table["user"] = user
    try:
        return settings.parse_log(table, is_root=False)
    except SettingsError as exc:
        raise LogrunError(str(exc)) from None


def command(run: bytes) -> list[bytes]:
    """Find the only command of a run, as words."""
    shell = SHELL.match(run)
    if not shell:
        raise LogrunError("it does not begin with #!/bin/sh")
    line = without_idle_lines(run[shell.end() :])
    try:
        if not words.is_one_line(line):
            raise LogrunError("more than one command")
        return words.split(line)
    except words.WordsError as exc:
        raise LogrunError(str(exc)) from None


def without_idle_lines(text: bytes) -> bytes:
    """Cut off the lines at both ends that do nothing: empty ones and comments."""
    lines = text.split(b"\n")
    while lines and is_idle(lines[0]):
        lines.pop(0)
    end = len(lines)
    while end and is_idle(lines[end - 1]):
        end -= 1
    while end < len(lines) and not is_complete(b"\n".join(lines[:end])):
        end += 1  # within quotes # is a byte like others
    return b"\n".join(lines[:end])


def is_complete(line: bytes) -> bool:
    """Say whether no quote is open at the end, where # would be a byte like others."""
    try:
        words.split(line)
    except words.WordsError:
        return False
    return True


def is_idle(line: bytes) -> bool:
    """Say whether a line does nothing."""
    return line.lstrip()[:1] in (b"", b"#")


def is_program(found: list[bytes], name: bytes) -> bool:
    """Say whether words begin with this program, with or without its directory."""
    return bool(found) and found[0].rpartition(b"/")[2] == name


def decode(word: bytes) -> str:
    """Decode a word, as TOML holds text only."""
    try:
        return word.decode()
    except UnicodeDecodeError:
        shown = printable(word.decode(errors="replace"))
        raise LogrunError(f"{shown} is no UTF-8, which service.toml has to be") from None


def run_of(log: Log) -> bytes:
    """Write the log/run that does what [log] says, as far as multilog can."""
    account = [b"setuidgid", log.user.encode()] if log.user is not None else []
    return b"#!/bin/sh\nexec " + words.join([*account, b"multilog", *log.words]) + b"\n"


def only_ours(log: Log) -> list[str]:
    """List the keys of [log] that no log/run can say."""
    classic = Log(log.words)
    attributes = ((key, settings.LOG_KEYS[key][0]) for key in ONLY_OURS)
    return [key for key, name in attributes if getattr(log, name) != getattr(classic, name)]


def unlike_c(log: Log) -> list[str]:
    """Say what C's multilog makes of the words of a script that it does not take as we do."""
    first = log.words[0]
    is_stamp = first in stamp.LETTERS and first != b"t"
    stamps = [f"ignores {first.decode()}: lines have no stamp"] if is_stamp else []
    sizes = [it for it in log.words if it[:1] == b"s" and scan_number(it[1:]) > CLASSIC_SIZE]
    letters = [it for it in log.words if it == b"F" or it[:1] == b"w"]
    ignored = [f"ignores {it.decode()}: {IGNORED[it[:1]]}" for it in letters]
    return stamps + ignored + [f"takes {it.decode()} for s{CLASSIC_SIZE}" for it in sizes]


def table_of(log: Log) -> bytes:
    """Write [log] with what a log/run can say: script and user."""
    script = [word.decode() for word in log.words]
    line = words.join(list(log.words)).decode()
    if len(line) <= LONG and line.isprintable():
        lines = ["[log]", f"script = {tomltext.quote(line)}"]
    else:  # one action a line
        lines = ["[log]", "script = [", *[f"    {tomltext.quote(word)}," for word in script], "]"]
    if log.user is not None:
        lines.append(f"user = {tomltext.quote(log.user)}")
    return "\n".join([*lines, ""]).encode()


def added(toml: bytes, log: Log) -> bytes:
    """Add [log] to a service.toml that has none; all else keeps its every byte."""
    gap = b"" if not toml else b"\n" if toml.endswith(b"\n") else b"\n\n"
    return toml + gap + table_of(log)


def is_same(log: Log, other: Log) -> bool:
    """Say whether two have the same script and account."""
    return (log.words, log.user) == (other.words, other.user)
