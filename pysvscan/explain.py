"""svlog explain: what a multilog script does with lines, which word decided, and what it traps.

The lines come from stdin, with stamps or without; or, where a service is named instead of a script,
the script is the service's, and the lines are those of its log.
"""

import os
import sys
import time

from pysvscan import logfinding, strerr
from pysvscan.commands import svlog
from pysvscan.core import explain, lint, stamp, tai
from pysvscan.core.explain import Point
from pysvscan.core.values import show_word
from pysvscan.logfiles import looking
from pysvscan.logreader import Logreader, Window
from pysvscan.strerr import Fatal, Usage
from pysvscan.zone import zone

PROG = "svlog"
LABEL_BYTES = 26  # the blank after it included
LINTED = 100_000  # lines that traps are looked for in
USAGE = "svlog explain [-q] service | svlog explain [-q] script ... < lines"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def main(argv: list[bytes]) -> int:
    """Explain; the script's words begin with the first that is no option."""
    words = argv[1:]
    is_quiet = svlog.is_quiet(words)
    words = words[1:] if is_quiet or words[:1] == [b"--"] else words
    if not words:
        raise Usage(USAGE)
    found = of_service(words[0]) if len(words) == 1 else None
    try:
        tell(*(found or (words, from_stdin(words))), is_quiet)
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_end()
    return 0


def quiet_end() -> None:
    """End without a word where nobody reads any more; the interpreter would flush once again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def of_service(word: bytes) -> "tuple[list[bytes], Iterator[bytes]] | None":
    """Find a service's script, and its lines; None: the word names none, and is a script itself.

    Raises:
        Fatal: something is wrong in service.toml, or nobody says what the script is.
    """
    base = logfinding.base_of(word)
    if not os.path.isdir(base):
        return None
    logfinding.checked_settings_of(base)
    words = logfinding.words_of(base)
    if words:
        return words, from_log(logfinding.find(word), stamp.of(b"".join(words[:1]), zone))
    if logfinding.is_log(logfinding.place(word)):
        return None
    raise Fatal(f"unable to find a script of {strerr.name(word)} in service.toml or log/run")


def from_log(path: bytes, stamped: "stamp.Stamp") -> "Iterator[bytes]":
    """Read a log's lines, stamped as the script would.

    Raises:
        Fatal: it cannot be read.
    """
    with looking(path) as files:
        reader = Logreader(files, 0, zone, lambda text, exc: strerr.warn(PROG, text, exc))
        for _, _, label, text in reader.entries(Window()):
            yield stamped(moment(label)) + text


def from_stdin(words: list[bytes]) -> "Iterator[bytes]":
    """Read lines, and stamp them as the script would, now or as they were before."""
    stamped = stamp.of(b"".join(words[:1]), zone)
    for line in sys.stdin.buffer:
        text = line.removesuffix(b"\n")
        if stamped is stamp.nothing:
            yield text
        elif is_labelled(text):
            yield stamped(moment(text[: LABEL_BYTES - 1])) + text[LABEL_BYTES:]
        else:
            yield stamped(time.time_ns()) + text


def is_labelled(text: bytes) -> bool:
    """Say whether a line begins with a TAI64N label and a blank."""
    if text[:1] != b"@" or text[25:26] != b" ":
        return False
    try:
        bytes.fromhex(text[1:25].decode())
    except ValueError:
        return False
    return True


def moment(label: bytes) -> int:
    """Read a label; of none, now."""
    try:
        return tai.unpack(bytes.fromhex(label[1:].decode())) if label else time.time_ns()
    except ValueError:
        return time.time_ns()


def tell(words: list[bytes], lines: "Iterable[bytes]", is_quiet: bool) -> None:
    """Print what becomes of each line, then the totals, then the traps."""
    points = explain.points(words)
    seen: list[bytes] = []
    count = size = 0
    for line in lines:
        count, size = count + 1, size + len(line) + 1
        if len(seen) < LINTED:
            seen.append(line)
        verdicts = [verdict(words, point, line, len(points) > 1) for point in points]
        if not is_quiet:
            say("; ".join(verdicts) + ": " + strerr.name(line))
    for point in points:
        total(point, count, size)
    for text in lint.lint(words, seen):
        say(text)


def verdict(words: list[bytes], point: Point, line: bytes, is_named: bool) -> str:
    """Say what becomes of a line at one point of the script."""
    is_kept, number = point.count(line)
    what = ("kept" if is_kept else "dropped") + (
        f" for {show_word(point.word)}" if is_named else ""
    )
    return what + (" by no pattern" if number is None else f" by {show_word(words[number])}")


def total(point: Point, count: int, size: int) -> None:
    """Say what one point of the script kept, and what each of its patterns decided."""
    say(
        f"{show_word(point.word)}: kept {point.lines} of {count} lines, {point.size_bytes} of "
        f"{size} bytes: {explain.share(point.size_bytes, size)}"
    )
    idle = []
    for number, word in point.patterns:
        if decided := point.decided.get(number, 0):
            say(f"    {show_word(word)} decided {decided}")
        else:
            idle.append(show_word(word))
    if none := point.decided.get(None, 0):
        say(f"    no pattern matched {none}")
    if idle and count:
        say(f"    none by {' '.join(dict.fromkeys(idle))}")


def say(text: str) -> None:
    """Print one line, its bytes unchanged."""
    sys.stdout.buffer.write(os.fsencode(text) + b"\n")
