"""python -I -m pysvscan.logger ACCOUNT DESCRIPTORS: many pipes into many logs, in one process.

Started by svscan, with a socket to it as descriptor 0. It becomes ACCOUNT ("" for none) before it
is given any pipe, and its children get DESCRIPTORS as their limit. svscan's death is no reason to
end: the next svscan asks by TERM, and a logger of its own waits at the locks meanwhile. It never
blocks for anybody: not on svscan, not on stderr.
"""

import functools
import os
import resource
import select
import signal
import sys
import time
from _socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, SCM_RIGHTS, SOL_SOCKET, socket

from pysvscan import account, allocator, lines, pathexec, places, strerr
from pysvscan import compressor as _compressor  # noqa: F401 (not looked for when the disk hangs)
from pysvscan import processor as _processor  # noqa: F401
from pysvscan.copyout import Copyout
from pysvscan.core import expressions as _expressions  # noqa: F401 (a script may need them later)
from pysvscan.core import orders, script
from pysvscan.core import wildcards as _wildcards  # noqa: F401 (a script may bring `F` later)
from pysvscan.core.orders import Kind
from pysvscan.core.script import Script
from pysvscan.core.seldom import Seldom
from pysvscan.cyclog import Cyclog
from pysvscan.logpipe import DISK_NS, LogPipe
from pysvscan.loop import SECOND_NS, Callback, Deadline, Loop
from pysvscan.outlets import closed
from pysvscan.stderr import Stderr, last_frame
from pysvscan.sync import Sync
from pysvscan.zone import zone

PACKET_BYTES = 131072
DESCRIPTORS = 8  # more than any packet brings
LITTLE_BYTES = 16384  # a turn that read less is followed by a pause: no pipe can be full soon
PAUSE_S = 0.002
SCRIPTS = 1024  # different ones kept parsed


