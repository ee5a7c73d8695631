"""Bugs to plant in match, selection, script and stamp of core: what somebody might well write."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One bug: in this file, this text, once, replaced by that."""

    name: str
    path: str
    old: str
    new: str


MATCH = "pysvscan/core/match.py"
EXPRESSIONS = "pysvscan/core/expressions.py"
SCRIPT = "pysvscan/core/script.py"
SELECTION = "pysvscan/core/selection.py"
STAMP = "pysvscan/core/stamp.py"

MUTANTS = (
    Mutant("star-backs-up", EXPRESSIONS, 'b"[^" + byte + b"]*+"', 'b".*"'),
    Mutant("double-star-is-one", EXPRESSIONS, r'rb"[^*]*+(?=\*)"', 'b""'),
    Mutant("dot-is-no-newline", EXPRESSIONS, "(pattern), re.DOTALL", "(pattern)"),
    Mutant("landmark-of-double-star", MATCH, "[run or STAR for run in runs[1:-1]]", "runs[1:-1]"),
    Mutant("rest-after-literal", MATCH, "if at == len(pattern) or", "if at < len(pattern) and"),
    Mutant("first-match-decides", SELECTION, "in reversed(self.words)", "in self.words"),
    Mutant("long-line-seen-whole", SELECTION, "min(stop, begin + room)", "stop"),
    Mutant(
        "stamp-not-seen",
        SELECTION,
        "base, rules, SHOWN_BYTES - len(stamp))\n        text",
        "base, rules, SHOWN_BYTES)\n        text",
    ),
    Mutant("letters-in-stamps-forgotten", STAMP, '"@0123456789abcdef "', '"@"'),
    Mutant("rules-before-a-star-kept", SELECTION, "base, rules = plus, []", "base = plus"),
    Mutant("stamp-of-the-line-before", SELECTION, '(data.count(b"\\n", 0, start) - 1)', "0"),
    Mutant("last-is-first", SELECTION, "spans[-1][1]", "spans[0][1]"),
    Mutant("alert-of-201-bytes", SCRIPT, "if len(line) > ALERT_BYTES", "if len(line) > 201"),
    Mutant("hold-1000", SCRIPT, "if len(line) < SHOWN_BYTES", "if len(line) <= 5000"),
    Mutant("last-line-twice", SCRIPT, "pipe.kept = None\n        elif", "pass\n        elif"),
    Mutant(
        "first-line-never-empty",
        SELECTION,
        r'landmark(rest) or b"\n"',
        r'landmark(rest) or b"\n\n"',
    ),
    Mutant("size-wraps-not", SCRIPT, "% 2**64", "% 2**65"),
    Mutant("decided-for-good", SELECTION, "(begin in odd) == (plus is base)", "begin not in odd"),
    Mutant("removed-line-end", SELECTION, "odd[begin] = stop + 1", "odd[begin] = stop"),
)
