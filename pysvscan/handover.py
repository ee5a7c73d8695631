"""Makes records of a svscan's objects, and objects of the records: see core/handover.py.

An entry of which no record can be made is left out, and one that cannot be made again is let go:
the next look takes it as if svscan had died, and its processes over. Not here: inotify's watches,
epoll and pidfds of children, which are made anew and then everything is looked at once.
"""

import contextlib
import functools
import os
import signal
import time
from typing import TYPE_CHECKING

from pysvscan import servicetoml
from pysvscan.core import handover, logcontrol, service
from pysvscan.core.handover import BuiltIn, Given, Logger, Scan, Service
from pysvscan.core.values import SettingsError
from pysvscan.entry import Entry
from pysvscan.entrylog import DRAIN_NS, EntryLog
from pysvscan.files import Files
from pysvscan.finish import Finish
from pysvscan.inherited import Inherited
from pysvscan.loggers import LoggerProcess
from pysvscan.supervise import Supervise
from pysvscan.waiting import Known, Waiting

if TYPE_CHECKING:
    from pysvscan.svscan import Svscan

NOTHING_KNOWN = Known(0, False, 0, "")
WAITING = (service.State.WAIT, service.State.ONCE)


# objects to records


def collect(scan: "Svscan", signals: tuple[int, ...]) -> Scan:
    """Make a record of everything."""
    entries: list[handover.Entry] = []
    for entry in scan.entries.values():
        scan.boundary(scan, functools.partial(add_entry, entries, entry))
    return Scan(
        words=scan.inherited.words,
        given=pack_given(scan.inherited),
        directory=scan.directory,
        control=scan.control,
        entries=tuple(entries),
        loggers=tuple(map(pack_logger, scan.loggers.processes.values())),
        signals=signals,
        is_stopping=scan.is_stopping,
        stop_ns=scan.stopping.begun_ns,
        stop_code=scan.stopping.code,
        is_stop_due=scan.stopping.is_due,
        last_number=scan.loggers.last_number,
        crashes=scan.reexec.crashes,
        crashed_ns=scan.reexec.crashed_ns,
    )


def pack_logger(it: LoggerProcess) -> Logger:
    """Make a record of a logger process."""
    account, own = it.where
    return Logger(account, own if isinstance(own, tuple) else (), it.pid, it.places)


def pack_given(inherited: Inherited) -> Given:
    """Make a record of what services get."""
    return Given(
        env=tuple(name + b"=" + value for name, value in inherited.env.items()),
        mask=tuple(sorted(int(number) for number in inherited.mask)),
        ignored=tuple(sorted(int(number) for number in inherited.ignored)),
        descriptors=inherited.descriptors,
        stdin=inherited.stdin,
        limits=tuple(number for pair in inherited.limits for number in pair),
    )


def add_entry(entries: list[handover.Entry], entry: Entry) -> None:
    """Make a record of an entry."""
    main, log = entry.main, entry.log
    entries.append(
        handover.Entry(
            key=entry.key,
            label=entry.label,
            names=tuple(sorted(entry.names)),
            directory=entry.directory,
            pipe=entry.pipe,
            is_begun=entry.is_begun,
            seen_ns=entry.seen_ns,
            aside_ns=entry.aside_ns,
            trouble=entry.trouble,
            text=None if entry.logs.current.failure else entry.logs.current.settings.text,
            log_directory=entry.logs.directory,
            main=pack_service(main) if main else None,
            log=pack_service(log) if isinstance(log, Supervise) else None,
            built_in=pack_built_in(log) if isinstance(log, EntryLog) else None,
        )
    )


