"""Services with a built-in log, for tests that run svscan."""

import os
from pathlib import Path

from tests.scan import SLEEP, Scan, executable, wait_up

COUNTER = """
i=0
while [ $i -lt {count} ]
do i=$((i+1)); echo $i; {pause}
done
>counted
exec sleep 1000
"""


def settings(script: str, **more: object) -> str:
    """Write service.toml: [log] with a script, and what svscan as root has to be told."""
    values: dict[str, object] = {"script": script, **more}
    if os.geteuid() == 0:
        values.setdefault("user", "root")
    lines = [f"{key} = {show(value)}" for key, value in values.items()]
    return "\n".join(["[log]", *lines, ""])


def show(value: object) -> str:
    """Write a value in TOML."""
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def service(path: Path, run: str = SLEEP, script: str = "./main", **more: object) -> Path:
    """Make a service directory with a built-in log."""
    (path / "log").mkdir(parents=True)
    executable(path / "log/run", "echo log/run ran >&2; exec multilog ./classic")
    replace(path / "service.toml", settings(script, **more))
    executable(path / "run", run)
    return path


def replace(path: Path, text: str) -> None:
    """Write a file as careful editors do."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


def count(path: Path, lines: int, pause: str = ":") -> str:
    """Give a run that writes the numbers from 1 on, once in a service's life."""
    return f"[ -e {path}/ran ] && exec sleep 1000; >{path}/ran\n" + COUNTER.format(
        count=lines, pause=pause
    )


def text(directory: Path) -> bytes:
    """Read a log directory, archives first; while it is rotated, that may be less than there is."""
    names = sorted(it.name for it in directory.glob("@*")) if directory.exists() else []
    return b"".join(content(directory / name) for name in (*names, "current"))


def content(path: Path) -> bytes:
    """Read a file, which may be about to get another name."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def numbers(*directories: Path) -> list[int]:
    """List the numbers in logs."""
    return [int(line) for it in directories for line in text(it).split()]


def logger(path: Path, but: int = 0) -> int:
    """Wait for the logger of a service, another one than that given; give its pid."""
    return wait_up(path / "log", but)


def ready(running: Scan, *names: str) -> list[int]:
    """Wait until logs are open; give the pids of their loggers."""
    return [logger(running.path / name) for name in names]
