"""What a multilog hears while it works: TERM, ALRM, the end of a processor, and input.

A signal turns a descriptor readable, so that one that comes just before a wait ends it.
"""

import os
import select
import time
from _signal import (
    SIG_IGN,
    SIG_UNBLOCK,
    SIGALRM,
    SIGCHLD,
    SIGTERM,
    SIGXFSZ,
    pthread_sigmask,
    set_wakeup_fd,
    signal,
)

HEARD = (SIGTERM, SIGALRM, SIGCHLD)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Hearing:
    """Signals, and descriptor 0.

    Attributes:
        term_ns: when TERM came (monotonic); 0 means it did not.
        is_alarmed: ALRM came, and nobody has taken it back.
    """

    def __init__(self) -> None:
        self.term_ns = 0
        self.is_alarmed = False
        self.wake_fd = listen(self.hear)
        self.wake_poll = select.poll()
        self.wake_poll.register(self.wake_fd, select.POLLIN)
        self.input_poll = select.poll()
        self.input_poll.register(self.wake_fd, select.POLLIN)
        self.input_poll.register(0, select.POLLIN)

    def hear(self, number: int, _frame: "FrameType | None") -> None:
        """Note a signal."""
        if number == SIGTERM:
            self.term_ns = self.term_ns or time.monotonic_ns()
        elif number == SIGALRM:
            self.is_alarmed = True

    def is_called(self) -> bool:
        """Say whether a signal asks for something."""
        return self.is_alarmed or bool(self.term_ns)

    def may_read(self) -> bool:
        """Wait for input; a signal goes before what came with it."""
        return self.wait_for_input(None) and not self.is_called()

    def wait_for_input(self, until_ns: int | None) -> bool:
        """Wait for input, a signal or a moment (monotonic); says whether there is input."""
        return self.wait(self.input_poll, until_ns)

    def wait_for_signal(self, until_ns: int | None) -> None:
        """Wait for a signal or a moment (monotonic)."""
        self.wait(self.wake_poll, until_ns)

    def wait(self, poll: select.poll, until_ns: int | None) -> bool:
        """Wait; says whether there is input."""
        timeout_ms = None
        if until_ns is not None:
            timeout_ms = max(0, -(-(until_ns - time.monotonic_ns()) // 1_000_000))
        ready = [fd for fd, _ in poll.poll(timeout_ms)]
        if self.wake_fd in ready:
            os.read(self.wake_fd, 4096)
        return 0 in ready


def listen(hear: "Callable[[int, FrameType | None], None]") -> int:
    """Hear signals; the descriptor returned turns readable with each."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in HEARD:
        signal(number, hear)
    pthread_sigmask(SIG_UNBLOCK, HEARD)  # whoever started us may have blocked them
    signal(SIGXFSZ, SIG_IGN)  # a file-size limit is a write error like others
    return reading
