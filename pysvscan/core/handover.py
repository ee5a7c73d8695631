"""What one svscan hands over to the next image of itself: values to bytes and back. Pure.

Text (JSON), so that it can be looked at. It carries the number of its form: an image that knows
another one, or finds a field that it does not know, takes nothing, and the old one goes on. A
field that is missing has its default, if it has one: a newer image may know more, and so a field
that has one needs no other number.

Descriptors are numbers that stay what they are through an exec; -1 is none. Moments are of the
monotonic clock, which an exec does not touch, `since_ns` of the wall clock.
"""

import functools
import json
import types
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

VERSION = 1
Record = TypeVar("Record")


class HandoverError(ValueError):
    """The bytes are no state that this version can take; the text says why."""


class Finish(NamedTuple):
    """A ./finish that runs.

    Attributes:
        pidfd: of a process that was taken over; a child's is opened anew.
        due_ns: when it is killed.
        is_exact, error, refusal: why it could not be executed, as for a service.
    """

    pid: int
    pidfd: int
    due_ns: int
    is_exact: bool = False
    error: int = 0
    refusal: str = ""


class Service(NamedTuple):
    """A Supervise.

    Attributes:
        state: of core.service, by name.
        pid: 0: none.
        pidfd: of a process that was taken over; a child's is opened anew.
        is_to_group, is_doubtful, was_asked: see supervise.py.
        is_exact, error, refusal: why ./run could not be executed, as far as it is known: what the
            process left in the memory of the old image.
        timer_ns: when it may start; None: it does not wait for that.
        overdue_ns: when it is killed, if it was asked to end; None: it is not.
        code: of its last end; None: it runs, or has not run.
        finish: what runs after that end.
    """

    label: bytes
    lock: int
    control: int
    ok: int
    state: str
    pid: int
    pidfd: int
    want: bytes
    paused: bool
    is_to_group: bool
    since_ns: int
    last_start_ns: int
    failures: int
    is_doubtful: bool
    was_asked: bool = False
    is_exact: bool = False
    error: int = 0
    refusal: str = ""
    timer_ns: int | None = None
    overdue_ns: int | None = None
    code: int | None = None
    finish: Finish | None = None


class BuiltIn(NamedTuple):
    """An EntryLog.

    Attributes:
        state: of core.logcontrol, by name.
        wants_rotation: that was ordered, and is not known to be done.
    """

    label: bytes
    lock: int
    control: int
    ok: int
    number: int
    state: str
    want: bytes
    since_ns: int
    is_leaving: bool
    is_draining: bool
    wants_rotation: bool = False


class Logger(NamedTuple):
    """A logger process, to be exchanged for one of the new version.

    Attributes:
        account: see loggers.py.
        own: the key of the entry whose own process it is; empty: all entries'.
        pid: 0: none.
        places: its memory, which the next one is given.
    """

    account: str
    own: tuple[int, ...]
    pid: int
    places: int


class Entry(NamedTuple):
    """An entry of the scan directory.

    Attributes:
        key: device and inode.
        text: the service.toml whose settings it has; None: it has none yet.
        log: a log/run, built_in: a log of our own; at most one of them.
    """

    key: tuple[int, ...]
    label: bytes
    names: tuple[bytes, ...]
    directory: int
    pipe: int
    is_begun: bool
    seen_ns: int
    aside_ns: int
    trouble: int
    text: bytes | None
    log_directory: int
    main: Service | None
    log: Service | None
    built_in: BuiltIn | None


class Given(NamedTuple):
    """What svscan was given, and its services get: see inherited.py.

    Attributes:
        limits: resource and soft limit, one after the other.
    """

    env: tuple[bytes, ...]
    mask: tuple[int, ...]
    ignored: tuple[int, ...]
    descriptors: tuple[int, ...]
    stdin: int
    limits: tuple[int, ...] = ()


