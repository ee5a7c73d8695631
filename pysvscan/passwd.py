"""Accounts of /etc/passwd, for svscan itself: no lookup there may wait for a network.

Whoever is not found here may still be found by account.py, in a process that may wait. What is
found is what getpwnam finds: where others are asked before the files, nothing is.
"""

ACCOUNTS = "/etc/passwd"
SOURCES = "/etc/nsswitch.conf"
MAX_BYTES = 1 << 20
NOBODY = 2**32 - 1  # what setuid takes for "as it is"


def find(name: str, accounts: str = ACCOUNTS, sources: str = SOURCES) -> tuple[int, int] | None:
    """Give uid and gid of an account; None: not here, or in no way that leaves no doubt."""
    wanted = name.encode()
    if not are_files_first(read(sources)):
        return None
    data = b"\n" + read(accounts)
    begin = data.find(b"\n" + wanted + b":")
    fields = data[begin + 1 :].partition(b"\n")[0].split(b":")
    if begin < 0 or len(fields) != 7 or fields[0] != wanted:
        return None
    uid, gid = number(fields[2]), number(fields[3])
    return None if uid is None or gid is None else (uid, gid)


def are_files_first(data: bytes) -> bool:
    """Say whether accounts are looked for in the files first, as where nothing is said."""
    for line in data.splitlines():
        database, colon, sources = line.partition(b"#")[0].partition(b":")
        if colon and database.strip() == b"passwd":
            return sources.split()[:1] == [b"files"]
    return True


def read(path: str) -> bytes:
    """Read a file; nothing where there is none, or it is larger than it should be."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(MAX_BYTES)
    except OSError:
        return b""
    return data if data is not None and len(data) < MAX_BYTES else b""


def number(field: bytes) -> int | None:
    """Read an id; None: it is none."""
    return int(field) if field.isdigit() and len(field) <= 10 and int(field) < NOBODY else None
