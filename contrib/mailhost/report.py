"""What was claimed and what came of it: one line a check, and waiting with a limit."""

import sys
import time
from collections.abc import Callable

PATIENCE_S = 15.0  # far more than a busy machine needs
SHORT_S = 3.0  # after a failure the result stands; what waits on the same fault need not wait long


class Report:
    """The checks made so far.

    Attributes:
        patience_s: how long what should happen may take.
        failed: the claims that did not hold.
        count: how many checks there were.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.failed: list[str] = []
        self.count = 0

    def check(self, claim: str, missing: str = "") -> bool:
        """Print one check; `missing` says what is not as claimed, empty if all is."""
        self.count += 1
        if missing:
            self.failed.append(f"{claim}: {missing}")
            say(f"FAILED  {claim}: {missing}")
        else:
            say(f"ok      {claim}")
        return not missing

    def attempt(self, claim: str, action: Callable[[], str]) -> bool:
        """Check what an action returns as missing; an error of the system or of a server counts."""
        try:
            return self.check(claim, action())
        except (OSError, EOFError, RuntimeError) as exc:
            return self.check(claim, str(exc) or type(exc).__name__)

    def wait(self, condition: Callable[[], object]) -> bool:
        """Wait until the condition holds; False if it does not in time."""
        return wait_until(condition, self.limit_s())

    def limit_s(self) -> float:
        """Give the seconds that a step may take."""
        return SHORT_S if self.failed else self.patience_s

    def code(self) -> int:
        """Sum up in one line, and give the exit code."""
        if not self.failed:
            say(f"demo: {self.count} checks, all ok")
            return 0
        say(f"demo: {len(self.failed)} of {self.count} checks FAILED:")
        for line in self.failed:
            say(f"    {line}")
        return 1


def wait_until(condition: Callable[[], object], timeout_s: float) -> bool:
    """Ask until the condition holds; False after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def say(text: str) -> None:
    """Print a line at once; bytes that are no UTF-8 as they are."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.buffer.flush()
