"""svscan executes itself anew: the pid stays, children stay children, descriptors and state go on.

First the new version is tried, by a process of its own, while we serve on; only what says `ok` is
executed, as it was when it was tried: see reentry.py. All signals are blocked from before the exec
until the handlers of the new image stand: one that comes meanwhile waits in the kernel. What was
read off the wakeup pipe goes with the state.

Also the way out of an exception that no boundary caught (DESIGN 4, "A new version"): the state
names what was in hand then, and the new image sets that aside.
"""

import contextlib
import errno
import functools
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import handover, strerr, trial
from pysvscan.core import restart
from pysvscan.core.handover import Scan, descriptors, pack
from pysvscan.entry import Entry
from pysvscan.loop import Callback
from pysvscan.reserve import Reserve
from pysvscan.stderr import last_frame
from pysvscan.supervise import Supervise
from pysvscan.trial import Material, Trial

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

SETTLE_NS = 1_000_000  # how often we look whether what was started last has executed
SETTLES = 1000  # so often, then we go on without knowing
ALL = signal.valid_signals()


class Reexec:
    """The way of a svscan into its next image.

    Attributes:
        trial: a new version is being tried.
        material: what is then executed.
        crashes: how often in a row an exception led here, the last time at `crashed_ns`.
    """

    def __init__(self, scan: "Svscan") -> None:
        self.scan = scan
        self.reserve = Reserve()
        self.trial: Trial | None = None
        self.material: Material | None = None
        self.crashes = scan.state.crashes if scan.state else 0
        self.crashed_ns = scan.state.crashed_ns if scan.state else 0

    # on order

    def begin(self) -> None:
        """Try the version that is installed, and execute it if it can go on; one try at a time."""
        if self.trial:
            return
        self.reserve.free()
        try:
            self.trial = self.try_it(self.tried)
        except strerr.Fatal as exc:
            self.refuse(str(exc), exc.__cause__)
        except OSError as exc:
            self.refuse(None, exc)

    def try_it(self, then: Callable[[str | None], None]) -> Trial:
        """Start a trial with our state as it is now.

        Raises:
            Fatal, OSError: it cannot be started.
        """
        state = write(pack(handover.collect(self.scan, ())))
        try:
            material = self.prepare()
            return Trial(self.scan.loop, self.scan.inherited, state, material, then)
        finally:
            os.close(state)

    def prepare(self) -> Material:
        """Have what is to be tried.

        Raises:
            Fatal, OSError: there is none.
        """
        self.drop()
        self.material = Material()
        return self.material

    def drop(self) -> None:
        """Let go of what was tried."""
        if self.material:
            self.material.close()
            self.material = None

    def tried(self, why_not: str | None) -> None:
        """Go on with what came of the trial."""
        self.trial = None
        if why_not is None:
            self.settle(SETTLES)
        else:
            self.refuse(why_not, None)

    def refuse(self, why: str | None, cause: BaseException | None) -> None:
        """Say in a line why the old version goes on."""
        self.drop()
        self.reserve.take()
        end = f": {why}" if why else ""
        self.scan.log.say("svscan", "warning", f"unable to re-execute, going on{end}", cause)

    def settle(self, tries: int) -> None:
        """Execute as soon as everything that was started has executed: its memory is ours."""
        if tries and not all(is_settled(entry) for entry in self.scan.entries.values()):
            at_ns = time.monotonic_ns() + SETTLE_NS
            self.scan.loop.at(at_ns, self.scan, functools.partial(self.settle, tries - 1))
        else:
            self.execute(lambda scan: scan)

    def execute(self, change: Callable[[Scan], Scan]) -> None:
        """Execute the new image; comes back only where that cannot be done.

        Args:
            change: makes the last changes to the state.
        """
        loop = self.scan.loop
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
        signals = loop.come_signals()
        try:
            self.scan.starter.close()
            if self.material:
                self.become(change(handover.collect(self.scan, tuple(signals))), self.material)
        except OSError as exc:
            self.refuse(None, exc)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.scan.starter.prepare()
            loop.serve_signals(signals)

    def become(self, scan: Scan, material: Material) -> None:
        """Execute.

        Raises:
            OSError: that cannot be done; nothing has changed then.
        """
        kept = descriptors(scan)
        self.reserve.free()
        with contextlib.ExitStack() as undo:
            state = write(pack(scan))
            undo.callback(os.close, state)
            undo.enter_context(material.inheritable(*kept, state))
            words = (*material.words("take", state), *map(os.fsdecode, scan.words))
            env = self.scan.inherited.isolated()
            with contextlib.suppress(OSError, ValueError):  # lowered by somebody, by prlimit:
                self.scan.inherited.raise_descriptors()  # the new image could import nothing
            os.execve(sys.executable, words, env)

    # in the new image

    def resume(self, state: Scan) -> None:
        """Go on with what was handed over; then hear the signals that came meanwhile.

        Raises:
            Exception: of what no boundary catches; all signals are still blocked then.
        """
        handover.restore(self.scan, state)
        self.scan.is_stopping = state.is_stopping
        if state.is_stopping:
            self.scan.stopping.restore()
        else:
            self.scan.loop.at(time.monotonic_ns(), self.scan, self.scan.look_at_all)
        if state.is_stop_due:
            self.scan.stopping.begin_soon()
        signal.pthread_sigmask(signal.SIG_SETMASK, self.scan.inherited.mask)
        self.scan.loop.reap()
        hear = functools.partial(self.scan.loop.serve_signals, state.signals)
        self.scan.loop.at(time.monotonic_ns(), self.scan, hear)  # TERM may end the loop: in it

    # after an exception

    def guard(self, serve: Callback) -> None:
        """Serve to the end; an exception that nobody caught is no end, least of all of PID 1."""
        is_over = False
        while not is_over:
            try:
                serve()
                is_over = True
            except Exception as exc:  # noqa: BLE001 (outside all boundaries: DESIGN 4)
                hand, self.scan.in_hand = self.scan.in_hand, None
                is_over = not self.scan.loop.running  # we were to leave after that turn
                if not is_over:
                    self.scan.boundary(self.scan, functools.partial(self.crashed, exc, hand))

    def crashed(self, exc: Exception, hand: object) -> None:
        """Execute ourselves anew, after a growing delay; if that cannot be done, just go on."""
        now_ns = time.monotonic_ns()
        is_new = now_ns - self.crashed_ns > 2 * restart.LONGEST_NS
        self.crashes, self.crashed_ns = 1 if is_new else self.crashes + 1, now_ns
        why = last_frame(exc)
        self.scan.log.say("svscan", "warning", f"executing myself anew after {why}")
        if self.crashes > 1:
            self.pause(restart.delay(self.crashes - 1))
        key = hand.key if isinstance(hand, Entry) else ()
        why_not = self.ask()
        if why_not is None:
            self.execute(lambda scan: scan._replace(in_hand=key, crash=why))
        else:
            self.refuse(why_not, None)

    def ask(self) -> str | None:
        """Try the version that is installed, and wait for its answer: the loop serves nobody."""
        self.reserve.free()
        try:
            state = write(pack(handover.collect(self.scan, ())))
            try:
                return trial.ask(self.scan.inherited, state, self.prepare())
            finally:
                os.close(state)
        except (strerr.Fatal, OSError) as exc:
            return strerr.reason(exc)

    def pause(self, delay_ns: int) -> None:
        """Wait outside the loop, which may be what raises; a signal ends it sooner."""
        poll = select.poll()
        poll.register(self.scan.loop.wakeup, select.POLLIN)
        poll.poll(delay_ns // 1_000_000)


def is_settled(entry: Entry) -> bool:
    """Say whether it is known of everything that was started here what came of the exec."""
    parts = [part for part in entry.parts() if isinstance(part, Supervise)]
    started = [part.started for part in parts]
    started += [part.ending.finish.started for part in parts if part.ending.finish]
    return all(not it or it.is_settled() for it in started)


def write(state: bytes) -> int:
    """Put the state where an image of another program can read it.

    Raises:
        OSError: there is no descriptor, or no memory.
    """
    fd = os.memfd_create("state", os.MFD_CLOEXEC)
    try:
        if os.write(fd, state) != len(state):
            raise OSError(errno.ENOSPC, "")
    except OSError:
        os.close(fd)
        raise
    return fd
