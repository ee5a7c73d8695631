"""Where we do not do as daemontools 0.76 does, because it is defective there.

Each entry has a test marked `@pytest.mark.deviation(NAME)`, which shows both sides;
test_deviations.py sees to that. The README's table says the same to users. Append yours.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """One difference.

    Attributes:
        name: `command-subject`, as tests and README call it.
        what: C does this, we do that.
        why: what C's way costs its users.
        source: where C does it.
    """

    name: str
    what: str
    why: str
    source: str


DEVIATIONS = (
    Deviation(
        name="tai64nlocal-bad-label",
        what="an @ without 24 hex digits, or with a year that no calendar has, is copied as it is; "
        "C dies of SIGSEGV",
        why="one line that begins with @ lost the rest of the log, and what was buffered",
        source="tai64nlocal.c main(): localtime() may return 0",
    ),
    Deviation(
        name="tai64n-one-stamp",
        what="lines of one read (64 kB) share a label; C takes the clock for each line",
        why="ten times the speed; the lines were there at the same moment",
        source="tai64n.c main(): timestamp() per line",
    ),
    Deviation(
        name="svstat-read-error",
        what="a supervise/status that opens and cannot be read is named, with the error; "
        "C describes the service looked at before, or zeros",
        why="a wrong answer instead of an error",
        source="svstat.c doit(): read() < sizeof status, compared unsigned",
    ),
    Deviation(
        name="envdir-dangling",
        what="a link to nothing unsets its variable; C sets it to the raw text of the file before",
        why="a value that depends on the order of the directory",
        source="envdir.c: openreadclose() returns 0 and leaves its buffer as it was",
    ),
    Deviation(
        name="stdin-directory",
        what="a command whose standard input is a directory exits 1; C's fails only where it reads",
        why="the interpreter refuses it, before any line of ours",
        source="Python/pylifecycle.c init_sys_streams()",
    ),
    Deviation(
        name="environment-oddities",
        what="a child does not get environment entries without name or =, nor a name's second one; "
        "C hands them on",
        why="Python's execve takes a dictionary; getenv never finds such entries",
        source="pathexec_env.c pathexec()",
    ),
    Deviation(
        name="environment-large",
        what="above 95 kB of environment a child gets PWD, and no names that are no identifiers",
        why="the shell that finds the interpreter hands the original over in one variable, "
        "which the kernel limits to 128 kB",
        source="pysvscan/scripts/command",
    ),
)
