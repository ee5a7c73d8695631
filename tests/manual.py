"""A manual page, read for the tests: its sections, its options, and its examples as steps.

In an example, `$ ` and `# ` (needs root) begin a command, and what follows is its output. `$ cat
FILE`, where there is none, writes it instead: so a page shows a file, and the next step has it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

MAN = Path(__file__).parents[1] / "contrib/man"
PAGES = sorted(MAN.iterdir())
ESCAPES = {
    r"\-": "-",
    r"\e": "\\",
    r"\&": "",
    r"\(aq": "'",
    r"\(ga": "`",
    r"\(ha": "^",
    r"\(ti": "~",
}


@dataclass
class Step:
    """A command of an example, what it prints, and whether only root can run it."""

    command: str
    output: str
    is_roots: bool


def section(text: str, name: str) -> str:
    """Give the source of one section."""
    _, found, rest = text.partition(f"\n.Sh {name}\n")
    return rest.partition("\n.Sh ")[0] if found else ""


def unescape(line: str) -> str:
    """Give a literal line as it is shown."""
    return re.sub(r"\\\(..|\\.", lambda found: ESCAPES[found[0]], line)


def examples(text: str) -> list[str]:
    """Give the literal blocks of a page's examples."""
    found = re.findall(
        r"^\.Bd .*\n((?:.*\n)*?)\.Ed", section(text, "EXAMPLES") + "\n", re.MULTILINE
    )
    return [unescape(block) for block in found]


def steps(text: str) -> list[Step]:
    """Give the commands of a page's examples, in order."""
    found: list[Step] = []
    for block in examples(text):
        if block[:2] in ("$ ", "# "):
            for part in re.split(r"^(?=[$#] )", block, flags=re.MULTILINE)[1:]:
                command, _, output = part[2:].partition("\n")
                found.append(Step(command, output, part[0] == "#"))
    return found


def options(text: str) -> set[str]:
    """Name the options that a page describes one by one."""
    return set(re.findall(r"^\.It Fl (\S+)", text.replace(r"\-", "-"), re.MULTILINE))


def references(text: str) -> set[str]:
    """Name the pages that a page refers to, as `svc.8`."""
    return {".".join(found) for found in re.findall(r"^\.Xr (\S+) (\d)", text, re.MULTILINE)}
