"""What a ./run may be, whether a shell can be trusted with it, and why nobody can execute it."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

Make = Callable[[Path], object]


def copy_true(path: Path) -> None:
    """Make a run that is a binary."""
    shutil.copy("/bin/true", path / "run")


def foreign(path: Path) -> None:
    """Make a run that is a binary of no machine."""
    data = bytearray(Path("/bin/true").read_bytes()[:4096])
    data[18:20] = b"\xff\xff"
    (path / "run").write_bytes(data)


def remove(path: Path) -> None:
    """Make no run."""
    (path / "run").unlink()


def text(first_line: bytes, mode: int = 0o755) -> Make:
    """Give a maker of a script."""

    def make(path: Path) -> None:
        (path / "run").write_bytes(first_line + b"\necho $$ >>starts\n")
        (path / "run").chmod(mode)

    return make


# How to make run, whether a shell may execute it, and the errno of those that nobody can.
RUNS: dict[str, tuple[Make, bool, int]] = {
    "sh": (text(b"#!/bin/sh"), True, 0),
    "sh with a word": (text(b"#!/bin/sh -e"), True, 0),
    "sh after blanks": (text(b"#! \t/bin/sh -e "), True, 0),
    "NUL in the line": (text(b"#!/bin/sh\0x"), True, 0),
    "binary": (copy_true, True, 0),
    "CRLF": (text(b"#!/bin/sh\r"), False, errno.ENOENT),
    "no #!": (text(b"echo"), False, errno.ENOEXEC),
    "empty": (text(b""), False, errno.ENOEXEC),
    "no word": (text(b"#! "), False, errno.ENOEXEC),
    "relative": (text(b"#!sh"), False, errno.ENOENT),
    "no interpreter": (text(b"#!/no/such"), False, errno.ENOENT),
    "interpreter a directory": (text(b"#!/tmp"), False, errno.EACCES),
    "not executable": (text(b"#!/bin/sh", 0o644), False, errno.EACCES),
    "foreign": (foreign, False, errno.ENOEXEC),
    "long": (text(b"#!/bin/" + b"x" * 300), False, errno.ENOEXEC),
    "missing": (remove, False, errno.ENOENT),
}
