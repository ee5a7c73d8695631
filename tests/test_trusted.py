"""What root reads for a service of another account: only where root alone paves the way.

Not tested: a directory that is replaced while it is walked; each step is taken from the last one's
descriptor.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import strerr, trusted
from pysvscan.trusted import MAX_BYTES, Untrusted

SECRET = b"root:secret\nmore\n"
ACCOUNT = 1


@pytest.fixture
def service(tmp_path: Path) -> Iterator[int]:
    """Give a service directory, beside a secret and a directory of the account's."""
    for name in ("a/env", "a/work", "secrets"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secrets/shadow").write_bytes(SECRET)
    (tmp_path / "a/env/KEPT").write_bytes(b"yes \t\n")
    fd = os.open(tmp_path / "a", os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def give(path: Path) -> None:
    """Let an account have a directory: as its owner, or, where we cannot, by its mode."""
    if os.geteuid() == 0:
        os.chown(path, ACCOUNT, ACCOUNT)
    else:
        path.chmod(0o777)


def read(service: int, path: bytes = b"env") -> dict[bytes, bytes | None]:
    """Read variables."""
    return dict(trusted.variables(service, path))


def test_variables_are_those_of_envdir(service: int, tmp_path: Path) -> None:
    """First lines, blanks at the end cut, NUL as newline; what is empty or leads nowhere unsets."""
    env = tmp_path / "a/env"
    (env / "NUL").write_bytes(b" a\0b\0\nc")
    (env / "EMPTY").touch()
    (env / "NOWHERE").symlink_to("missing")
    (env / ".hidden").write_text("x")
    (env / "LINK").symlink_to("../../secrets/shadow")
    (env / "LONG").write_bytes(b"x" * (MAX_BYTES - 2) + b"\n" + b"y" * MAX_BYTES)
    os.mkfifo(env / "FIFO")
    expected = {
        b"KEPT": b"yes",
        b"NUL": b" a\nb\n",
        b"EMPTY": None,
        b"NOWHERE": None,
        b"LINK": b"root:secret",
        b"LONG": b"x" * (MAX_BYTES - 2),
        b"FIFO": None,
    }
    (tmp_path / "a/other").symlink_to("env/")
    for path in (b"env", b"other", b"./env/../env", b"env/"):
        assert read(service, path) == expected


def test_an_absolute_way_begins_at_the_root(service: int, tmp_path: Path) -> None:
    """A link as well; from there on, every directory counts."""
    (tmp_path / "a/root").symlink_to("/")
    for path in (b"/", b"root", b"//./"):
        fd = trusted.walk(service, path)
        assert os.path.samestat(os.fstat(fd), os.stat("/"))
        os.close(fd)
    with pytest.raises(Untrusted):
        trusted.walk(service, b"/tmp/x")


def by_directory(place: Path) -> bytes:
    """The directory of variables is the account's."""
    give(place / "a/env")
    return b"env"


def by_link(place: Path) -> bytes:
    """It is in a directory of the account's, where that has made a link of it."""
    give(place / "a/work")
    (place / "a/work/env").symlink_to("../../secrets")
    return b"work/env"


def by_file(place: Path) -> bytes:
    """One variable leads to where the account has made a link to a secret."""
    give(place / "a/work")
    (place / "a/work/here").symlink_to("../../secrets/shadow")
    (place / "a/env/X").symlink_to("../work/here")
    return b"env"


def by_way_back(place: Path) -> bytes:
    """The way goes through the account's directory, and out again."""
    give(place / "a/work")
    return b"work/../env"


def by_service(place: Path) -> bytes:
    """The service directory is the account's."""
    give(place / "a")
    return b"env"


def by_group(place: Path) -> bytes:
    """A group may write to the directory of variables."""
    (place / "a/env").chmod(0o775)
    return b"env"


def by_sticky(place: Path) -> bytes:
    """Everybody may add to the directory, as to /tmp."""
    (place / "a/env").chmod(0o1777)
    return b"env"


WAYS = [by_directory, by_link, by_file, by_way_back, by_service, by_group, by_sticky]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_read_by_a_way_that_the_account_may_change(
    service: int, tmp_path: Path, way: "type[by_link]"
) -> None:
    """The secret's first line would be in the environment of whoever must not see it."""
    path = way(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Untrusted):
        read(service, path)
    assert len(os.listdir("/proc/self/fd")) == before


def endless(env: Path) -> int:
    """A file without an end."""
    with (env / "X").open("wb") as file:
        file.truncate(1 << 40)
    return errno.E2BIG


def loop(env: Path) -> int:
    """A link to itself."""
    (env / "X").symlink_to("X")
    return errno.ELOOP


def nested(env: Path) -> int:
    """A directory."""
    (env / "X").mkdir()
    return errno.EISDIR


def through_file(env: Path) -> int:
    """A link through a file."""
    (env / "X").symlink_to("KEPT/x")
    return errno.ENOTDIR


@pytest.mark.parametrize("make", [endless, loop, nested, through_file])
def test_a_file_that_cannot_be_a_variable_is_named(
    service: int, tmp_path: Path, make: "type[endless]"
) -> None:
    """It takes neither long nor memory."""
    number = make(tmp_path / "a/env")
    with pytest.raises(strerr.Fatal, match=r"^unable to read env/X$") as caught:
        read(service)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == number