def pack_service(it: Supervise) -> Service:
    """Make a record of a service or classic logger."""
    it.started = settle(it.pid, it.started)
    known = known_of(it.started)
    is_waiting = it.state in WAITING and it.timer is not None
    return Service(
        label=it.label,
        lock=it.files.lock,
        control=it.files.control,
        ok=it.files.ok,
        state=it.state.name,
        pid=it.pid,
        pidfd=it.pidfd,
        want=it.want,
        paused=it.paused,
        is_to_group=it.is_to_group,
        since_ns=it.since_ns,
        last_start_ns=it.last_start_ns,
        failures=it.failures,
        is_doubtful=it.is_doubtful,
        was_asked=it.was_asked,
        is_exact=known.is_exact,
        error=known.error,
        refusal=known.refusal,
        timer_ns=it.timer.at_ns if is_waiting and it.timer else None,
        overdue_ns=it.ending.overdue.at_ns if it.ending.overdue else None,
        code=it.ending.code,
        finish=pack_finish(it.ending.finish) if it.ending.finish else None,
    )


def pack_finish(it: Finish) -> handover.Finish:
    """Make a record of a ./finish that runs."""
    it.started = settle(it.pid, it.started)
    known = known_of(it.started)
    pidfd = -1 if it.is_ours else it.pidfd
    return handover.Finish(it.pid, pidfd, it.due_ns, known.is_exact, known.error, known.refusal)


def settle(pid: int, started: Waiting | Known | None) -> Waiting | Known | None:
    """Ask what came of an exec, if that is known: the memory that says so is gone after ours."""
    if started is None or isinstance(started, Known) or not started.is_settled():
        return started
    error = started.failure()
    return Known(pid, started.is_exact, error, started.refusal)


def known_of(started: Waiting | Known | None) -> Known:
    """Give what is known of an exec."""
    return started if isinstance(started, Known) else NOTHING_KNOWN


def pack_built_in(it: EntryLog) -> BuiltIn:
    """Make a record of a built-in log."""
    return BuiltIn(
        label=it.label,
        lock=it.files.lock,
        control=it.files.control,
        ok=it.files.ok,
        number=it.number,
        state=it.state.name,
        want=it.want,
        since_ns=it.since_ns,
        is_leaving=it.is_leaving,
        is_draining=it.is_draining,
        wants_rotation=it.wants_rotation,
    )


# records to objects


def inherit(scan: Scan) -> Inherited:
    """Make of the record what services get."""
    it, given = Inherited.__new__(Inherited), scan.given
    it.words = scan.words
    it.env = dict(split(entry) for entry in given.env)
    it.mask = {signal.Signals(number) for number in given.mask}
    it.ignored = frozenset(given.ignored)
    it.descriptors = (given.descriptors[0], given.descriptors[1])
    it.stdin = given.stdin
    it.limits = list(zip(given.limits[::2], given.limits[1::2], strict=True))
    return it


def split(entry: bytes) -> tuple[bytes, bytes]:
    """Split a variable of the environment."""
    name, _, value = entry.partition(b"=")
    return name, value


def restore(scan: "Svscan", state: Scan) -> None:
    """Make everything again, the entries first: none of them has to wait for the others."""
    scan.loggers.last_number = state.last_number
    scan.stopping.begun_ns, scan.stopping.code = state.stop_ns, state.stop_code
    for logger in state.loggers:
        own = (logger.own[0], logger.own[1]) if logger.own else None
        scan.loggers.find((logger.account, own)).places = logger.places
    for it in state.entries:
        entry = Entry(scan, (it.key[0], it.key[1]), it.label, it.directory, it.is_begun)
        scan.entries[entry.key] = entry
        scan.boundary(entry, functools.partial(restore_entry, entry, it))
        if it.key == state.in_hand:
            entry.leave_alone(state.crash)
        if entry.is_idle():
            let_go(it)
    for process in list(scan.loggers.processes.values()):
        if not process.logs:
            scan.loggers.forget(process)


