"""The table that contrib/bench/supervise prints, and its verdict on each budget."""

import sys
from typing import NamedTuple

from measure import Figure

UNITS = {"ms": 1e6, "us": 1e3, "MB": 1024, "kB": 1, "x": 1, "": 1}  # of ns, ns, kB, ratios, counts


class Row(NamedTuple):
    """One figure beside its budget.

    Attributes:
        against: what ours is divided by; 0 where there is nothing to divide by.
        whose: what that is, in words.
        budget: the largest ratio allowed; 0 means that none is set.
        others: further peers' figures, in the order of the table's head.
    """

    label: str
    unit: str
    figure: Figure
    against: float
    whose: str
    budget: float = 0
    others: tuple[float | None, ...] = ()

    @property
    def ratio(self) -> float:
        """Ours, by what it is measured against."""
        return self.figure.ours / self.against if self.against else 0.0

    @property
    def verdict(self) -> str:
        """What this line proves."""
        if not self.figure.is_quiet:
            return "too noisy"
        if not self.budget:
            return ""
        return "met" if self.ratio <= self.budget else "MISSED"


def value(number: float | None, unit: str) -> str:
    """Format one number in a unit."""
    if number is None:
        return "-"
    scaled = number / UNITS[unit]
    digits = 0 if not unit or scaled >= 1000 else 1 if scaled >= 10 else 2
    return f"{scaled:.{digits}f} {unit}".rstrip()


def cells(row: Row) -> list[str]:
    """Format one line."""
    budget = f"<= {row.budget:.3g} x {row.whose}" if row.budget else f"x {row.whose}"
    return [
        row.label,
        value(row.figure.ours, row.unit),
        value(row.figure.peer, row.unit),
        f"{row.figure.same:.2f}",
        f"{row.ratio:.2f}" if row.against else "-",
        budget if row.against else "",
        row.verdict,
        *(value(other, row.unit) for other in row.others),
    ]


def show(title: str, names: list[str], rows: list[Row]) -> None:
    """Print a table; the names are ours', the peer's, and further peers'."""
    head = [title, *names[:2], "A/A", "ratio", "budget", "verdict", *names[2:]]
    lines = [head, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        left = (0, 5, 6)
        padded = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")
    sys.stdout.write("\n")
    sys.stdout.flush()


def is_missed(rows: list[Row]) -> bool:
    """Say whether a budget was missed on a quiet machine."""
    return any(row.verdict == "MISSED" for row in rows)
