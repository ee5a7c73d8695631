"""A service that writes down what happens to it: starts and signals, a line each, in ./events.

Run as `PYTHON -ISu recorder.py [LETTER...]`; it ends on the signals whose svc letters are given.
All signals are blocked and taken one at a time, so whoever sees it asleep with none pending knows
that all have been written.
"""

import os
import signal

SIGNALS = {
    signal.SIGALRM: "a",
    signal.SIGHUP: "h",
    signal.SIGTERM: "t",
    signal.SIGINT: "i",
    signal.SIGCONT: "c",
    signal.SIGQUIT: "quit",
    signal.SIGUSR1: "usr1",
    signal.SIGUSR2: "usr2",
    signal.SIGWINCH: "winch",
    signal.SIGPIPE: "pipe",
}


def main(fatal: list[str]) -> None:
    """Write down each signal, until a fatal one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    events = os.open("events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(events, b"start %d\n" % os.getpid())
    while True:
        letter = SIGNALS[signal.Signals(signal.sigwait(SIGNALS))]
        os.write(events, letter.encode() + b"\n")
        if letter in fatal:
            os._exit(0)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
