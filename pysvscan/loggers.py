"""svscan's logger processes: one for each account, and one for each log that has its own.

Started when the first log needs it, again when it dies, and told about its logs one packet at a
time: what finds no room waits here, so that svscan never does.
"""

import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pysvscan import allocator, places, strerr
from pysvscan.childfile import hold
from pysvscan.core import identity, orders, restart
from pysvscan.core.identity import Identity
from pysvscan.core.orders import Kind
from pysvscan.loop import Deadline
from pysvscan.pidfd import is_dead
from pysvscan.register import Register

if TYPE_CHECKING:
    from pysvscan.entrylog import EntryLog
    from pysvscan.svscan import Svscan

PACKET_BYTES = 131072
YOUNG_NS = restart.SECOND_NS // 2  # dead sooner than this, it is not started again at once
LATE_NS = 10 * restart.SECOND_NS  # has not ended sooner: a full disk, say, or a processor keeps it
AGAIN_NS = restart.SECOND_NS  # a packet cannot be sent for want of something
EVERYBODYS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETOOMANYREFS)  # no use to try others
Where = tuple[str, object]  # the account ("": our own), and whose own process it is (None: all's)


class LoggerProcess:
    """One logger process, dead or alive.

    Attributes:
        where: which one it is.
        pid: 0 means that there is none at the moment.
        logs: by number.
        queue: what is still to be told, in order: (what, number of the log).
        places: the descriptor of what one process notes for the next; see places.py.
    """

    def __init__(self, loggers: "Loggers", where: Where) -> None:
        self.loggers = loggers
        self.scan = loggers.scan
        self.where = where
        self.pid = 0
        self.places = -1
        self.socket: socket.socket | None = None
        self.logs: dict[int, EntryLog] = {}
        self.queue: dict[tuple[Kind, int], None] = {}
        self.started_ns = 0
        self.failures = 0
        self.timer: Deadline | None = None
        self.flush_timer: Deadline | None = None

    # coming and going

    def start(self) -> None:
        """Start the process, and tell it of all its logs; try again where that fails."""
        self.started_ns = time.monotonic_ns()
        try:
            self.spawn()
        except OSError as exc:
            self.scan.say_seldom("svscan", "warning", "unable to start a logger", exc)
            self.stop()
            self.start_later()
            return
        self.queue = {(Kind.OPEN, number): None for number in self.logs}
        self.flush()

    def spawn(self) -> None:
        """Make the process, and record it before it is given anything to read.

        Raises:
            OSError: there is none.
        """
        if self.places < 0:
            self.places = places.make()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        ours.setblocking(False)
        with theirs:
            self.pid = self.loggers.spawn(theirs.fileno(), self.where[0])
        self.scan.loop.child(self.pid, self, self.died)
        socket.send_fds(ours, [orders.pack(Kind.PLACES, 0)], [self.places])
        if not self.loggers.record(self.pid):
            ours.send(orders.pack(Kind.BOUND, 0))
        self.scan.loop.read(ours.fileno(), self, self.read)

    def start_later(self) -> None:
        """Start it again: at once if it lived, else after growing delays."""
        self.failures = self.failures + 1 if time.monotonic_ns() < self.grown_ns() else 0
        if not self.failures and self.logs:
            self.start()
        elif self.failures:
            delay_ns = restart.delay(self.failures)
            self.timer = self.scan.loop.at(time.monotonic_ns() + delay_ns, self, self.start_if)

    def grown_ns(self) -> int:
        """Say when it is young no more."""
        return self.started_ns + YOUNG_NS

    def start_if(self) -> None:
        """Start it if anything needs it."""
        if self.logs and not self.pid:
            self.start()

    def stop(self) -> None:
        """Let it go: without logs it ends."""
        if self.timer:
            self.timer.cancel()
        if self.socket:
            self.scan.loop.forget(self.socket.fileno())
            self.socket.close()
            self.socket = None
        self.queue.clear()

    def close_places(self) -> None:
        """Let go of what one process noted for the next: there will be none."""
        if self.places >= 0:
            os.close(self.places)
            self.places = -1

    def died(self, wstatus: int) -> None:
        """Serve its death: its logs have nobody until it is started again."""
        self.loggers.register.remove(self.pid)
        self.pid = 0
        self.stop()
        if wstatus and self.logs:
            how = f"signal {wstatus & 127}" if os.WIFSIGNALED(wstatus) else "an error"
            message = f"the logger of {self.whose()} died of {how}"
            self.scan.say_seldom("svscan", "warning", message, None)
        is_current = self.loggers.processes.get(self.where) is self
        for log in list(self.logs.values()):
            self.scan.boundary(log.entry, log.lost if is_current else log.move)
        self.start_later()
        self.loggers.leave_if_idle()

    def whose(self) -> str:
        """Name one log, and say how many there are beside it: the others wait as well."""
        first, *others = self.logs.values()
        return strerr.name(first.label) + (f" and {len(others)} more" if others else "")

    # logs

    def add(self, log: "EntryLog") -> None:
        """Take a log."""
        self.logs[log.number] = log
        if self.pid:
            self.order(Kind.OPEN, log)
        elif not self.timer or self.timer.callback is None:
            self.start()

    def remove(self, log: "EntryLog") -> None:
        """Forget a log; a process without logs ends."""
        self.logs.pop(log.number, None)
        if not self.logs:
            if self.pid:
                os.kill(self.pid, signal.SIGTERM)  # it may not have read all that we sent
            self.stop()
            self.loggers.forget(self)

    # talking

    def order(self, kind: Kind, log: "EntryLog") -> None:
        """Give an order; the same one twice is one."""
        if self.socket:
            self.queue[kind, log.number] = None
            self.flush()

    def flush(self) -> None:
        """Send what there is room for; GOT says when there is more."""
        held: set[int] = set()
        for kind, number in list(self.queue):
            if not self.socket or number in held:
                continue
            try:
                self.send(kind, number, self.socket)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                return
            except OSError as exc:
                self.scan.say_seldom("svscan", "warning", self.unable(number), exc)
                held.add(number)  # it waits, with all that is to be told of this log; others do not
                if exc.errno in EVERYBODYS:
                    break
            else:
                self.queue.pop((kind, number), None)
        if held:
            self.flush_later()

    def send(self, kind: Kind, number: int, to: socket.socket) -> None:
        """Send one order, if it still is one.

        Raises:
            OSError: it cannot be sent.
        """
        log = self.logs.get(number)
        if log:
            log.send(kind, to)
        elif kind is Kind.LEAVE:
            to.send(orders.pack(kind, number))

    def unable(self, number: int) -> str:
        """Say that there is a log of which the process cannot be told."""
        log = self.logs.get(number)
        return f"unable to send {strerr.name(log.label if log else b'')} to its logger"

    def flush_later(self) -> None:
        """Try again in a second."""
        if self.flush_timer:
            self.flush_timer.cancel()
        self.flush_timer = self.scan.loop.at(time.monotonic_ns() + AGAIN_NS, self, self.flush)

    def read(self) -> None:
        """Serve what the process has to say."""
        if not self.socket:
            return
        try:
            data = self.socket.recv(PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it is dead, or about to be
            self.scan.loop.forget(self.socket.fileno())
            return
        kind, number, fields = orders.unpack(data)
        if kind is Kind.SAID and len(fields) == 2:
            label, message = (strerr.name(field) for field in fields)
            self.scan.log.say("logger", label, message)
        elif number in self.logs:
            log = self.logs[number]
            self.scan.boundary(log.entry, lambda: log.told(kind, *fields))
        self.flush()


class Loggers:
    """All logger processes of one svscan, and those that a former one has left.

    Attributes:
        former: pidfd: pid, of those who were asked to end.
        heirs: those of them whose places ours are given: they hand unfinished lines over.
        on_idle: called when no logger process of ours is left.
    """

    def __init__(self, scan: "Svscan") -> None:
        self.scan = scan
        self.register = Register(scan.directory)
        self.processes: dict[Where, LoggerProcess] = {}
        self.former: dict[int, int] = {}
        self.heirs = {it.pid for it in scan.state.loggers} if scan.state else set()
        self.ending: set[LoggerProcess] = set()  # without logs, but not dead yet
        self.last_number = 0
        self.on_idle: Callable[[], None] = lambda: None

    def take_over(self) -> None:
        """Find the loggers of a former svscan, before there are any of ours."""
        for recorded in self.register.read():
            self.hold_former(recorded)
        if self.register.known:
            self.register.write()

    def end_former(self) -> None:
        """Ask the loggers of a former svscan to end; ours wait at the locks until they have.

        Not before we hold the pipes: of a service that is dead, the logger alone may hold what is
        in its pipe, and it lets go without having read it.
        """
        for pidfd, pid in self.former.items():
            asked = signal.SIGUSR1 if pid in self.heirs else signal.SIGTERM
            with contextlib.suppress(OSError):  # it ended by itself
                signal.pidfd_send_signal(pidfd, asked)
        self.look_late()

    def look_late(self) -> None:
        """Look in a while whether those who were asked to end have."""
        if self.former:
            self.scan.loop.at(time.monotonic_ns() + LATE_NS, self, self.say_late)

    def say_late(self) -> None:
        """Say who has not ended: the logs that it holds are down to svstat, for no reason seen."""
        for pid in self.former.values():
            message = f"the logger of a former svscan, pid {pid}, has not ended: its logs wait"
            self.scan.say_seldom("svscan", "warning", message, None)
        self.look_late()

    def hold_former(self, recorded: Identity) -> None:
        """Hold one logger by its pidfd, if it is alive and we may end it."""
        held = hold(recorded.pid)
        if not held:
            return
        kernel = self.scan.starter.kernel
        found = self.register.own(kernel.identify_held(recorded.pid, held.fd))
        try:
            if not identity.is_same(recorded, found) or is_dead(held.fd):
                raise ProcessLookupError
            signal.pidfd_send_signal(held.fd, 0)
        except OSError:
            os.close(held.fd)
            return
        self.register.known.append(recorded)
        self.former[held.fd] = recorded.pid
        self.scan.loop.read(held.fd, self, lambda: self.bury(held.fd))

    def bury(self, pidfd: int) -> None:
        """Forget a former svscan's logger: it has ended."""
        self.scan.loop.forget(pidfd)
        os.close(pidfd)
        self.register.remove(self.former.pop(pidfd))
        self.scan.loop.reap()  # ours before an exec

    def number(self) -> int:
        """Give a log its number."""
        self.last_number += 1
        return self.last_number

    def find(self, where: Where) -> LoggerProcess:
        """Give a logger process; it may have to be started yet."""
        if where not in self.processes:
            self.processes[where] = LoggerProcess(self, where)
        return self.processes[where]

    def spawn(self, theirs: int, account: str) -> int:
        """Start a logger, with this socket as its descriptor 0."""
        inherited = self.scan.starter.inherited
        soft = str(inherited.descriptors[0])
        argv = (sys.executable, "-I", "-m", "pysvscan.logger", account, soft)
        env = inherited.bare() if account else inherited.isolated()
        return os.posix_spawn(
            sys.executable,
            argv,
            allocator.added(env),
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 0)],
            setsigmask=(),
        )

    def record(self, pid: int) -> bool:
        """Record a logger that has been started; False: it cannot be, and so must end with us."""
        if self.register.add(self.scan.starter.kernel.identify(pid)):
            return True
        message = "unable to record a logger, it will end with svscan"
        self.scan.say_seldom("svscan", "warning", message, None)
        return False

    def forget(self, process: LoggerProcess) -> None:
        """Forget a logger process that gets no more logs."""
        if self.processes.get(process.where) is process:
            del self.processes[process.where]
        if process.pid:
            self.ending.add(process)
        process.close_places()
        self.leave_if_idle()

    def leave_if_idle(self) -> None:
        """Tell whoever waits that no logger process of ours is left."""
        self.ending = {process for process in self.ending if process.pid}
        if self.is_idle():
            self.on_idle()

    def is_idle(self) -> bool:
        """Say whether no logger process of ours is left."""
        return not self.ending and not any(it.pid for it in self.processes.values())
