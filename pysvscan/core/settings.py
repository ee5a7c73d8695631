"""What service.toml says: a table of TOML becomes Settings, or an error that names key and value.

Everything is checked here, so that whoever gets Settings need not. Each table and each key has its
own reader; what has none is unknown, and an error. Not here: reading the file (servicetoml.py).
"""

import functools
import re
from typing import NamedTuple

from pysvscan.core import (
    restartsettings,
    runsettings,
    script,
    stamp,
    stopsettings,
    suffix,
    words,
)
from pysvscan.core.redactsettings import read_redact
from pysvscan.core.restartsettings import Restart
from pysvscan.core.runsettings import Run
from pysvscan.core.stopsettings import Stop
from pysvscan.core.values import (
    SettingsError,
    encode,
    read_account,
    read_bool,
    read_choice,
    read_keys,
    show,
    show_key,
    show_word,
    table_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pysvscan.core.values import Keys

FULL = ("block", "drop-archives", "drop-lines")
COMPRESS = ("gzip", "zstd")
UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
MAX_WORDS = 500  # of a script: svscan, and a logger that others share, would read at more for long
MAX_AGE_NS = 36500 * UNIT_NS["d"]  # a hundred years; in 64 bits as well
AGE = re.compile(r"([1-9][0-9]{0,9})([smhd])", re.ASCII)


class Log(NamedTuple):
    """The table [log].

    Attributes:
        words: the multilog script, word by word.
        user: the logger's account; None: that of svscan, which then is not root.
        stderr: take the service's stderr, too.
        stdout: copy what is selected to svscan's stdout.
        full: what to do where the disk is full, one of FULL.
        compress: what compresses archives, one of COMPRESS, or None.
        max_age_ns: how old an archive may be; None: any age.
        retain_ns: how far back the log is to reach, which svlog plan watches; None: nobody cares.
        own: a process of its own.
        redact: what is taken out of the lines; see redactsettings.py.
    """

    words: tuple[bytes, ...]
    user: str | None = None
    stderr: bool = False
    stdout: bool = False
    full: str = "block"
    compress: str | None = None
    max_age_ns: int | None = None
    retain_ns: int | None = None
    own: bool = False
    redact: tuple[bytes, ...] = ()

    @property
    def script(self) -> script.Script:
        """The script, parsed anew: who runs it keeps it, svscan need not keep 900 of them."""
        return script.parse(list(self.words))


class Settings:
    """All of service.toml. Without the file: `Settings()`, a classic service.

    Attributes:
        log: the table [log]; None: there is none, and `log/run` logs if there is one.
        run: the table [run]; None: there is none, and `run` gets what svscan was given.
        restart: the table [restart]; None: there is none, and the service starts each second.
        stop: the table [stop]; None: there is none, and TERM ends the service.
        text: the file that they come from; others may say the same in other words.
    """

    __slots__ = ("log", "restart", "run", "stop", "text")

    def __init__(
        self,
        log: Log | None = None,
        run: Run | None = None,
        restart: Restart | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.log = log
        self.run = run
        self.restart = restart
        self.stop = stop
        self.text = b""

    def values(self) -> tuple[object, ...]:
        """List what makes two of them equal."""
        return (self.log, self.run, self.restart, self.stop)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(self.values())


def parse(table: dict[str, object], is_root: bool) -> Settings:
    """Check a whole service.toml.

    Args:
        table: as tomllib gives it.
        is_root: svscan is root, so that a log must say whose it is.

    Raises:
        SettingsError: the first thing that is wrong.
    """
    for name in table:
        if name not in TABLES:
            known = ", ".join(TABLES)
            raise SettingsError(f"{show_key(name)}: unknown table; known are {known}")
    found: dict[str, Any] = {}
    for name, read in TABLES.items():
        content = table_of(table, name)
        found[name] = None if content is None else read(content, is_root)
    return Settings(**found)


def parse_log(table: dict[str, object], is_root: bool) -> Log:
    """Check the table [log]."""
    values = read_keys("log", table, LOG_KEYS)
    if "words" not in values:
        raise SettingsError("log.script: missing; a multilog script says what is written where")
    log = Log(**values)
    check_together(log, is_root)
    return log


def check_together(log: Log, is_root: bool) -> None:
    """Check what no key can say alone."""
    if log.user is None and is_root:
        raise SettingsError('log.user: missing; svscan is root, and even "root" must be said')
    if log.retain_ns and log.max_age_ns and log.max_age_ns < log.retain_ns:
        ages = show_age(log.max_age_ns), show_age(log.retain_ns)
        raise SettingsError('log.max_age: "{}" is less than the "{}" of log.retain'.format(*ages))
    processors = [it.processor for it in log.script.directories] if log.compress else []
    for processor in processors:
        if processor is not None:
            raise SettingsError(
                f'log.compress: "{log.compress}" and the processor {show_word(b"!" + processor)} '
                "of log.script: only one can have an archive"
            )


def show_age(age_ns: int) -> str:
    """Write an age as it is read."""
    unit = next(it for it in "dhms" if age_ns % UNIT_NS[it] == 0)
    return f"{age_ns // UNIT_NS[unit]}{unit}"


def read_script(key: str, value: object) -> tuple[bytes, ...]:
    """Read a multilog script: a string, split as a shell would, or an array of words."""
    found = split_script(key, value)
    if len(found) > MAX_WORDS:
        raise SettingsError(f"{key}: more than {MAX_WORDS} words")
    parsed = script.parse(found)
    for word in found:
        if wrong := what_is_wrong(word, word in parsed.ignored):
            raise SettingsError(f"{key}: {show_word(word)}: {wrong}")
    paths = [it.path for it in parsed.directories]
    if not paths:
        raise SettingsError(f"{key}: {show(value)} names no directory, as ./main would")
    for path in paths:
        if paths.count(path) > 1:
            raise SettingsError(f"{key}: {show_word(path)}: a directory can be named once")
    return tuple(found)


def split_script(key: str, value: object) -> list[bytes]:
    """Make words of either form."""
    if isinstance(value, str):
        try:
            return words.split(encode(value))
        except words.WordsError as exc:
            raise SettingsError(f"{key}: {show(value)}: {exc}") from None
    if not isinstance(value, list):
        raise SettingsError(f"{key}: {show(value)} is neither a string nor an array")
    for word in value:
        if not isinstance(word, str) or "\0" in word:
            raise SettingsError(f"{key}: {show(word)} in the array is no word")
    return [encode(word) for word in value]


def what_is_wrong(word: bytes, ignored: bool) -> str:
    """Say what is wrong with an action that multilog takes, or ignores; nothing if all is well."""
    action, rest = word[:1], word[1:]
    if action == b"w":
        return suffix.wrong_code(rest)
    if ignored:
        if action == b"t" or word in stamp.LETTERS:
            return f"{action.decode()} counts only as the first word"
        return "no action of multilog"
    if action in (b"s", b"n") and not rest.isdigit():
        return f"{action.decode()} wants a number"
    if action in (b"e", b"t") and rest:
        return f"{action.decode()} stands alone"
    if action in (b"=", b"!") and not rest.strip():
        return f"{action.decode()} wants {'a file' if action == b'=' else 'a program'}"
    return ""


def read_age(key: str, value: object) -> int:
    """Read an age: a number and its unit, as in 30d."""
    found = AGE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise SettingsError(f"{key}: {show(value)} is no age; 30d, 12h, 90m, 45s are")
    age_ns = int(found[1]) * UNIT_NS[found[2]]
    if age_ns > MAX_AGE_NS:
        raise SettingsError(f"{key}: {show(value)} is more than 36500d")
    return age_ns


LOG_KEYS: "Keys" = {
    "script": ("words", read_script),
    "user": ("user", read_account),
    "stderr": ("stderr", read_bool),
    "stdout": ("stdout", read_bool),
    "full": ("full", functools.partial(read_choice, choices=FULL)),
    "compress": ("compress", functools.partial(read_choice, choices=COMPRESS)),
    "max_age": ("max_age_ns", read_age),
    "retain": ("retain_ns", read_age),
    "own": ("own", read_bool),
    "redact": ("redact", read_redact),
}
TABLES: "dict[str, Callable[[dict[str, object], bool], object]]" = {  # of Settings: reader
    "log": parse_log,
    "run": lambda table, _is_root: runsettings.parse(table),
    "restart": lambda table, _is_root: restartsettings.parse(table),
    "stop": lambda table, _is_root: stopsettings.parse(table),
}