class Scan(NamedTuple):
    """All of a svscan.

    Attributes:
        words: the command line, the command's name first.
        signals: that came and were not served.
        is_stopping: an ordered stop is under way, since `stop_ns`, and svscan will exit stop_code.
        is_stop_due: it is to begin.
        last_number: of a log.
        crashes: how often in a row it was an exception that led to this, the last at `crashed_ns`.
        crash: that exception.
        in_hand: the key of the entry that was served then.
    """

    words: tuple[bytes, ...]
    given: Given
    directory: int
    control: int
    entries: tuple[Entry, ...]
    loggers: tuple[Logger, ...] = ()
    signals: tuple[int, ...] = ()
    is_stopping: bool = False
    stop_ns: int = 0
    stop_code: int = 0
    is_stop_due: bool = False
    last_number: int = 0
    crashes: int = 0
    crashed_ns: int = 0
    crash: str = ""
    in_hand: tuple[int, ...] = ()


def pack(scan: Scan) -> bytes:
    """Encode."""
    return json.dumps({"pysvscan": VERSION, "scan": plain(scan)}).encode("ascii")


def unpack(data: bytes) -> Scan:
    """Decode.

    Raises:
        HandoverError: it is of another version, or none at all.
    """
    try:
        found = json.loads(data)
        version = found["pysvscan"]
    except (ValueError, TypeError, KeyError):
        raise HandoverError("no state of a svscan") from None
    if version != VERSION:
        raise HandoverError(f"a state of version {version!r}, and this one takes {VERSION}")
    if set(found) != {"pysvscan", "scan"}:
        raise HandoverError("no state of a svscan")
    return record(Scan, "scan", found["scan"])


def descriptors(scan: Scan) -> list[int]:
    """List the descriptors that must survive."""
    found = [scan.given.stdin, scan.directory, scan.control]
    found += (it.places for it in scan.loggers)
    for entry in scan.entries:
        found += (entry.directory, entry.pipe, entry.log_directory, *parts_descriptors(entry))
    return [fd for fd in found if fd >= 0]


def parts_descriptors(entry: Entry) -> list[int]:
    """List what service and logger of an entry hold, without what the entry itself does."""
    found: list[int] = []
    for part in (entry.main, entry.log, entry.built_in):
        if part:
            found += (part.lock, part.control, part.ok)
        if isinstance(part, Service):
            found += (part.pidfd, part.finish.pidfd if part.finish else -1)
    return [fd for fd in found if fd >= 0]


# to what JSON has, and back


def plain(value: object) -> object:
    """Make a value one of JSON's: a record is an object, bytes are text of their numbers."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return {name: plain(field) for name, field in value._asdict().items()}
        return [plain(each) for each in value]
    return value


def record(kind: type[Record], where: str, found: object) -> Record:
    """Make an object a record of this kind."""
    if not isinstance(found, dict):
        raise HandoverError(f"{where} is no object")
    hints = hints_of(kind)  # type: ignore[arg-type]
    for name in found:
        if name not in hints:
            raise HandoverError(f"{where}.{name} is unknown to this version")
    fields = {name: value_of(hints[name], f"{where}.{name}", it) for name, it in found.items()}
    try:
        return kind(**fields)
    except TypeError:
        raise HandoverError(f"{where} lacks a field") from None


@functools.cache  # 900 services are 900 records
def hints_of(kind: Any) -> dict[str, Any]:  # noqa: ANN401 (any record)
    """Give the types of a record's fields."""
    return get_type_hints(kind)


def value_of(hint: Any, where: str, found: object) -> Any:  # noqa: ANN401 (a type, and one of it)
    """Make a value of JSON what a record's field is."""
    if get_origin(hint) is types.UnionType:  # X | None
        return None if found is None else value_of(get_args(hint)[0], where, found)
    if get_origin(hint) is tuple:  # tuple[X, ...]
        if not isinstance(found, list):
            raise HandoverError(f"{where} is no list")
        return tuple(value_of(get_args(hint)[0], where, each) for each in found)
    if hasattr(hint, "_fields"):
        return record(hint, where, found)
    if hint is bytes and isinstance(found, str):
        return bytes_of(where, found)
    if type(found) is not hint:
        raise HandoverError(f"{where} is no {hint.__name__}")
    return found


def bytes_of(where: str, found: str) -> bytes:
    """Make text the bytes that it stands for."""
    try:
        return found.encode("latin-1")
    except UnicodeEncodeError:
        raise HandoverError(f"{where} is no bytes") from None
