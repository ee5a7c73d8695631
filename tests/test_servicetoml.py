"""servicetoml: the file as it lies there, whatever lies there.

Not tested here: what its keys mean (tests/core/test_settings.py).
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pysvscan import servicetoml, strerr
from pysvscan.core.settings import Log, Settings

GOOD = "[log]\nscript = './main'\nuser = 'qmaill'\n"
WHERE = "x/service.toml: "


def message(path: Path) -> str:
    """Read the file of a directory, which must be refused; what the warning would say."""
    directory = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(strerr.Fatal) as caught:
            servicetoml.read(directory, b"x")
    finally:
        os.close(directory)
    line = strerr.line("svscan", "warning", str(caught.value), caught.value.__cause__)
    assert line.startswith(b"svscan: warning: ")
    return os.fsdecode(line[len(b"svscan: warning: ") :])


def read(path: Path) -> Settings:
    """Read the file of a directory."""
    directory = os.open(path, os.O_RDONLY)
    try:
        return servicetoml.read(directory, b"x")
    finally:
        os.close(directory)


def test_read_without_a_file_is_classic(tmp_path: Path) -> None:
    """No service.toml, nothing but the classic."""
    assert read(tmp_path) == Settings()


def test_read_finds_the_settings(tmp_path: Path) -> None:
    """A file, up to the largest, or a link to one; an empty one sets nothing."""
    file = tmp_path / "service.toml"
    file.write_text(GOOD.ljust(servicetoml.MAX_BYTES, "\n"))
    expected = Settings(Log((b"./main",), "qmaill"))
    assert read(tmp_path) == expected
    file.rename(tmp_path / "shared")
    file.symlink_to("shared")
    assert read(tmp_path) == expected
    (tmp_path / "shared").write_text("")
    assert read(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"[log]\nscrpt = 1", "log.scrpt: unknown key; known are script, ", id="key"),
        pytest.param(b"[log\n", "no TOML: Expected ']' at the end of ", id="no TOML"),
        pytest.param(b"a = 1\n\xff = 2\n", "no UTF-8 in line 2\n", id="no UTF-8"),
        pytest.param(b"#" * 65537, "larger than 65536 bytes\n", id="large"),
        pytest.param(b"a = " + b"[" * 60000, "no TOML: ", id="deep"),
        pytest.param(b"a = " + b"9" * 60000, "no TOML: Exceeds the limit", id="digits"),
        pytest.param(b"[log]\nscript = 0x" + b"f" * 60000, "log.script: a number ", id="hex"),
    ],
)
def test_read_names_what_is_wrong(tmp_path: Path, data: bytes, expected: str) -> None:
    """One line: the file, where in it, what."""
    (tmp_path / "service.toml").write_bytes(data)
    text = message(tmp_path)
    assert text.startswith(WHERE + expected)
    assert text.count("\n") == 1


def make_loop(path: Path) -> None:
    """Make a link to itself."""
    path.symlink_to(path.name)


def make_dangling(path: Path) -> None:
    """Make a link to nothing: not the same as no file, which would be a classic service."""
    path.symlink_to("missing")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(os.mkdir, "not a plain file", id="directory"),
        pytest.param(os.mkfifo, "not a plain file", id="FIFO"),
        pytest.param(make_loop, "symbolic link loop", id="loop"),
        pytest.param(make_dangling, "file does not exist", id="dangling"),
    ],
)
def test_read_refuses_what_is_no_file(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    """Something else of this name is said, and not waited for."""
    make(tmp_path / "service.toml")
    assert message(tmp_path) == f"unable to read x/service.toml: {reason}\n"


@pytest.mark.root
def test_read_wants_a_user_from_root(tmp_path: Path) -> None:
    """Who is root is asked of the kernel."""
    (tmp_path / "service.toml").write_text("[log]\nscript = './main'")
    assert message(tmp_path).startswith(WHERE + "log.user: missing; ")
