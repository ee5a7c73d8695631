"""Waiting for a condition: the only place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], timeout_s: float = 60) -> Found:
    """Call the condition until it is true, and return what it returned.

    Args:
        condition: asked every few milliseconds, after a while every 20; what it returns last is
            part of the failure.
        timeout_s: generous: it is reached only where the test fails.

    Raises:
        AssertionError: it was never true in all that time.
    """
    begin = time.monotonic()
    end = begin + timeout_s
    while not (found := condition()):
        now = time.monotonic()
        assert now < end, f"not within {timeout_s} s: {condition}, last {found!r}"
        time.sleep(min(0.02, 0.002 + (now - begin) / 10))
    return found