class Logger:
    """One logger process.

    Attributes:
        socket: to svscan; None when that is gone.
        pipes: the logs, by number.
        places: where each stands in its pipe.
        owners: whose a directory is.
        nothing: the outlets of a log that has none open.
        parse: parses a script, or finds it parsed: most services of a host have the same.
        read_bytes: from pipes in this turn.
        untold: packets for svscan that found no room.
        urgent: what ends a pause: an order, a signal, the disk's work done.
        is_bound: svscan's end is ours.
        is_leaving: no log is taken any more, and the last one's end is ours.
    """

    def __init__(self, to_svscan: socket, chain: pathexec.Chain) -> None:
        self.chain = chain
        self.loop = Loop(self.boundary)
        self.socket: socket | None = to_svscan
        self.pipes: dict[int, LogPipe] = {}
        self.owners: dict[Cyclog, LogPipe] = {}
        self.sync = Sync()
        self.copyout = Copyout(1)
        self.nothing = closed()
        self.parse = functools.lru_cache(SCRIPTS)(parse)
        self.untold: list[bytes] = []
        self.places: places.Memory = bytearray(places.ALL_BYTES)  # until svscan gives us its own
        self.read_bytes = 0
        self.timer: Deadline | None = None
        self.is_bound = False
        self.is_leaving = False
        self.stderr = Stderr(b"logger")
        self.seldom = Seldom()
        to_svscan.setblocking(False)
        self.loop.read(to_svscan.fileno(), self, self.obey)
        self.loop.read(self.sync.fd, self, self.collect)
        self.urgent = select.epoll()
        for fd in (to_svscan.fileno(), self.sync.fd, self.loop.wakeup):
            self.urgent.register(fd, select.EPOLLIN)
        self.loop.signal(signal.SIGTERM, self, self.leave)
        self.loop.signal(signal.SIGUSR1, self, self.hand_over)
        self.loop.signal(signal.SIGALRM, self, self.rotate)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # a terminal's: svscan's
            self.loop.signal(number, self, lambda: None)

    def boundary(self, owner: object, callback: Callback) -> None:
        """Call back; whatever is raised sets aside the log that it belongs to, and no other."""
        try:
            callback()
        except Exception as exc:  # noqa: BLE001 (the one place: DESIGN 3)
            if isinstance(owner, LogPipe):
                owner.set_aside(last_frame(exc))
            else:
                self.say("warning", f"going on after {last_frame(exc)}")

    def run(self) -> None:
        """Serve until nothing is left to do.

        Where little was read there is a short pause, in which more lines come: 900 services with a
        line each now and then cost half the time. They wait in their pipes, where they are safe;
        whatever else there is to hear is heard at once.
        """
        self.loop.running = True
        while self.loop.running:
            self.read_bytes = 0
            self.loop.turn()
            if 0 < self.read_bytes < LITTLE_BYTES:
                self.urgent.poll(PAUSE_S)

    # svscan

    def obey(self) -> None:
        """Serve one order."""
        if not self.socket:
            return
        try:
            data, descriptors, _, _ = self.socket.recvmsg(
                PACKET_BYTES, CMSG_SPACE(4 * DESCRIPTORS), MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        fds = [fd for ancillary in descriptors for fd in received(*ancillary)]
        if data:
            self.serve(data, fds)
        else:
            self.svscan_is_gone()

    def serve(self, data: bytes, fds: list[int]) -> None:
        """Serve an order, and say that there is room for the next."""
        kind, number, fields = orders.unpack(data)
        if kind is Kind.OPEN and not self.is_leaving:
            opening = orders.unpack_opening(fields)
            made = self.pipes[number] = LogPipe(self, number, opening, fds)
            self.boundary(made, made.open)
        elif kind is Kind.PLACES:
            self.places = places.take(fds[0])
        elif kind is Kind.BOUND:
            self.is_bound = True
        elif number in self.pipes:
            self.boundary(self.pipes[number], lambda: self.order(kind, number, fields))
        self.tell(Kind.GOT, number)

    def order(self, kind: Kind, number: int, fields: list[bytes]) -> None:
        """Carry out an order for a log that is there."""
        pipe = self.pipes[number]
        if kind is Kind.CHANGE:
            pipe.change(orders.unpack_opening(fields))
        elif kind is Kind.ROTATE:
            pipe.rotate()
        elif kind is Kind.REOPEN:
            pipe.change(pipe.wanted)
        elif kind is Kind.STATE:
            pipe.become(orders.unpack_state(fields[0]))
        elif kind is Kind.LEAVE:
            pipe.wind_up(pipe.end)
        elif kind is Kind.END:
            pipe.wind_up(pipe.end)
            self.loop.at(time.monotonic_ns() + 2 * DISK_NS, pipe, pipe.give_up)

    def tell(self, kind: Kind, number: int, *fields: bytes) -> None:
        """Tell svscan, as soon as it has room."""
        if self.socket:
            self.untold.append(orders.pack(kind, number, *fields))
            self.flush()

    def flush(self) -> None:
        """Send what svscan has room for; the rest in a second."""
        try:
            while self.socket and self.untold:
                self.socket.send(self.untold[0])
                del self.untold[0]
        except BlockingIOError:
            if self.timer:
                self.timer.cancel()
            self.timer = self.loop.at(time.monotonic_ns() + SECOND_NS, self, self.flush)
        except OSError:
            self.untold.clear()  # it is dead: obey() is told as well

    def is_behind(self) -> bool:
        """Say whether svscan has not heard of much: it is stopped, or gone."""
        return len(self.untold) >= 100

    def say(self, label: str, message: str, cause: BaseException | None = None) -> None:
        """Have svscan say a line; where it is gone, say it ourselves."""
        end = f": {strerr.reason(cause)}" if cause is not None else ""
        if not self.seldom.is_due(message + end, time.monotonic_ns()):
            return
        if self.socket and not self.is_behind():
            self.tell(Kind.SAID, 0, label.encode(), os.fsencode(message + end))
        else:
            self.stderr.write(strerr.line("logger", label, message + end))

    def svscan_is_gone(self) -> None:
        """Go on without svscan; where it has told us to leave, or there is nothing to do, end."""
        if self.socket:
            self.loop.forget(self.socket.fileno())
            self.socket.close()
            self.socket = None
            self.untold.clear()
        if self.is_bound:
            self.leave()
        self.end_if_idle()

    # all logs

    def collect(self) -> None:
        """Go on with the logs that the disk has done its work for."""
        for log in self.sync.collect():
            pipe = self.owners.get(log)
            if pipe:
                self.boundary(pipe, pipe.go_on)

    def rotate(self) -> None:
        """Rotate every log, as multilog does on ALRM."""
        for pipe in list(self.pipes.values()):
            self.boundary(pipe, pipe.rotate)

    def leave(self) -> None:
        """Write out what is read, let go of every pipe, and end."""
        self.is_leaving = True
        for pipe in list(self.pipes.values()):
            self.boundary(pipe, lambda pipe=pipe: pipe.wind_up(pipe.end))  # type: ignore[misc]
        self.end_if_idle()

    def hand_over(self) -> None:
        """End as well, but leave unfinished lines to a logger that has our places."""
        self.is_leaving = True
        for pipe in list(self.pipes.values()):
            self.boundary(pipe, pipe.hand_over)
        self.end_if_idle()

    def forget(self, pipe: LogPipe) -> None:
        """Note that a log has ended."""
        del self.pipes[pipe.number]
        self.tell(Kind.ENDED, pipe.number)
        self.end_if_idle()

    def end_if_idle(self) -> None:
        """End when nothing is left to do, or to come."""
        if not self.pipes and (self.is_leaving or not self.socket):
            self.loop.stop()


def received(level: int, kind: int, data: bytes) -> list[int]:
    """Give the descriptors that came with a packet."""
    if (level, kind) != (SOL_SOCKET, SCM_RIGHTS):
        return []
    return [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data) - 3, 4)]


def take_socket() -> socket:
    """Move the socket away from descriptor 0, where a processor might inherit it."""
    taken = socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    return taken


def become(name: str) -> None:
    """Become an account, as setuidgid does.

    Raises:
        strerr.Fatal: it is unknown, or we may not.
    """
    found = account.lookup(os.fsencode(name))
    account.drop_groups(found)
    account.become(found)


def parse(words: tuple[bytes, ...]) -> Script:
    """Parse a script."""
    return script.parse(list(words), lines.Selection, zone)


def main(name: str, descriptors: int) -> int:
    """Log until svscan says that it is enough."""
    chain = pathexec.given()
    chain.env = allocator.removed(chain.env)
    chain.limits.append((resource.RLIMIT_NOFILE, descriptors))
    logger = Logger(take_socket(), chain)
    os.chdir("/")
    os.umask(0o022)  # a log's files are those that C's multilog makes, whatever svscan was given
    try:
        if name:
            become(name)
    except strerr.Fatal as exc:
        logger.say(exc.label, str(exc), exc.__cause__)
        return exc.code
    logger.run()
    logger.copyout.close()
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1], int(sys.argv[2])))
