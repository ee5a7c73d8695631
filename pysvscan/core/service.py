"""One service: (state, event) -> (actions, next state). A total table, and every rule is in it.

Everything that decides what happens to a service stands in this file: which byte does what, what a
death leads to, when supervise leaves. The shell (supervise.py) carries out the actions in the order
given, reports what came of a START as the next event, and decides nothing.

Theory of operation: a service is DOWN, or waits until it may start (WAIT, ONCE), or has a process
(UP, ENDING, LAST). Daemontools' C sleeps 1 s after each start and is deaf meanwhile; here that
second is a state, and START happens only when TIMER says that it is over. "Exit after this child"
is a state (LAST) as in s6, not a flag asked about in six places. GONE is the end: nothing leads out
of it.

Not here: what the status file says of it (want, paused) is kept by the shell on behalf of the WANT
and PAUSE actions, since no transition depends on it.

Source: daemontools 0.76 supervise.c doit(), trystart(); s6 s6-supervise.c for the form. The letters
that daemontools-encore added (`q12w+=`) do nothing in 0.76.
"""

from enum import Enum


class State(Enum):
    """Where a service is."""

    __hash__ = object.__hash__  # Enum's own is a call of Python's, 20 times in each event

    DOWN = "down"  # no process, none to come
    WAIT = "wait"  # no process; starts as soon as it may
    ONCE = "once"  # the same, and will not be restarted after that
    UP = "up"  # a process; restarted when it dies
    ENDING = "ending"  # a process; not restarted
    LAST = "last"  # a process; supervise leaves when it dies
    FINISH = "finish"  # ./finish runs after a death; then it starts again
    FINISH_ONCE = "finish, then once"
    FINISH_DOWN = "finish, then down"
    FINISH_LAST = "finish, then gone"
    GONE = "gone"  # supervise has left


class Action(Enum):
    """What the shell does; in the order of a row."""

    __hash__ = object.__hash__

    WANT_UP = "want up"
    WANT_DOWN = "want down"
    WANT_ONCE = "want once"
    PAUSED = "paused"  # for the status only: STOP and CONT are actions of their own
    UNPAUSED = "unpaused"
    SCHEDULE = "schedule"  # TIMER comes when it may start: now, or 1 s after the last start
    RETRY = "retry"  # TIMER comes after a growing delay: the start itself failed
    UNSCHEDULE = "unschedule"
    AFRESH = "afresh"  # what it went through is no reason to wait: somebody wants it now
    START = "start"  # SPAWNED or SPAWN_FAILED follows at once
    EXITED = "exited"  # the process is gone: pid 0, a new stamp
    ANNOUNCE = "announce"  # the status file
    LEAVE = "leave"  # close lock, control and ok
    END = "end"  # ask it to: TERM, or what [stop] has; OVERDUE comes if that has a timeout
    END_NOW = "end now"  # KILL, and to its whole tree if [stop] says so; or to ./finish
    ALRM = "ALRM"
    CONT = "CONT"
    HUP = "HUP"
    INT = "INT"
    KILL = "KILL"
    QUIT = "QUIT"
    STOP = "STOP"
    TERM = "TERM"
    USR1 = "USR1"
    USR2 = "USR2"
    WINCH = "WINCH"
    TO_GROUP = "to group"  # the signals that follow; until TO_PROCESS, or the control is empty
    TO_PROCESS = "to process"


# Events: a control byte is its own event; these are no bytes.
CHILD = 256  # the process died
TIMER = 257  # the scheduled moment came
SPAWNED = 258  # START worked
SPAWN_FAILED = 259  # START did not, or the process could not execute ./run
BEGIN = 260  # supervise has taken the service, and it is to be up
GIVE_UP = 261  # it has died young too often; CHILD follows if it had a process
OVERDUE = 262  # it was asked to end, and has not in the time that it has for that
FINISHING = 263  # the process died, and ./finish was started
FINISHED = 264  # ./finish has ended

LETTERS = b"udoxpchaitkq12w+="
EVENTS = (*LETTERS, CHILD, TIMER, SPAWNED, SPAWN_FAILED, BEGIN, GIVE_UP, OVERDUE)
EVENTS = (*EVENTS, FINISHING, FINISHED)

A = Action
S = State
Row = tuple[tuple[Action, ...], State]
ALIVE = (S.UP, S.ENDING, S.LAST)  # with a process
REVOCABLE = (S.FINISH, S.FINISH_ONCE, S.FINISH_DOWN)
FINISHING_STATES = (*REVOCABLE, S.FINISH_LAST)
DEAF = (*b"haitk", CHILD, TIMER, SPAWNED, SPAWN_FAILED)

