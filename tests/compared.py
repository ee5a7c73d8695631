"""The count of what was compared with C's programs, over all processes of a test run."""

from collections import Counter
from typing import Any

import pytest

COMPARED: Counter[str] = Counter()


def count(label: str, cases: int = 1) -> None:
    """Note that cases were compared; the label is what the summary prints it under."""
    COMPARED[label] += cases


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have a process of pytest-xdist hand over what it has counted."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["compared"] = dict(COMPARED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a process of pytest-xdist has counted; one that crashed has said nothing."""
    COMPARED.update(getattr(node, "workeroutput", {}).get("compared", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases were compared."""
    if not COMPARED:
        return
    terminalreporter.section("compared with C")
    for label, cases in sorted(COMPARED.items()):
        terminalreporter.write_line(f"{cases:8} {label}")
