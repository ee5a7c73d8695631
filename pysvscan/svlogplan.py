"""svlog plan: for each service, how far back its log reaches, will reach, and what it takes."""

import contextlib
import os
import time

from pysvscan import counters, logfinding, options, sgetopt, strerr
from pysvscan.commands.svlog import PLAN
from pysvscan.core import script, settings, tai
from pysvscan.core.counters import CountersError
from pysvscan.core.retention import Archived, Seen, show_bytes, show_span
from pysvscan.core.values import SettingsError
from pysvscan.logfile import Damaged, Logfile
from pysvscan.logfiles import DIRECTORY, Archive, Logfiles, looking
from pysvscan.logreader import Logreader, Window
from pysvscan.strerr import Fatal, Usage
from pysvscan.svlog import PROG
from pysvscan.zone import zone

USAGE = "svlog plan [--retain age] [-o text|json] [service ...]"
HEAD = ("service", "in a day", "kept a day", "ratio", "on disk", "reaches", "will reach", "retain")
GZIP = b"\x1f\x8b"


def main(argv: list[bytes]) -> int:
    """Print the plan; 1 if some service misses its retain, 111 if one cannot be read."""
    try:
        given, words = options.parse(argv[1:], b"", b"o", (), PLAN)
    except sgetopt.OptionError as exc:
        raise Usage(f"{USAGE}: {exc}") from None
    wanted = dict(given)
    if wanted.get(b"-o", b"text") not in (b"text", b"json"):
        raise Usage(USAGE)
    retain_ns = read_retain(wanted.get(b"--retain"))
    code = 0
    found: list[tuple[str, Seen]] = []
    for word in words or logged():
        try:
            found.append((strerr.name(word.rstrip(b"/") or word), look(word, retain_ns)))
        except Fatal as exc:
            strerr.warn(PROG, str(exc), exc.__cause__)
            code = 111
    text = as_json(found) if wanted.get(b"-o") == b"json" else as_text(found)
    strerr.write(os.fsencode(text), fd=1)
    return 1 if any(seen.misses() for _, seen in found) else code


def read_retain(value: bytes | None) -> int | None:
    """Read --retain."""
    if value is None:
        return None
    try:
        return settings.read_age("--retain", value.decode(errors="replace"))
    except SettingsError as exc:
        raise Usage(str(exc)) from None


def logged() -> list[bytes]:
    """List the services of the scan directory that have a log."""
    scan = logfinding.scan_directory()
    return [it for it in logfinding.services() if os.path.isdir(scan + b"/" + it + b"/log")]


def look(word: bytes, retain_ns: int | None) -> Seen:
    """Look at one log.

    Raises:
        Fatal: it, or its service.toml, cannot be found, or read.
    """
    path = logfinding.find(word)
    with looking(path) as files:
        seen = sizes(files)
        seen.begin_ns = begin_of(files)
    add_settings(seen, logfinding.base_of(word), path)
    seen.retain_ns = seen.retain_ns if retain_ns is None else retain_ns
    return seen


def sizes(files: Logfiles) -> Seen:
    """Weigh archives and current; of what is gone meanwhile nothing is said."""
    weighed: list[tuple[Archive, int, int | None]] = []
    for archive in files.archives:
        with contextlib.suppress(Damaged):
            file = files.open(archive)
            if file and archive.end:
                weighed.append((archive, file.size_bytes, plain_size(file)))
            if file:
                file.close()
    known = [size for _, _, size in weighed if size is not None]
    usual = sum(known) // len(known) if known else 0
    archives = [
        Archived(tai.unpack(bytes.fromhex(it.end[1:].decode())), size or usual or disk, disk)
        for it, disk, size in weighed
    ]
    current = files.current.size_bytes if files.current else 0
    return Seen(time.time_ns(), archives, current)


def plain_size(file: Logfile) -> int | None:
    """Say how large a file was before it was compressed; None: only reading it would tell.

    gzip ends with that number; zstd may begin with it, but does not where it was written in a pipe.
    """
    if not file.stream:
        return file.size_bytes
    if os.pread(file.fd, 2, 0) != GZIP:
        return None
    return int.from_bytes(os.pread(file.fd, 4, max(0, file.size_bytes - 4)), "little")


def begin_of(files: Logfiles) -> int | None:
    """Find the moment of the oldest line, as far as stamps and names tell."""
    reader = Logreader(files, 0, zone, lambda *_: None)
    for order, _, label, _ in reader.entries(Window()):
        first = label or order
        return tai.unpack(bytes.fromhex(first[1:].decode())) if first > b"@2" else None
    return None


