"""The numbers of softlimit. What limits do is in tests/oracle/test_softlimit.py."""

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.limits import WORD, NumberError, clamped, number

LIMITS = st.integers(0, WORD - 1)


@given(st.integers(0, 10**50))
def test_number_wraps_around(value: int) -> None:
    """Digits are read modulo a machine word, with any number of zeros before them."""
    assert number(b"%d" % value) == number(b"00%d" % value) == value % WORD


@given(st.binary(max_size=8))
def test_number_takes_any_bytes(word: bytes) -> None:
    """Any bytes are a number or a NumberError."""
    if word in (b"=", b"-") or not word.strip(b"0123456789"):
        assert 0 <= number(word) < WORD
    else:
        with pytest.raises(NumberError):
            number(word)


@given(wanted=LIMITS, hard=LIMITS)
def test_clamped_is_what_setrlimit_takes(wanted: int, hard: int) -> None:
    """Never above the hard limit, and a number that Python takes for a limit of a process."""
    as_python = hard - WORD if hard >= WORD // 2 else hard
    soft = clamped(wanted, as_python)
    assert soft % WORD == min(wanted, hard)
    core = resource.getrlimit(resource.RLIMIT_CORE)
    if core[1] == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, core[1]))
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] % WORD == min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_CORE, core)
