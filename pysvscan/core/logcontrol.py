"""What a letter at SERVICE/log/supervise/control does to a built-in log. Pure; every rule is here.

The built-in logger is one process for many logs: no letter is a signal to it, each does to its own
log what it would have done to a `log/run`. A log that is HELD is as a multilog that is down: the
service's pipe fills, and its directories are free for others. PAUSED is as stopped by STOP: nothing
is read, all stays open. Nothing is ever started again, so once is up.

Not here: what must happen where no letter came (start, end, trouble with a directory). The status
record follows from the state (is_open, is_paused) and from the last WANT action.

Source: core/service.py, whose rows for a service with and without a process these follow.
"""

from enum import Enum


class State(Enum):
    """Where a built-in log is."""

    READING = "reading"
    PAUSED = "paused"  # reads no more; its directories stay open
    HELD = "held"  # reads no more; its directories are closed


class Action(Enum):
    """What the logger does; in the order of a row."""

    WANT_UP = "want up"
    WANT_DOWN = "want down"
    WANT_ONCE = "want once"
    STOP = "stop"  # read no more
    GO = "go"  # read again
    CLOSE = "close"  # write out what was read, close the directories
    OPEN = "open"  # open them; "since when" of the status is now
    ROTATE = "rotate"
    RELOAD = "reload"  # read [log] again
    ANNOUNCE = "announce"  # the status file


LETTERS = b"udoxpchaitk"

A = Action
S = State
Row = tuple[tuple[Action, ...], State]

TABLE: dict[tuple[State, int], Row] = {
    # reading
    (S.READING, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.READING),
    (S.READING, ord("d")): ((A.WANT_DOWN, A.STOP, A.CLOSE, A.ANNOUNCE), S.HELD),
    (S.READING, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.READING),
    (S.READING, ord("x")): ((), S.READING),
    (S.READING, ord("p")): ((A.STOP, A.ANNOUNCE), S.PAUSED),
    (S.READING, ord("c")): ((A.ANNOUNCE,), S.READING),
    (S.READING, ord("h")): ((A.RELOAD,), S.READING),
    (S.READING, ord("a")): ((A.ROTATE,), S.READING),
    (S.READING, ord("i")): ((A.CLOSE, A.OPEN, A.ANNOUNCE), S.READING),
    (S.READING, ord("t")): ((A.CLOSE, A.OPEN, A.ANNOUNCE), S.READING),
    (S.READING, ord("k")): ((A.CLOSE, A.OPEN, A.ANNOUNCE), S.READING),
    # paused: as with a stopped process u does not continue it, and what k starts anew reads
    (S.PAUSED, ord("u")): ((A.WANT_UP, A.ANNOUNCE), S.PAUSED),
    (S.PAUSED, ord("d")): ((A.WANT_DOWN, A.CLOSE, A.ANNOUNCE), S.HELD),
    (S.PAUSED, ord("o")): ((A.WANT_ONCE, A.ANNOUNCE), S.PAUSED),
    (S.PAUSED, ord("x")): ((), S.PAUSED),
    (S.PAUSED, ord("p")): ((A.ANNOUNCE,), S.PAUSED),
    (S.PAUSED, ord("c")): ((A.GO, A.ANNOUNCE), S.READING),
    (S.PAUSED, ord("h")): ((A.RELOAD,), S.PAUSED),
    (S.PAUSED, ord("a")): ((A.ROTATE,), S.PAUSED),
    (S.PAUSED, ord("i")): ((A.CLOSE, A.OPEN, A.ANNOUNCE), S.PAUSED),
    (S.PAUSED, ord("t")): ((A.CLOSE, A.OPEN, A.ANNOUNCE), S.PAUSED),
    (S.PAUSED, ord("k")): ((A.CLOSE, A.OPEN, A.GO, A.ANNOUNCE), S.READING),
    # held: nobody is there for a signal
    (S.HELD, ord("u")): ((A.WANT_UP, A.OPEN, A.GO, A.ANNOUNCE), S.READING),
    (S.HELD, ord("d")): ((A.WANT_DOWN, A.ANNOUNCE), S.HELD),
    (S.HELD, ord("o")): ((A.WANT_ONCE, A.OPEN, A.GO, A.ANNOUNCE), S.READING),
    (S.HELD, ord("x")): ((), S.HELD),
    (S.HELD, ord("p")): ((A.ANNOUNCE,), S.HELD),
    (S.HELD, ord("c")): ((A.ANNOUNCE,), S.HELD),
    (S.HELD, ord("h")): ((A.RELOAD,), S.HELD),
    (S.HELD, ord("a")): ((), S.HELD),
    (S.HELD, ord("i")): ((), S.HELD),
    (S.HELD, ord("t")): ((), S.HELD),
    (S.HELD, ord("k")): ((), S.HELD),
}

WANTS = {A.WANT_UP: b"u", A.WANT_DOWN: b"d", A.WANT_ONCE: b"\0"}


def step(state: State, byte: int) -> Row:
    """Look up what a control byte does; one that is no letter does nothing.

    Returns:
        The actions, to be carried out in order, and the next state.
    """
    return TABLE.get((state, byte), ((), state))


def resumed(want: bytes, paused: bool) -> State:
    """Say where a log is whose last logger left this in the status, in the same life of svscan."""
    if want == b"d":
        return State.HELD
    return State.PAUSED if paused else State.READING


def is_open(state: State) -> bool:
    """Say whether the directories are open: the status then shows the logger's pid, else 0."""
    return state is not State.HELD


def is_paused(state: State) -> bool:
    """Say whether the status shows the log as paused."""
    return state is State.PAUSED