# One row a line. A service that cannot be in a state when an event comes keeps its state: a late
# TIMER, or the death of a process that LEAVE already gave up, is nobody's business.
TABLE: dict[tuple[State, int], Row] = {
    # no process, none to come
    (S.DOWN, ord("u")): ((A.AFRESH, A.WANT_UP, A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    (S.DOWN, ord("d")): ((A.WANT_DOWN, A.ANNOUNCE), S.DOWN),
    (S.DOWN, ord("o")): ((A.AFRESH, A.WANT_ONCE, A.ANNOUNCE, A.SCHEDULE), S.ONCE),
    (S.DOWN, ord("x")): ((A.ANNOUNCE, A.LEAVE), S.GONE),
    (S.DOWN, ord("p")): ((A.PAUSED, A.ANNOUNCE), S.DOWN),
    (S.DOWN, ord("c")): ((A.UNPAUSED, A.ANNOUNCE), S.DOWN),
    (S.DOWN, ord("h")): ((), S.DOWN),
    (S.DOWN, ord("a")): ((), S.DOWN),
    (S.DOWN, ord("i")): ((), S.DOWN),
    (S.DOWN, ord("t")): ((), S.DOWN),
    (S.DOWN, ord("k")): ((), S.DOWN),
    (S.DOWN, CHILD): ((), S.DOWN),
    (S.DOWN, TIMER): ((), S.DOWN),
    (S.DOWN, SPAWNED): ((A.ANNOUNCE,), S.ENDING),
    (S.DOWN, SPAWN_FAILED): ((), S.DOWN),
    # waits to start, and to be kept up
    (S.WAIT, ord("u")): ((A.AFRESH, A.WANT_UP, A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    (S.WAIT, ord("d")): ((A.WANT_DOWN, A.UNSCHEDULE, A.ANNOUNCE), S.DOWN),
    (S.WAIT, ord("o")): ((A.AFRESH, A.WANT_ONCE, A.ANNOUNCE, A.SCHEDULE), S.ONCE),
    (S.WAIT, ord("x")): ((A.UNSCHEDULE, A.ANNOUNCE, A.LEAVE), S.GONE),
    (S.WAIT, ord("p")): ((A.PAUSED, A.ANNOUNCE), S.WAIT),
    (S.WAIT, ord("c")): ((A.UNPAUSED, A.ANNOUNCE), S.WAIT),
    (S.WAIT, ord("h")): ((), S.WAIT),
    (S.WAIT, ord("a")): ((), S.WAIT),
    (S.WAIT, ord("i")): ((), S.WAIT),
    (S.WAIT, ord("t")): ((), S.WAIT),
    (S.WAIT, ord("k")): ((), S.WAIT),
    (S.WAIT, CHILD): ((), S.WAIT),
    (S.WAIT, TIMER): ((A.START,), S.WAIT),
    (S.WAIT, SPAWNED): ((A.UNPAUSED, A.ANNOUNCE), S.UP),
    (S.WAIT, SPAWN_FAILED): ((A.ANNOUNCE, A.RETRY), S.WAIT),
    # waits to start once
    (S.ONCE, ord("u")): ((A.AFRESH, A.WANT_UP, A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    (S.ONCE, ord("d")): ((A.WANT_DOWN, A.UNSCHEDULE, A.ANNOUNCE), S.DOWN),
    (S.ONCE, ord("o")): ((A.AFRESH, A.WANT_ONCE, A.ANNOUNCE, A.SCHEDULE), S.ONCE),
    (S.ONCE, ord("x")): ((A.UNSCHEDULE, A.ANNOUNCE, A.LEAVE), S.GONE),
    (S.ONCE, ord("p")): ((A.PAUSED, A.ANNOUNCE), S.ONCE),
    (S.ONCE, ord("c")): ((A.UNPAUSED, A.ANNOUNCE), S.ONCE),
    (S.ONCE, ord("h")): ((), S.ONCE),
    (S.ONCE, ord("a")): ((), S.ONCE),
    (S.ONCE, ord("i")): ((), S.ONCE),
    (S.ONCE, ord("t")): ((), S.ONCE),
    (S.ONCE, ord("k")): ((), S.ONCE),
    (S.ONCE, CHILD): ((), S.ONCE),
    (S.ONCE, TIMER): ((A.START,), S.ONCE),
    (S.ONCE, SPAWNED): ((A.UNPAUSED, A.ANNOUNCE), S.ENDING),
    (S.ONCE, SPAWN_FAILED): ((A.ANNOUNCE, A.RETRY), S.ONCE),
    # a process, kept up
    (S.UP, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.UP),
    (S.UP, ord("d")): ((A.WANT_DOWN, A.END, A.CONT, A.UNPAUSED, A.ANNOUNCE), S.ENDING),
    (S.UP, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.ENDING),
    (S.UP, ord("x")): ((A.ANNOUNCE,), S.LAST),
    (S.UP, ord("p")): ((A.PAUSED, A.ANNOUNCE, A.STOP), S.UP),
    (S.UP, ord("c")): ((A.UNPAUSED, A.ANNOUNCE, A.CONT), S.UP),
    (S.UP, ord("h")): ((A.HUP,), S.UP),
    (S.UP, ord("a")): ((A.ALRM,), S.UP),
    (S.UP, ord("i")): ((A.INT,), S.UP),
    (S.UP, ord("t")): ((A.TERM,), S.UP),
    (S.UP, ord("k")): ((A.KILL,), S.UP),
    (S.UP, CHILD): ((A.EXITED, A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    (S.UP, TIMER): ((), S.UP),
    (S.UP, SPAWNED): ((), S.UP),
    (S.UP, SPAWN_FAILED): ((A.EXITED, A.ANNOUNCE, A.RETRY), S.WAIT),
    # a process, not kept up: wanted down, or once
    (S.ENDING, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.UP),
    (S.ENDING, ord("d")): ((A.WANT_DOWN, A.END, A.CONT, A.UNPAUSED, A.ANNOUNCE), S.ENDING),
    (S.ENDING, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.ENDING),
    (S.ENDING, ord("x")): ((A.ANNOUNCE,), S.LAST),
    (S.ENDING, ord("p")): ((A.PAUSED, A.ANNOUNCE, A.STOP), S.ENDING),
    (S.ENDING, ord("c")): ((A.UNPAUSED, A.ANNOUNCE, A.CONT), S.ENDING),
    (S.ENDING, ord("h")): ((A.HUP,), S.ENDING),
    (S.ENDING, ord("a")): ((A.ALRM,), S.ENDING),
    (S.ENDING, ord("i")): ((A.INT,), S.ENDING),
    (S.ENDING, ord("t")): ((A.TERM,), S.ENDING),
    (S.ENDING, ord("k")): ((A.KILL,), S.ENDING),
    (S.ENDING, CHILD): ((A.EXITED, A.ANNOUNCE), S.DOWN),
    (S.ENDING, TIMER): ((), S.ENDING),
    (S.ENDING, SPAWNED): ((), S.ENDING),
    (S.ENDING, SPAWN_FAILED): ((A.EXITED, A.ANNOUNCE), S.DOWN),
    # a process, and supervise leaves with it; no byte takes that back
    (S.LAST, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.LAST),
    (S.LAST, ord("d")): ((A.WANT_DOWN, A.END, A.CONT, A.UNPAUSED, A.ANNOUNCE), S.LAST),
    (S.LAST, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.LAST),
    (S.LAST, ord("x")): ((A.ANNOUNCE,), S.LAST),
    (S.LAST, ord("p")): ((A.PAUSED, A.ANNOUNCE, A.STOP), S.LAST),
    (S.LAST, ord("c")): ((A.UNPAUSED, A.ANNOUNCE, A.CONT), S.LAST),
    (S.LAST, ord("h")): ((A.HUP,), S.LAST),
    (S.LAST, ord("a")): ((A.ALRM,), S.LAST),
    (S.LAST, ord("i")): ((A.INT,), S.LAST),
    (S.LAST, ord("t")): ((A.TERM,), S.LAST),
    (S.LAST, ord("k")): ((A.KILL,), S.LAST),
    (S.LAST, CHILD): ((A.EXITED, A.ANNOUNCE, A.LEAVE), S.GONE),
    (S.LAST, TIMER): ((), S.LAST),
    (S.LAST, SPAWNED): ((), S.LAST),
    (S.LAST, SPAWN_FAILED): ((A.EXITED, A.ANNOUNCE, A.LEAVE), S.GONE),
    # what daemontools-encore adds: no state differs, but that there is a process or none
    **{(state, ord("q")): ((A.QUIT,) * (state in ALIVE), state) for state in S},
    **{(state, ord("1")): ((A.USR1,) * (state in ALIVE), state) for state in S},
    **{(state, ord("2")): ((A.USR2,) * (state in ALIVE), state) for state in S},
    **{(state, ord("w")): ((A.WINCH,) * (state in ALIVE), state) for state in S},
    **{(state, ord("+")): ((A.TO_GROUP,), state) for state in S},
    **{(state, ord("=")): ((A.TO_PROCESS,), state) for state in S},
    # it is taken, and begins by itself; unless something came before
    **{(state, BEGIN): ((), state) for state in S},
    (S.DOWN, BEGIN): ((A.WANT_UP, A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    # it is given up: as if `d` had come just before its death, or before it was taken
    **{(state, GIVE_UP): ((), state) for state in S},
    (S.DOWN, GIVE_UP): ((A.WANT_DOWN, A.ANNOUNCE), S.DOWN),
    (S.UP, GIVE_UP): ((A.WANT_DOWN,), S.ENDING),
    # it was asked to end, and nobody has changed his mind since
    **{(state, OVERDUE): ((), state) for state in S},
    (S.ENDING, OVERDUE): ((A.END_NOW,), S.ENDING),
    (S.LAST, OVERDUE): ((A.END_NOW,), S.LAST),
    # ./finish runs: no process that a signal could be for, but commands are heard
    **{(state, FINISHING): ((), state) for state in S},
    (S.UP, FINISHING): ((A.EXITED, A.ANNOUNCE), S.FINISH),
    (S.ENDING, FINISHING): ((A.EXITED, A.ANNOUNCE), S.FINISH_DOWN),
    (S.LAST, FINISHING): ((A.EXITED, A.ANNOUNCE), S.FINISH_LAST),
    **{(state, event): ((), state) for state in FINISHING_STATES for event in DEAF},
    **{(state, ord("u")): ((A.AFRESH, A.WANT_UP, A.ANNOUNCE), S.FINISH) for state in REVOCABLE},
    **{
        (state, ord("o")): ((A.AFRESH, A.WANT_ONCE, A.ANNOUNCE), S.FINISH_ONCE)
        for state in REVOCABLE
    },
    **{(state, ord("d")): ((A.WANT_DOWN, A.ANNOUNCE), S.FINISH_DOWN) for state in REVOCABLE},
    (S.FINISH_LAST, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.FINISH_LAST),
    (S.FINISH_LAST, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.FINISH_LAST),
    (S.FINISH_LAST, ord("d")): ((A.WANT_DOWN, A.ANNOUNCE), S.FINISH_LAST),
    **{(state, ord("x")): ((A.ANNOUNCE,), S.FINISH_LAST) for state in FINISHING_STATES},
    **{(state, ord("p")): ((A.PAUSED, A.ANNOUNCE), state) for state in FINISHING_STATES},
    **{(state, ord("c")): ((A.UNPAUSED, A.ANNOUNCE), state) for state in FINISHING_STATES},
    **{(state, OVERDUE): ((A.END_NOW,), state) for state in FINISHING_STATES},
    **{(state, FINISHED): ((), state) for state in S},
    (S.FINISH, FINISHED): ((A.ANNOUNCE, A.SCHEDULE), S.WAIT),
    (S.FINISH_ONCE, FINISHED): ((A.ANNOUNCE, A.SCHEDULE), S.ONCE),
    (S.FINISH_DOWN, FINISHED): ((A.ANNOUNCE,), S.DOWN),
    (S.FINISH_LAST, FINISHED): ((A.ANNOUNCE, A.LEAVE), S.GONE),
    # the end
    **{(S.GONE, event): ((), S.GONE) for event in EVENTS},
}

NAMES = {
    CHILD: "CHILD",
    TIMER: "TIMER",
    SPAWNED: "SPAWNED",
    SPAWN_FAILED: "SPAWN_FAILED",
    BEGIN: "BEGIN",
    GIVE_UP: "GIVE_UP",
    OVERDUE: "OVERDUE",
    FINISHING: "FINISHING",
    FINISHED: "FINISHED",
}


def step(state: State, event: int) -> Row:
    """Look up what an event does; a byte that is no letter does nothing.

    Args:
        state: where the service is.
        event: a control byte, or CHILD and what follows it above.

    Returns:
        The actions, to be carried out in order, and the next state.
    """
    return TABLE.get((state, event), ((), state))


def adopted(want: bytes) -> State:
    """Say where a service is whose process was found alive: kept up if that is wanted."""
    return State.UP if want == b"u" else State.ENDING


def finishing(want: bytes) -> State:
    """Say where a service is whose ./finish was found alive: once was once."""
    return State.FINISH if want == b"u" else State.FINISH_DOWN


def has_process(state: State) -> bool:
    """Say whether a service in this state has a process."""
    return state in ALIVE


def diagram() -> str:
    """Draw the table as a Mermaid state diagram: the events that lead to another state."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, event), (_, after) in TABLE.items():
        if after is not state:
            arrows.setdefault((state, after), []).append(NAMES.get(event) or chr(event))
    rows = [f"    {a.name} --> {b.name}: {' '.join(events)}" for (a, b), events in arrows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> DOWN", *rows, "    GONE --> [*]", ""])
