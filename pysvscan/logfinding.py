"""Finds the log of a service: a name in the scan directory, a path to it, to its `log`, to the log.

What says where a log is, in this order: the directory itself, if multilog has written there;
service.toml; the script in log/run; what lies in log.
"""

import os

from pysvscan import scandirectory
from pysvscan.strerr import Fatal, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.core.settings import Log

RUN_BYTES = 65536
USUAL = b"main"


def find(word: bytes) -> bytes:
    """Find the log directory that a word means.

    Raises:
        Fatal: there is none.
    """
    path = place(word)
    if is_log(path):
        return path
    if not os.path.isdir(path):
        raise Fatal(f"unable to find service {name(word)}") from missing(path)
    base = path if is_log_of_service(path) else path + b"/log"
    for found in (by_script(base), by_looking(base)):
        if found:
            return found
    raise Fatal(f"unable to find a log of {name(word)}: nothing was logged in {name(base)}")


def base_of(word: bytes) -> bytes:
    """Say which `log` belongs to a word that `find` takes."""
    path = place(word)
    if is_log(path):
        return os.path.dirname(os.path.abspath(path))
    return path if is_log_of_service(path) else path + b"/log"


def place(word: bytes) -> bytes:
    """Say where a word leads: with a slash it is a path, else a name in $SVDIR, or else here."""
    word = word.rstrip(b"/") or word
    if b"/" in word or word in (b".", b".."):
        return word
    path = scan_directory() + b"/" + word
    return path if os.path.isdir(path) or not os.path.isdir(word) else word


def scan_directory() -> bytes:
    """Say which directory has the services."""
    return os.environb.get(b"SVDIR") or scandirectory.usual()


def missing(path: bytes) -> OSError | None:
    """Say why a directory is none."""
    try:
        os.stat(path)
    except OSError as exc:
        return exc
    return NotADirectoryError(20, "")


def is_log(path: bytes) -> bool:
    """Say whether multilog has written in a directory."""
    if os.path.isfile(path + b"/current"):
        return True
    try:
        return any(it[:2] == b"@4" for it in os.listdir(path))
    except OSError:
        return False


def is_log_of_service(path: bytes) -> bool:
    """Say whether this is a service's `log`, not the service."""
    return os.path.basename(os.path.abspath(path)) == b"log"


def settings_of(base: bytes) -> "Log | None":
    """Read [log] of service.toml beside a `log`; None: there is none that can be read."""
    import contextlib

    with contextlib.suppress(Fatal):
        return checked_settings_of(base)
    return None


def checked_settings_of(base: bytes) -> "Log | None":
    """Read [log] of service.toml beside a `log`; None: there is none.

    Raises:
        Fatal: something is wrong in service.toml, or it cannot be read.
    """
    from pysvscan import servicetoml

    path = service_of(base)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return servicetoml.read(fd, path).log
    finally:
        os.close(fd)


def service_of(base: bytes) -> bytes:
    """Name the service whose `log` this is."""
    if os.path.basename(base) == b"log":
        return os.path.dirname(base) or b"."
    return base + b"/.."


def words_of(base: bytes) -> list[bytes]:
    """Read the multilog script of a `log`, by service.toml or by log/run; empty: none found."""
    if os.path.exists(service_of(base) + b"/service.toml"):
        log = settings_of(base)
        if log:
            return list(log.words)
    try:
        fd = os.open(base + b"/run", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    with open(fd, "rb", buffering=0) as file:
        return script_in(file.read(RUN_BYTES) or b"")


def script_in(run: bytes) -> list[bytes]:
    """Find the words after `multilog` in a run file, whatever else it does."""
    from pysvscan.core import words

    for line in run.replace(b"\\\n", b" ").split(b"\n"):
        before, found, after = line.partition(b"multilog ")
        if found and not before.lstrip().startswith(b"#"):
            try:
                return words.split(after)
            except words.WordsError:
                return after.split()
    return []


def by_script(base: bytes) -> bytes:
    """Find the first directory that the script names, and that is there; b"": none."""
    for word in words_of(base):
        if word[:1] in (b".", b"/"):
            path = os.path.join(base, word.removeprefix(b"./"))
            if os.path.isdir(path):
                return path
    return b""


def by_looking(base: bytes) -> bytes:
    """Find the only log directory in a `log`, or the one named `main`; b"": none, or several."""
    try:
        names = sorted(os.listdir(base))
    except OSError:
        return b""
    found = [it for it in names if is_log(base + b"/" + it)]
    chosen = USUAL if USUAL in found else b"".join(found[:1]) if len(found) == 1 else b""
    return base + b"/" + chosen if chosen else b""


def services() -> list[bytes]:
    """List the services of the scan directory.

    Raises:
        Fatal: it cannot be read.
    """
    scan = scan_directory()
    try:
        names = sorted(map(os.fsencode, os.listdir(scan)))
    except OSError as exc:
        raise Fatal(f"unable to read {name(scan)}") from exc
    return [it for it in names if it[:1] != b"." and os.path.isdir(scan + b"/" + it)]
