"""core.logcontrol: the table is total, and a built-in log answers as a log/run would.

Not tested here: that the logger carries the actions out (tests/test_logger*.py).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import logcontrol, service
from pysvscan.core.logcontrol import Action, State

states = st.sampled_from(State)
REOPEN = (Action.CLOSE, Action.OPEN)


def run(word: str) -> tuple[State, bytes, list[Action]]:
    """Feed letters to a log that reads; where it is, what is wanted, and what was done."""
    state, want, done = State.READING, b"u", []
    for letter in word:
        actions, state = logcontrol.step(state, ord(letter))
        want = next((logcontrol.WANTS[it] for it in actions if it in logcontrol.WANTS), want)
        done += actions
    return state, want, done


def run_classic(word: str) -> tuple[bool, bool, bytes]:
    """Feed letters to the table of a log/run that is up: has it a process, is it paused, want.

    The process dies of a TERM, INT or KILL, is started again, and d's TERM ends it.
    """
    state, paused, want = service.State.UP, False, b"u"
    wants = {"want up": b"u", "want down": b"d", "want once": b"\0"}
    for letter in word:
        events = [ord(letter)]
        while events:
            actions, state = service.step(state, events.pop(0))
            for action in actions:
                want = wants.get(action.value, want)
                if action is service.Action.PAUSED:
                    paused = True
                elif action is service.Action.UNPAUSED:
                    paused = False
                elif action.value in ("end", "INT", "TERM", "KILL"):
                    events.append(service.CHILD)
                elif action is service.Action.SCHEDULE:
                    events.append(service.TIMER)
                elif action is service.Action.START:
                    events.append(service.SPAWNED)
    return service.has_process(state), paused and service.has_process(state), want


def test_table_is_total() -> None:
    """Every state knows every letter, and no other pair is in the table."""
    expected = {(state, letter) for state in State for letter in logcontrol.LETTERS}
    assert set(logcontrol.TABLE) == expected
    assert set(logcontrol.LETTERS) < set(service.LETTERS)  # encore's do nothing to a built-in log


@given(states, st.integers(0, 255))
def test_step_ignores_other_bytes(state: State, byte: int) -> None:
    """A byte that is no letter does nothing in any state."""
    if byte not in logcontrol.LETTERS:
        assert logcontrol.step(state, byte) == ((), state)


@given(st.text(alphabet="udpchak", max_size=8))
def test_status_is_a_log_runs(word: str) -> None:
    """After the same letters svstat shows pid, paused and want as for a log/run.

    Left out: o, since C would not start a log/run again after the next t; t and i, which reach a
    stopped process only when it is continued; x, after which C's supervise leaves.
    """
    state, want, _ = run(word)
    ours = (logcontrol.is_open(state), logcontrol.is_paused(state), want)
    assert ours == run_classic(word)


@given(st.text(alphabet="udoxpchaitk", max_size=12))
def test_actions_keep_their_order(word: str) -> None:
    """Directories are opened and closed in turn; what reads is open, and the state says which."""
    state, _, done = run(word)
    is_open = is_reading = True
    for action in done:
        if action is Action.CLOSE:
            assert is_open
            is_open = False
        elif action is Action.OPEN:
            assert not is_open
            is_open = True
        elif action is Action.STOP:
            assert is_reading
            is_reading = False
        elif action is Action.GO:
            assert is_open
            assert not is_reading
            is_reading = True
        elif action is Action.ROTATE:
            assert is_open
    assert (is_open, is_reading) == (logcontrol.is_open(state), state is State.READING)


@pytest.mark.parametrize(
    ("letter", "reading", "paused", "held"),
    [
        ("a", (Action.ROTATE,), (Action.ROTATE,), ()),
        ("h", (Action.RELOAD,), (Action.RELOAD,), (Action.RELOAD,)),
        ("t", (*REOPEN, Action.ANNOUNCE), (*REOPEN, Action.ANNOUNCE), ()),
        ("i", (*REOPEN, Action.ANNOUNCE), (*REOPEN, Action.ANNOUNCE), ()),
        ("k", (*REOPEN, Action.ANNOUNCE), (*REOPEN, Action.GO, Action.ANNOUNCE), ()),
        ("x", (), (), ()),
    ],
)
def test_step_acts(
    letter: str,
    reading: tuple[Action, ...],
    paused: tuple[Action, ...],
    held: tuple[Action, ...],
) -> None:
    """What the letters do that change no want: to a log that reads, is paused, is held."""
    found = [logcontrol.step(state, ord(letter))[0] for state in State]
    assert found == [reading, paused, held]


@given(states, st.sampled_from(logcontrol.LETTERS))
def test_step_announces_all_that_svstat_shows(state: State, byte: int) -> None:
    """A new state, a want, a reopened log: the status file is written last."""
    actions, after = logcontrol.step(state, byte)
    shown = {*logcontrol.WANTS, Action.OPEN} & set(actions)
    if shown or after is not state:
        assert actions[-1] is Action.ANNOUNCE


@pytest.mark.parametrize("word", ["", "d", "p", "o", "pd", "du", "dp"])
def test_resumed_is_where_it_was(word: str) -> None:
    """The next logger of the same svscan finds in the status where the log was left."""
    state, want, _ = run(word)
    assert logcontrol.resumed(want, logcontrol.is_paused(state)) is state
