"""Bugs to plant in core/match.py and core/script.py: what somebody might well have written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One bug: in this file, this text, once, replaced by that."""

    name: str
    path: str
    old: str
    new: str


MATCH = "pysvscan/core/match.py"
SCRIPT = "pysvscan/core/script.py"

MUTANTS = (
    Mutant("star-backs-up", MATCH, 'b"[^" + re.escape(byte) + b"]*+"', 'b".*"'),
    Mutant("double-star-is-one", MATCH, r'rb"[^*]*+(?=\*)"', 'b""'),
    Mutant("dot-is-no-newline", MATCH, "re.DOTALL", "0"),
    Mutant("landmark-of-double-star", MATCH, "[run or STAR for run in runs[1:-1]]", "runs[1:-1]"),
    Mutant("rest-after-literal", MATCH, "if at == len(pattern) or", "if at < len(pattern) and"),
    Mutant("first-match-decides", SCRIPT, "in reversed(self.patterns)", "in self.patterns"),
    Mutant("long-line-seen-whole", SCRIPT, "min(end, start + room)", "end"),
    Mutant("stamp-not-seen", SCRIPT, "SHOWN_BYTES - len(stamp)", "SHOWN_BYTES"),
    Mutant("letters-in-stamps-forgotten", SCRIPT, '"@0123456789abcdef "', '"@"'),
    Mutant("rules-before-a-star-kept", SCRIPT, "base, rules = plus, []", "base = plus"),
    Mutant("alert-of-201-bytes", SCRIPT, "if len(line) > ALERT_BYTES", "if len(line) > 201"),
    Mutant("hold-1000", SCRIPT, "if len(line) < SHOWN_BYTES", "if len(line) <= 5000"),
    Mutant("last-line-twice", SCRIPT, "pipe.kept = None\n            return", "return"),
    Mutant(
        "first-line-never-empty", SCRIPT, r'landmark(rest) or b"\n"', r'landmark(rest) or b"\n\n"'
    ),
    Mutant("size-wraps-not", SCRIPT, "% 2**64", "% 2**65"),
    Mutant("decided-for-good", SCRIPT, "(start in odd) == (plus is base)", "start not in odd"),
    Mutant("removed-line-end", SCRIPT, "odd[start] = end + 1", "odd[start] = end"),
)
