"""svscan's side of one built-in log: answers at SERVICE/log/supervise/, and orders its logger.

To svc, svstat and svok it is what a `log/run` would be; but its pid is the logger's, which serves
other logs too, so that no byte is ever a signal: see core/logcontrol.py.
"""

import contextlib
import functools
import os
import socket
import time
from typing import TYPE_CHECKING

from pysvscan import childfile, counters, servicestatus, strerr
from pysvscan.core import logcontrol, orders, status
from pysvscan.core.logcontrol import Action, State
from pysvscan.core.orders import Kind, Opening
from pysvscan.core.settings import Log
from pysvscan.core.status import Status
from pysvscan.files import Files
from pysvscan.historyfile import HistoryFile
from pysvscan.loggers import LoggerProcess, Where
from pysvscan.predecessor import Predecessor
from pysvscan.unread import unread

if TYPE_CHECKING:
    from pysvscan.entry import Entry

READER = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
DRAIN_NS = 2_000_000_000  # so long a stray process may keep the pipe open
TRIES = 3  # so many times that, a logger that cannot be started may take


class EntryLog:
    """The built-in log of an entry.

    Attributes:
        entry: whose log it is; it holds the pipe.
        directory: SERVICE/log; the entry's.
        settings: as the logger has them.
        number: the logger's name for us; another one with each process that we had.
        pid: of the logger while it has the log open; 0 means that it has not.
        is_leaving: the logger is to let go of the pipe, and that will be our end.
        is_over: nothing is left here.
        is_shut: the logger cannot open the directories again for the present.
        wants_rotation: that was ordered, and not done yet; a logger that comes next is told.
    """

    def __init__(self, entry: "Entry", directory: int, label: bytes, settings: Log) -> None:
        self.entry = entry
        self.scan = entry.scan
        self.directory = directory
        self.label = label
        self.files = Files(directory, label)
        self.settings = settings
        self.number = 0
        self.process: LoggerProcess | None = None
        self.pid = 0
        self.since_ns = time.time_ns()
        self.want = b"u"
        self.state = State.READING
        self.is_over = False
        self.is_leaving = False
        self.is_draining = False  # the logger reads to the end of the pipe, whoever holds it
        self.wants_rotation = False
        self.drains = 0  # how often we looked whether the pipe is empty at last
        self.is_unwritable = False  # the status, as we said already
        self.is_shut = False

    # coming and going

    def open(self) -> None:
        """Take the directory, and have the log opened.

        Raises:
            Fatal: with the words of C supervise, or the directory is not ours alone; nothing is
                held then.
        """
        with contextlib.ExitStack() as undo:
            undo.callback(self.files.close)
            refuse_foreign(self.directory, self.label)
            wanted = self.files.is_wanted()
            self.files.take()
            self.resume(wanted)
            self.announce()
            self.files.open_ok()
            undo.pop_all()
        self.scan.loop.read(self.files.control, self.entry, self.obey)
        self.begin(self.settings)

    def resume(self, wanted: bool) -> None:
        """Be as the log was under a svscan that died, or else as the file `down` says."""
        predecessor = Predecessor(self.files, self.scan.starter.kernel)
        old = predecessor.status
        predecessor.succeed()
        self.want = old.want if old else b"u" if wanted else b"d"
        self.state = logcontrol.resumed(self.want, old is not None and old.paused)

    def begin(self, settings: Log) -> None:
        """Have a logger process take the log."""
        self.settings = settings
        self.number = self.scan.loggers.number()
        self.process = self.scan.loggers.find(self.where(settings))
        self.process.add(self)

    def where(self, settings: Log) -> Where:
        """Say which logger process writes a log with these settings."""
        account = settings.user if settings.user and os.geteuid() == 0 else ""
        return account, self.entry.key if settings.own else None

    def leave(self) -> None:
        """Have the logger write out and close what it has of us, and forget about it."""
        process, self.process = self.process, None
        self.lost()
        if process:
            process.order(Kind.LEAVE, self)
            process.remove(self)

    def note_leaving(self) -> None:
        """Note an ordered stop, so that whoever comes next asks `down` what is wanted."""
        childfile.leave(self.files.directory)

    def close(self) -> None:
        """Let go of everything."""
        self.leave()
        self.scan.loop.forget(self.files.control)
        self.files.close()
        self.is_over = True

    def is_gone(self) -> bool:
        """Say whether nothing is left here."""
        return self.is_over

    def retry(self) -> None:
        """A change in the directory: the logger tries again by itself."""

    def renew(self) -> None:
        """Look whether `supervise` is still the directory that we took; if not, make it again."""
        if self.files.are_ours():
            return
        anew = Files(self.directory, self.label)
        with contextlib.ExitStack() as undo:
            undo.callback(anew.close)
            anew.take(self.files)
            servicestatus.write(anew, self.pack_status())
            anew.open_ok()
            undo.pop_all()
        self.scan.loop.read(anew.control, self.entry, self.obey)
        self.scan.loop.forget(self.files.control)
        self.files.close()
        self.files = anew
        message = f"{anew.path(b'supervise')} was removed or replaced: made again"
        self.entry.report("warning", message, None)

    def follow(self, settings: Log) -> None:
        """Go on with other settings; another account means another process."""
        if self.where(settings) != self.where(self.settings):
            self.leave()
            self.begin(settings)
        elif settings != self.settings:
            self.settings = settings
            self.order(Kind.CHANGE)

    # commands

    def obey(self) -> None:
        """Serve some bytes in control."""
        for byte in self.files.read_control():
            self.feed(byte)

    def feed(self, byte: int) -> None:
        """Serve one byte."""
        before = self.state
        actions, self.state = logcontrol.step(self.state, byte)
        for action in actions:
            self.act(action)
        if Action.CLOSE in actions and Action.OPEN in actions:
            self.order(Kind.REOPEN)
        if self.state is not before:
            self.since_ns = time.time_ns() if Action.CLOSE in actions else self.since_ns
            self.order(Kind.STATE)
        if Action.ANNOUNCE in actions:
            self.announce()

    def act(self, action: Action) -> None:
        """Carry out one action; what opens, closes and reads follows from the state."""
        if action in logcontrol.WANTS:
            self.want = logcontrol.WANTS[action]
        elif action is Action.ROTATE:
            self.wants_rotation = True
            self.order_rest()
        elif action is Action.RELOAD:
            self.entry.logs.read_settings_again()

    def wanted_state(self) -> State:
        """Say what the logger shall do: whatever was commanded, at the end the pipe is read."""
        return State.READING if self.is_leaving else self.state

    def order(self, kind: Kind) -> None:
        """Tell the logger; one that is not there is told all when it is."""
        if self.process:
            self.process.order(kind, self)

    def order_rest(self) -> None:
        """Order what is not done yet of what was ordered; not before the logger has the log.

        Sooner, a log that is to be left would be left before what another logger had of it is
        taken.
        """
        if self.pid and self.wants_rotation:
            self.order(Kind.ROTATE)
        if self.pid and self.is_leaving and not self.is_draining:
            self.order(Kind.LEAVE)

    # the logger

    def send(self, kind: Kind, sock: socket.socket) -> None:
        """Send an order, as things are now.

        Raises:
            OSError: it cannot be sent.
        """
        if kind is Kind.OPEN:
            self.send_open(sock)
        elif kind is Kind.CHANGE:
            sock.send(orders.pack(kind, self.number, *self.opening().pack()))
        elif kind is Kind.STATE:
            sock.send(orders.pack(kind, self.number, self.wanted_state().value.encode()))
        else:
            sock.send(orders.pack(kind, self.number))

    def send_open(self, sock: socket.socket) -> None:
        """Hand the log over, with an open of the pipe that is the logger's alone."""
        data = orders.pack(Kind.OPEN, self.number, *self.opening().pack())
        fds = [os.open(f"/proc/self/fd/{self.entry.pipe}", READER)]
        try:
            fds += self.open_counters()
            socket.send_fds(sock, [data], [self.directory, *fds])
        finally:
            for fd in fds:
                os.close(fd)

    def open_counters(self) -> list[int]:
        """Open the file of the counters; without it nothing is counted."""
        path = b"supervise/counters"
        try:
            return [counters.open_file(self.directory, path, self.label + b"/" + path)]
        except strerr.Fatal as exc:
            self.entry.report("warning", str(exc), exc.__cause__)
            return []

    def opening(self) -> Opening:
        """Say what the logger has to know."""
        it = self.settings
        keeping = (it.full, it.compress, it.max_age_ns)
        return Opening(self.label, it.words, *keeping, it.stdout, self.wanted_state(), it.redact)

    def told(self, kind: Kind, *fields: bytes) -> None:
        """Serve what the logger says of us."""
        if kind is Kind.OPENED and self.process:
            is_first, self.pid = not self.pid, self.process.pid
            self.show(is_shut=False)
            self.note(None)
            if is_first:
                self.order_rest()
        elif kind is Kind.SHUT:
            if self.pid and not self.is_shut:
                self.show(is_shut=True)
            self.note(*fields)
        elif kind is Kind.ROTATED:
            self.wants_rotation = False
        elif kind is Kind.ENDED and self.is_leaving and not self.is_interrupted():
            self.over()
        elif kind is Kind.ENDED:
            self.interrupted()

    def show(self, *, is_shut: bool) -> None:
        """Show that the log is open from now on, or that it is not, though it has its logger."""
        self.is_shut, self.since_ns = is_shut, time.time_ns()
        self.announce()

    def note(self, why: bytes | None = None) -> None:
        """Write down why the log is not open, for svstat -l; None: it is."""
        file = HistoryFile(self.directory)
        file.load()
        if why is not None:
            file.failed(os.fsdecode(why), None)
        elif file.history.failures:
            file.history.failures = 0
            file.write()

    def is_interrupted(self) -> bool:
        """Say whether the pipe was to be read to its end, but has not been."""
        return self.is_draining and unread(self.entry.directory) != 0

    def interrupted(self) -> None:
        """Have another logger process soon: somebody has ended ours, which a full disk may keep.

        Not sooner than that is of some age, or who ends each would keep us busy starting them.
        """
        self.lost()
        process = self.process
        if process:
            callback = functools.partial(self.move_from, process, process.pid)
            self.scan.loop.at(process.grown_ns(), self.entry, callback)

    def move_from(self, process: LoggerProcess, pid: int) -> None:
        """Leave a process, if it has neither died nor lost us since."""
        if self.process is process and process.pid == pid:
            self.move()

    def move(self) -> None:
        """Leave the process, which gets no more logs, for another one."""
        process = self.process
        self.lost()
        if process:
            self.scan.loggers.forget(process)
            process.remove(self)
            self.begin(self.settings)

    def lost(self) -> None:
        """Note that the logger has died; the next one begins with our pipe where that one ended."""
        if self.pid:
            self.pid, self.since_ns = 0, time.time_ns()
            self.announce()

    def over(self) -> None:
        """Leave: the logger has let go of the pipe."""
        process, self.process = self.process, None
        self.pid, self.since_ns, self.want = 0, time.time_ns(), b"d"
        self.note_leaving()
        self.announce()
        self.close()
        self.entry.cancel()  # to hurry, where a stray goes on writing into the pipe
        if process:
            process.remove(self)
        self.entry.logs.ended()

    # the end

    def retire(self) -> None:
        """Have the logger write out and leave; another kind of log takes the place."""
        if not self.is_leaving:
            self.is_leaving = True
            self.order(Kind.LEAVE)

    def drain(self) -> None:
        """Have the logger read to the end of the pipe: no writer is left, but strays.

        We hold the pipe from now on as a reader: it ends when they do, and what is in it stays.
        """
        if self.is_leaving:
            return
        self.is_leaving = self.is_draining = True
        reader = os.open(f"/proc/self/fd/{self.entry.pipe}", READER)
        os.close(self.entry.pipe)
        self.entry.pipe = reader
        self.order(Kind.STATE)
        self.hurry()

    def hurry(self) -> None:
        """End a log whose pipe is empty, but held by a stray; or that no logger takes."""
        is_empty = unread(self.entry.directory) == 0
        is_hopeless = not self.pid and self.drains >= TRIES
        if not self.pid and (is_empty or is_hopeless):
            self.give_up(is_empty)
            return
        if self.drains and is_empty and not self.scan.stopping.ends_strays():
            self.is_draining = False
            self.order(Kind.END)
        self.drains += 1
        self.entry.later(DRAIN_NS, self.hurry)

    def give_up(self, is_empty: bool) -> None:
        """End a log that has no logger."""
        if not is_empty:
            message = f"no logger for {strerr.name(self.label)}, giving up what is in its pipe"
            self.entry.report("warning", message, None)
        self.order(Kind.LEAVE)
        self.over()

    # the status

    def pack_status(self) -> bytes:
        """Say how we are in 18 bytes."""
        pid = self.pid if logcontrol.is_open(self.state) and not self.is_shut else 0
        paused = logcontrol.is_paused(self.state)
        return status.pack(Status(status.of_ours(self.since_ns), pid, paused, self.want))

    def announce(self) -> None:
        """Write the status; that it cannot be written is said once."""
        was, data = self.is_unwritable, self.pack_status()
        self.is_unwritable = servicestatus.announce(self.files, data, self.entry.report, was)


def refuse_foreign(directory: int, label: bytes) -> None:
    """Refuse a SERVICE/log in which another account could put a link in the place of `supervise`.

    We are root then, make and write files there, and hand one of them to the logger. A `log/run`
    was root's program anyway.

    Raises:
        Fatal: it is another account's.
    """
    us = os.geteuid()
    found = os.fstat(directory)
    writers = found.st_mode & (0o002 if found.st_gid in (0, os.getegid()) else 0o022)
    if us == 0 and (found.st_uid or writers):
        where = strerr.name(label)
        raise strerr.Fatal(f"{where} can be written by others than root, who own {where}/supervise")
