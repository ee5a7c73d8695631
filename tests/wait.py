"""Waiting for a condition: the only place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], timeout_s: float = 30) -> Found:
    """Call the condition until it is true, and return what it returned.

    Args:
        condition: asked every few milliseconds; what it returns last is part of the failure.
        timeout_s: generous: it is reached only where the test fails.

    Raises:
        AssertionError: it was never true in all that time.
    """
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {timeout_s} s: {condition}, last {found!r}"
        time.sleep(0.005)
    return found
