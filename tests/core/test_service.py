"""core.service: the table is total, and says what C's supervise does.

Not tested here: that the shell carries the actions out (tests/test_supervise.py), and that C does
the same (tests/oracle/test_supervise.py).
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvscan.core import service
from pysvscan.core.service import Action, State

ALIVE = (State.UP, State.ENDING, State.LAST)
SIGNALS = {"h": "HUP", "a": "ALRM", "i": "INT", "t": "TERM", "k": "KILL"}
SIGNALS |= {"q": "QUIT", "1": "USR1", "2": "USR2", "w": "WINCH"}
events = st.sampled_from(service.EVENTS)
states = st.sampled_from(State)


def run(state: State, word: str) -> State:
    """Feed letters; C, T, S, F, B, G, O, I, N stand for CHILD, TIMER, and so on."""
    special = {
        "C": service.CHILD,
        "T": service.TIMER,
        "S": service.SPAWNED,
        "F": service.SPAWN_FAILED,
        "B": service.BEGIN,
        "G": service.GIVE_UP,
        "O": service.OVERDUE,
        "I": service.FINISHING,
        "N": service.FINISHED,
    }
    for letter in word:
        state = service.step(state, special.get(letter, ord(letter)))[1]
    return state


def test_table_is_total() -> None:
    """Every state knows every event, and no other pair is in the table."""
    assert set(service.TABLE) == {(state, event) for state in State for event in service.EVENTS}


@given(states, st.integers(0, 255))
def test_step_ignores_other_bytes(state: State, byte: int) -> None:
    """A byte that is no letter does nothing in any state."""
    if byte not in service.LETTERS:
        assert service.step(state, byte) == ((), state)


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [
        pytest.param(State.DOWN, "uTS", State.UP, id="u starts"),
        pytest.param(State.DOWN, "oTS", State.ENDING, id="o starts, once"),
        pytest.param(State.UP, "CTS", State.UP, id="a death is followed by a start"),
        pytest.param(State.UP, "dC", State.DOWN, id="d, then down"),
        pytest.param(State.UP, "oC", State.DOWN, id="o, no restart"),
        pytest.param(State.UP, "douC", State.WAIT, id="the last of d, o, u counts"),
        pytest.param(State.UP, "xC", State.GONE, id="x leaves with the process"),
        pytest.param(State.UP, "xuC", State.GONE, id="u does not take x back"),
        pytest.param(State.DOWN, "x", State.GONE, id="x while down leaves at once"),
        pytest.param(State.WAIT, "x", State.GONE, id="x while it waits leaves at once"),
        pytest.param(State.DOWN, "oxT", State.GONE, id="x before the start of o"),
        pytest.param(State.WAIT, "d", State.DOWN, id="d while it waits: no start"),
        pytest.param(State.WAIT, "oTSC", State.DOWN, id="o while it waits: once"),
        pytest.param(State.ONCE, "uTSC", State.WAIT, id="u while once waits: kept up"),
        pytest.param(State.WAIT, "TF", State.WAIT, id="a failed start is tried again"),
        pytest.param(State.UP, "F", State.WAIT, id="no ./run: tried again"),
        pytest.param(State.ENDING, "F", State.DOWN, id="no ./run, not wanted: down"),
        pytest.param(State.LAST, "F", State.GONE, id="no ./run, x: gone"),
        pytest.param(State.DOWN, "BTS", State.UP, id="it begins"),
        pytest.param(State.UP, "BTS", State.UP, id="it was there already"),
        pytest.param(State.UP, "GC", State.DOWN, id="given up at its death"),
        pytest.param(State.UP, "GF", State.DOWN, id="given up, no ./run"),
        pytest.param(State.DOWN, "G", State.DOWN, id="given up before we came"),
        pytest.param(State.DOWN, "GuTS", State.UP, id="u starts what was given up"),
        pytest.param(State.LAST, "GC", State.GONE, id="given up, and x"),
        pytest.param(State.UP, "I", State.FINISH, id="finish after a death"),
        pytest.param(State.UP, "INTS", State.UP, id="finish, then a start"),
        pytest.param(State.UP, "dIN", State.DOWN, id="d, finish, then down"),
        pytest.param(State.UP, "IdN", State.DOWN, id="d during finish"),
        pytest.param(State.UP, "dIuN", State.WAIT, id="u during finish"),
        pytest.param(State.UP, "dIoNTSC", State.DOWN, id="o during finish: once"),
        pytest.param(State.UP, "oIN", State.DOWN, id="once, finish, down"),
        pytest.param(State.UP, "xIN", State.GONE, id="x, finish, gone"),
        pytest.param(State.UP, "IxuN", State.GONE, id="x during finish; u does not take it back"),
        pytest.param(State.UP, "IpchaitkCTSFOIN", State.WAIT, id="finish hears of no process"),
        pytest.param(State.DOWN, "IN", State.DOWN, id="a finish of nobody"),
        pytest.param(State.UP, "O", State.UP, id="overdue, but wanted up again"),
        pytest.param(State.ENDING, "OC", State.DOWN, id="overdue"),
        pytest.param(State.UP, "pchaitkq12w+=", State.UP, id="signals change no state"),
    ],
)
def test_step_leads(before: State, word: str, after: State) -> None:
    """A sequence of events ends in the state that C's supervise would be in."""
    assert run(before, word) == after


