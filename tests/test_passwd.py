"""Accounts without a lookup: found are only those of which there is no doubt."""

import pwd
from pathlib import Path

import pytest

from pysvscan import passwd

FILE = """root:x:0:0:root:/root:/bin/sh
qmaild:x:7791:2107::/var/qmail:/bin/false
+nis:x:12:12:::
twice:x:10:11:::
twice:x:20:21:::
short:x:10:11::
long:x:10:11:::::
minus:x:-1:11:::
none:x::11:::
word:x:1O:11:::
nobody:x:4294967295:11:::
group:x:10:4294967295:::
most:x:4294967294:4294967294:::
dig\xe9it:x:1:2:::
last:x:3:4:::"""

FOUND = {
    "root": (0, 0),
    "qmaild": (7791, 2107),
    "twice": (10, 11),
    "most": (4294967294, 4294967294),
    "dig\xe9it": (1, 2),
    "last": (3, 4),
}
DOUBTFUL = ["nis", "short", "long", "minus", "none", "word", "nobody", "group"]
ABSENT = ["", "mail", "ootr", "qmaild:x", "oot", "x", "root:x:0:0:root:/root:/bin/sh\nqmaild"]


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    """Give a file of accounts."""
    path = tmp_path / "passwd"
    path.write_text(FILE)
    return str(path)


@pytest.mark.parametrize("name", [*FOUND, *DOUBTFUL, *ABSENT])
def test_find_knows_an_account(accounts: str, name: str) -> None:
    """Uid and gid, as getpwnam has them; what is doubtful or absent is None."""
    assert passwd.find(name, accounts, "/missing") == FOUND.get(name)


SOURCES = [
    ("", True),
    ("group: ldap\n", True),
    ("passwd: files systemd\n", True),
    ("  passwd :\tfiles # ldap\n", True),
    ("passwd: ldap files\n", False),
    ("passwd:sss\n", False),
    ("passwd:\n", False),
    ("#passwd: ldap\npasswd: compat\n", False),
]


@pytest.mark.parametrize(("text", "expected"), SOURCES)
def test_find_leaves_what_others_are_asked_first(
    accounts: str, tmp_path: Path, text: str, expected: bool
) -> None:
    """A directory service may have another account of this name."""
    path = tmp_path / "nsswitch"
    path.write_text(text)
    assert (passwd.find("root", accounts, str(path)) is not None) == expected


def test_find_reads_no_more_than_a_file_of_accounts(tmp_path: Path) -> None:
    """Neither what is too large nor what is not there is one."""
    large = tmp_path / "large"
    large.write_text(FILE + "\n" * passwd.MAX_BYTES)
    assert passwd.find("root", str(large), "/missing") is None
    assert passwd.find("root", "/missing", "/missing") is None


def test_find_agrees_with_this_machine() -> None:
    """All accounts, where it takes them from the file at all."""
    for it in pwd.getpwall():
        assert passwd.find(it.pw_name) in (None, (it.pw_uid, it.pw_gid))
