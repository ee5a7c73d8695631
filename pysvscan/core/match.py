"""One multilog pattern: the star rule. Pure.

A pattern must match the whole line. A byte matches itself. A star at the end matches the rest; a
star before the byte c skips to the *first* c and never backs up, so `a*b` matches `axb` but not
`axbb`. In `**` the first star skips to a star in the line, and the second goes on from there.
Source: daemontools 0.76 match.c.
"""

STAR = b"*"
# Where two runs of a pattern are equally long, the one with the rarer first byte is looked for.
COMMON = b" etaoinsrlhdcu0123456789<>:-./"


def after(pattern: bytes, data: bytes) -> bytes | None:
    """Say what of the pattern is left to match once data, the start of a line, has been read.

    What is left is always an end of the pattern; None: no line that starts with data matches.
    """
    at = 0
    for byte in data:
        while pattern[at : at + 1] == STAR:
            if at + 1 == len(pattern):
                return STAR
            if pattern[at + 1] != byte:
                break
            at += 1
        else:
            if at == len(pattern) or pattern[at] != byte:
                return None
            at += 1
    return pattern[at:]


def matches(pattern: bytes, line: bytes) -> bool:
    """Say whether the line matches: the rule itself; expressions.compiled is the same, faster."""
    return after(pattern, line) in (b"", STAR)


def landmark(pattern: bytes) -> bytes:
    """Pick bytes that every matching line holds, to look for first; b"" if there are none."""
    runs = pattern.split(STAR)
    if len(runs) == 1:
        return pattern
    # "a**b" splits around an empty run: the first of the two stars wants a star in the line.
    runs = [run or STAR for run in runs[1:-1]] + [run for run in (runs[0], runs[-1]) if run]
    return max(runs, key=lambda run: (len(run), -COMMON.find(run[:1])), default=b"")