def add_settings(seen: Seen, base: bytes, path: bytes) -> None:
    """Add what service.toml, log/run and the logger's counters say."""
    log = logfinding.checked_settings_of(base)
    if log:
        seen.max_age_ns, seen.retain_ns = log.max_age_ns, log.retain_ns
    directories = script.parse(logfinding.words_of(base)).directories
    for number, it in enumerate(directories):
        if is_same(os.path.join(base, it.path), path):
            seen.size_bytes, seen.count = it.size_bytes, it.count
            if number == 0:
                add_counts(seen, base)


def add_counts(seen: Seen, base: bytes) -> None:
    """Add what the built-in logger has counted: of the first directory."""
    with contextlib.suppress(OSError, CountersError):
        fd = os.open(base, DIRECTORY)
        try:
            seen.counts = counters.read(fd)
        finally:
            os.close(fd)


def is_same(one: bytes, other: bytes) -> bool:
    """Say whether two paths lead to the same directory."""
    with contextlib.suppress(OSError):
        return os.path.samefile(one, other)
    return False


# what is printed


def as_text(found: list[tuple[str, Seen]]) -> str:
    """Write a table, and below it what those need that miss their retain."""
    lines = [HEAD, *(cells(name, seen) for name, seen in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = ""
    for line in lines if found else []:
        padded = [line[0].ljust(widths[0])]
        padded += [it.rjust(width) for it, width in zip(line[1:], widths[1:], strict=True)]
        text += "  ".join(padded).rstrip() + "\n"
    return text + "".join(advice(name, seen) for name, seen in found)


def cells(name: str, seen: Seen) -> tuple[str, ...]:
    """Write the row of one service."""
    kept, ratio, will_ns = seen.kept_a_day(), seen.ratio(), seen.will_reach_ns()
    return (
        name,
        "-" if kept is None or ratio is None else show_bytes(int(kept * ratio)),
        "-" if kept is None else show_bytes(kept),
        "-" if ratio is None else f"{ratio:.1f}",
        show_bytes(seen.disk_bytes()),
        show_span(seen.reach_ns()),
        "-" if will_ns is None else show_span(will_ns),
        verdict(seen),
    )


def verdict(seen: Seen) -> str:
    """Say how far back a log is to reach, and whether it does."""
    if seen.retain_ns is None:
        return "-"
    word = "MISSED" if seen.misses() else "ok" if seen.is_known() else "unknown"
    return f"{show_span(seen.retain_ns)} {word}"


def advice(name: str, seen: Seen) -> str:
    """Say what a service needs that misses its retain."""
    if not seen.misses() or seen.retain_ns is None:
        return ""
    need, span = seen.needs(), show_span(seen.retain_ns)
    if need is None:
        return f"{name}: misses {span}; its log is too young to say what that takes\n"
    takes = f"s{need.size_bytes} n{need.count}, {show_bytes(need.disk_bytes)} on disk"
    has = "" if seen.size_bytes is None else f"; it has s{seen.size_bytes} n{seen.count}"
    age = seen.max_age_ns
    aged = f", and no max_age below {span}" if age is not None and age < seen.retain_ns else ""
    return f"{name}: misses {span}: that takes {takes}{aged}{has}\n"


def as_json(found: list[tuple[str, Seen]]) -> str:
    """Write one object a line; bytes, seconds."""
    from json import dumps

    return "".join(dumps(row(name, seen)) + "\n" for name, seen in found)


def row(name: str, seen: Seen) -> dict[str, object]:
    """Say of one service what the table says, in numbers."""
    kept, ratio, need = seen.kept_a_day(), seen.ratio(), seen.needs()
    return {
        "service": name.encode(errors="replace").decode(),
        "in_a_day": None if kept is None or ratio is None else int(kept * ratio),
        "kept_a_day": kept,
        "ratio": ratio,
        "disk": seen.disk_bytes(),
        "reaches": seconds(seen.reach_ns()),
        "will_reach": seconds(seen.will_reach_ns()),
        "retain": seconds(seen.retain_ns),
        "misses": seen.misses(),
        "size": seen.size_bytes,
        "count": seen.count,
        "needs": need and {"size": need.size_bytes, "count": need.count, "disk": need.disk_bytes},
    }


def seconds(span_ns: int | None) -> int | None:
    """Give a length of time in seconds."""
    return None if span_ns is None else span_ns // tai.SECOND_NS
