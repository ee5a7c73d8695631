"""The usual traps of multilog scripts, each in one line. Pure.

Some can be seen in the words alone; others only where lines are at hand, which then are the proof.
"""

import re

from pysvscan.core import explain, expressions, match, script, selection, stamp, wildcards
from pysvscan.core.patterns import Fnmatch, marked
from pysvscan.core.settings import what_is_wrong
from pysvscan.core.values import show_word

C_SIZE = 16777215  # C's largest
NOW_NS = 1_795_488_722_727_675_500
SAMPLES = 64  # stamps that a pattern is tried after
SAMPLE_NS = 77_777_777_777_777_777  # between two of them
BASE64_LINE = 72
BASE64 = re.compile(rb"[A-Za-z0-9+/]{1,2}")
SECRETS = {
    b"PASS": b"4711 < PASS Wx7-example\r ",
    b"AUTH": b"4711 < AUTH PLAIN AGZvbwBXeDctZXhhbXBsZQ==\r ",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pysvscan.core.stamp import Stamp

    Pattern = tuple[int, bytes]  # number of the word, and the word


def lint(words: list[bytes], lines: list[bytes]) -> list[str]:
    """Find what is probably not meant.

    Args:
        words: the script.
        lines: some that it is for, stamps included; none is fine.
    """
    patterns = [(at, word) for at, word in enumerate(marked(words)) if word[:1] in (b"+", b"-")]
    stamped = stamp.of(b"".join(words[:1]), stamp.utc)
    found = [
        *of_words(words),
        *of_stamp(patterns, stamped, words),
        *of_order(words),
        *of_chance(patterns),
        *of_stars(patterns, lines),
        *of_secrets(words, stamped(NOW_NS)),
    ]
    return [f"word {at + 1}, {show_word(words[at])}: {text}" for at, text in found] + [
        *of_points(words)
    ]


def of_words(words: list[bytes]) -> "Iterator[tuple[int, str]]":
    """Find words that multilog ignores, or takes for something else."""
    ignored = script.parse(words).ignored
    for at, word in enumerate(words):
        split = split_off(words, at)
        wrong = what_is_wrong(word, word in ignored)
        if split:
            yield at, f"{split}; a pattern with blanks stands in quotes"
        elif wrong:
            yield at, ("ignored: " if word in ignored else "") + wrong + taken_for(word)
        elif word[:1] == b"s":
            yield from of_size(at, script.scan_number(word[1:]))
        elif word[:1] == b"n" and script.scan_number(word[1:]) < script.MIN_COUNT:
            yield at, f"taken for n{script.MIN_COUNT}, the least"


def split_off(words: list[bytes], at: int) -> str:
    """Say what became of a word that was the rest of a pattern; "": it was none."""
    before = words[at - 1] if at else b""
    is_rest = before == b"*" or (before[:1] in (b"+", b"-") and words[at] == b"*")
    if not is_rest or words[at][:1] in (b"+", b"-", b".", b"/", b"="):
        return ""
    return f"looks like the rest of {show_word(before)}{taken_for(words[at])}"


def taken_for(word: bytes) -> str:
    """Say for what multilog takes a word that is not what it seems."""
    if word[:1] == b"s" and not word[1:].isdigit():
        size = max(script.scan_number(word[1:]), script.MIN_SIZE)
        return f"; taken for the size s{size}"
    if word[:1] == b"n" and not word[1:].isdigit():
        return f"; taken for the count n{max(script.scan_number(word[1:]), script.MIN_COUNT)}"
    return "; taken for e, lines to stderr" if word[:1] == b"e" and word != b"e" else ""


def of_size(at: int, size_bytes: int) -> "Iterator[tuple[int, str]]":
    """Find sizes that are not taken as they are."""
    if size_bytes < script.MIN_SIZE:
        yield at, f"taken for s{script.MIN_SIZE}, the least"
    elif size_bytes > C_SIZE:
        yield at, f"C's multilog takes at most s{C_SIZE}"


def of_stamp(
    patterns: "list[Pattern]", stamped: "Stamp", words: list[bytes]
) -> "Iterator[tuple[int, str]]":
    """Find patterns that the stamp spoils: it is a part of the line, and has bytes of its own."""
    if stamped is stamp.nothing:
        return
    letters = stamp.LETTERS[words[0][:1]]
    blanks = stamped(NOW_NS).count(b" ")
    past = "* " * blanks
    for at, word in patterns:
        rests = {after(word, stamped(NOW_NS + i * SAMPLE_NS)) for i in range(SAMPLES)}
        if rests == {None}:
            why = f"the stamp, which has {blanks} blanks," if blanks > 1 else "the stamp"
            yield (
                at,
                f"can never match: {why} is a part of the line; {past!r} at the begin passes it",
            )
        elif not selection.is_steady(word[1:], letters) and len(rests) > 1:
            yield (
                at,
                f"sees the stamp, which may have what it looks for; {past!r} at the begin "
                "passes it",
            )


def after(word: bytes, stamped: bytes) -> bytes | None:
    """Say what of a pattern is left to match after a stamp; None: no line with it matches."""
    if not isinstance(word, Fnmatch):
        return match.after(word[1:], stamped)
    return b"" if wildcards.may_begin(word[1:], stamped) else None


def of_order(words: list[bytes]) -> "Iterator[tuple[int, str]]":
    """Find patterns that never matter, whatever the lines are."""
    points = explain.points(words)
    matters = {number for point in points for number in mattering(point)}
    for at, word in enumerate(marked(words)):
        if word[:1] not in (b"+", b"-"):
            continue
        if b"\n" in word and not isinstance(word, Fnmatch):
            yield at, "can never match: no line has a newline"
        elif not any(at in dict(point.patterns) for point in points):
            yield at, "never matters: nothing is written after it"
        elif at not in matters:
            yield (
                at,
                "never matters: what it decides is so already, or is decided again by a later word",
            )


def mattering(point: explain.Point) -> set[int]:
    """Say which patterns can make a difference at a point of the script."""
    found: set[int] = set()
    is_mixed, base = False, True  # whether lines differ yet; what all are if not
    for number, word in point.patterns:
        plus, is_all = word[:1] == b"+", word[1:] == match.STAR
        if is_all:
            found = {number} if is_mixed or plus != base else found
            is_mixed, base = False, plus
        elif is_mixed or plus != base:
            found.add(number)
            is_mixed = True
    return found


def of_chance(patterns: "list[Pattern]") -> "Iterator[tuple[int, str]]":
    """Find patterns so short that lines of base64, as mails have them, match by chance."""
    for at, word in patterns:
        runs = word[1:].split(match.STAR)
        if len(runs) == 3 and not runs[0] + runs[2] and BASE64.fullmatch(runs[1]):
            chance = (1 - (63 / 64) ** BASE64_LINE) / 64 ** (len(runs[1]) - 1)
            yield at, f"matches about {chance * 100:.0f} of 100 lines of base64 by chance"


def of_stars(patterns: "list[Pattern]", lines: list[bytes]) -> "Iterator[tuple[int, str]]":
    """Find patterns whose star stopped too soon: at the first of the next byte, and for good."""
    for at, word in patterns:
        runs = word[1:].split(match.STAR)
        if len(runs) < 2 or isinstance(word, Fnmatch):
            continue
        usual = re.compile(b".*".join(re.escape(run) for run in runs), re.DOTALL)
        strict = expressions.compiled(word[1:])
        shown = [line[: selection.SHOWN_BYTES] for line in lines]
        missed = [it for it in shown if usual.fullmatch(it) and not strict.fullmatch(it)]
        if missed:
            yield (
                at,
                (
                    f"matches none of {len(missed)} lines that look like it, as a star stops at "
                    f"the first byte like the one after it: {show_word(missed[0])}"
                ),
            )


def of_secrets(words: list[bytes], before: bytes) -> "Iterator[tuple[int, str]]":
    """Find patterns that keep passwords."""
    said = set()
    for point in explain.points(words):
        for command, line in SECRETS.items():
            is_kept, number = point.decide(before + line)
            if is_kept and number is not None and (number, command) not in said:
                said.add((number, command))
                yield (
                    number,
                    (
                        f"keeps what clients send after {command.decode()}: passwords, unless "
                        "[log] redact of service.toml takes them out"
                    ),
                )


def of_points(words: list[bytes]) -> "Iterator[str]":
    """Find out whether the script writes anything at all."""
    if not script.parse(words).directories:
        yield "no directory is named, as by ./main: no line is kept"