@pytest.mark.parametrize("state", ALIVE)
@pytest.mark.parametrize(("letter", "name"), SIGNALS.items())
def test_step_signals_a_process(state: State, letter: str, name: str) -> None:
    """A signal letter is one signal where there is a process, and nothing announced."""
    assert service.step(state, ord(letter)) == ((Action[name],), state)


@pytest.mark.parametrize("state", [state for state in State if state not in ALIVE])
@pytest.mark.parametrize("letter", SIGNALS)
def test_step_signals_nobody(state: State, letter: str) -> None:
    """A signal letter does nothing where there is no process."""
    assert service.step(state, ord(letter)) == ((), state)


@pytest.mark.parametrize("state", [state for state in State if state is not State.GONE])
@pytest.mark.parametrize(("letter", "whom"), [("+", Action.TO_GROUP), ("=", Action.TO_PROCESS)])
def test_step_says_whom_the_next_signals_are_for(state: State, letter: str, whom: Action) -> None:
    """`+` and `=` are heard in every state: what follows may start the process."""
    assert service.step(state, ord(letter)) == ((whom,), state)


@pytest.mark.parametrize("state", ALIVE)
def test_step_d_terminates_and_continues(state: State) -> None:
    """`d` sends TERM, then CONT so that a stopped process gets it, and is not paused any more."""
    actions, after = service.step(state, ord("d"))
    assert actions == (
        Action.WANT_DOWN,
        Action.END,
        Action.CONT,
        Action.UNPAUSED,
        Action.ANNOUNCE,
    )
    assert after is (State.LAST if state is State.LAST else State.ENDING)


@given(states, events)
def test_step_starts_only_at_timer(state: State, event: int) -> None:
    """START is an answer to TIMER alone: the second since the last start is always waited for."""
    actions, _ = service.step(state, event)
    if Action.START in actions:
        assert event == service.TIMER
        assert state in (State.WAIT, State.ONCE)


@given(st.lists(events))
def test_step_never_starts_a_second_process(word: list[int]) -> None:
    """Whatever comes, START happens only where there is no process."""
    state = State.DOWN
    for event in word:
        actions, after = service.step(state, event)
        if Action.START in actions:
            assert not service.has_process(state)
        state = after


@given(states, events)
def test_step_leaves_exactly_into_gone(state: State, event: int) -> None:
    """LEAVE and GONE come together, and nothing leads out of GONE."""
    actions, after = service.step(state, event)
    entered = after is State.GONE and state is not State.GONE
    assert (Action.LEAVE in actions) == entered
    if state is State.GONE:
        assert (actions, after) == ((), State.GONE)


@given(states, events)
def test_step_forgets_the_timer_where_nothing_waits(state: State, event: int) -> None:
    """Who leaves WAIT or ONCE without a start unschedules it."""
    actions, after = service.step(state, event)
    waits = (State.WAIT, State.ONCE)
    if state in waits and after not in waits and not service.has_process(after):
        assert Action.UNSCHEDULE in actions


def test_step_begins_afresh_where_there_is_no_process() -> None:
    """`u` of what runs is no reason to forget how it fared: it may die young again."""
    afresh = [
        state for (state, _), (actions, _) in service.TABLE.items() if Action.AFRESH in actions
    ]
    assert not any(service.has_process(state) for state in afresh)


@pytest.mark.parametrize("state", State)
def test_step_ends_now_who_was_asked_to_end(state: State) -> None:
    """Overdue: killed; but not who is wanted up again, nor where there is nothing to kill."""
    is_asked = state in (State.ENDING, State.LAST, *service.FINISHING_STATES)
    assert service.step(state, service.OVERDUE) == ((Action.END_NOW,) * is_asked, state)


def test_finishing_once_was_once() -> None:
    """A ./finish that was found alive is followed by a start only if one is wanted."""
    found = [service.finishing(want) for want in (b"u", b"d", b"\0")]
    assert found == [State.FINISH, State.FINISH_DOWN, State.FINISH_DOWN]


@pytest.mark.parametrize(
    ("want", "state"), [(b"u", State.UP), (b"d", State.ENDING), (b"\0", State.ENDING)]
)
def test_adopted_is_kept_up_if_wanted(want: bytes, state: State) -> None:
    """A process that was found alive is restarted after its death only if it is wanted up."""
    assert service.adopted(want) is state


def test_has_process_names_three_states() -> None:
    """A service has a process in UP, ENDING and LAST."""
    assert tuple(state for state in State if service.has_process(state)) == ALIVE


def test_diagram_is_the_one_in_contrib() -> None:
    """The picture beside the table is drawn from the table; `contrib/diagram` draws it anew."""
    drawn = Path(__file__).parents[2] / "contrib" / "service.mmd"
    assert drawn.read_text() == service.diagram()