def restore_entry(entry: Entry, it: handover.Entry) -> None:
    """Make an entry again."""
    entry.names = set(it.names)
    entry.scan.names.update(dict.fromkeys(it.names, entry.key))
    entry.pipe, entry.logs.directory = it.pipe, it.log_directory
    entry.seen_ns, entry.aside_ns, entry.trouble = it.seen_ns, it.aside_ns, it.trouble
    if it.text is not None:
        restore_settings(entry, it.text)
    if it.main:
        entry.main = restore_service(entry, it.main, it.directory)
        entry.main.on_start = entry.prepare_start
        entry.main.restart = entry.logs.current.settings.restart
        entry.main.ending.follow(entry.logs.current.settings.stop)
        entry.main.stdout = entry.pipe
        entry.main.stderr = entry.pipe if entry.logs.wants_stderr() else -1
    if it.log:
        entry.log = log = restore_service(entry, it.log, it.log_directory)
        log.stdin = entry.pipe
    elif it.built_in:
        entry.log = restore_built_in(entry, it.built_in)
    if it.aside_ns > time.monotonic_ns():
        entry.look_in(it.aside_ns - time.monotonic_ns())


def let_go(it: handover.Entry) -> None:
    """Close what was handed over for parts that could not be made again: who takes them locks."""
    for fd in handover.parts_descriptors(it):
        with contextlib.suppress(OSError):  # of a part that was made, and has closed it
            os.close(fd)


def restore_settings(entry: Entry, text: bytes) -> None:
    """Have the settings that the file once gave: what it is now is looked at soon."""
    current = entry.logs.current
    try:
        found = servicetoml.check(text, os.geteuid() == 0)
    except SettingsError:
        return  # this version takes no such settings: that is said when the file is looked at
    current.settings = entry.scan.settings.setdefault(found, found)
    current.failure = None


def restore_service(entry: Entry, it: Service, directory: int) -> Supervise:
    """Make a service or classic logger again."""
    scan = entry.scan
    made = Supervise(scan.loop, scan.starter, entry.report, directory, it.label, owner=entry)
    hold(made.files, it)
    entry.join(made)
    made.history.load()
    made.state = service.State[it.state]
    made.pid, made.pidfd = it.pid, it.pidfd
    made.want = made.announced_want = it.want
    made.paused, made.is_to_group = it.paused, it.is_to_group
    made.since_ns, made.last_start_ns = it.since_ns, it.last_start_ns
    made.failures, made.is_doubtful, made.was_asked = it.failures, it.is_doubtful, it.was_asked
    made.started = Known(it.pid, it.is_exact, it.error, it.refusal) if it.pid else None
    made.ending.restore(it.overdue_ns, it.code, it.finish)
    made.resume(it.timer_ns)
    return made


def restore_built_in(entry: Entry, it: BuiltIn) -> EntryLog | None:
    """Make a built-in log again; a logger of this version waits until the old one lets go."""
    wanted = entry.logs.current.settings.log
    if not wanted:  # it was to make room for a classic one, which the next look starts
        for fd in {it.lock, it.control, it.ok}:
            os.close(fd)
        return None
    made = EntryLog(entry, entry.logs.directory, it.label, wanted)
    hold(made.files, it)
    made.state = logcontrol.State[it.state]
    made.want, made.since_ns = it.want, it.since_ns
    made.is_leaving, made.is_draining = it.is_leaving, it.is_draining
    made.wants_rotation = it.wants_rotation
    entry.scan.loop.read(made.files.control, entry, made.obey)
    made.number = it.number  # the one that the places know
    made.process = entry.scan.loggers.find(made.where(wanted))
    made.process.add(made)
    if made.is_leaving and entry.scan.stopping.begun_ns:
        made.drains = 1  # as if this were the first look
        entry.later(DRAIN_NS, made.hurry)  # not before ours has a line that the old one left
    return made


def hold(files: Files, it: Service | BuiltIn) -> None:
    """Hold what was held."""
    files.lock, files.control, files.ok = it.lock, it.control, it.ok
    files.held = list({it.lock, it.control, it.ok})  # control and ok may be one
