"""setuidgid ACCOUNT CHILD…: run a program under an account's uid and gid.

Source: daemontools 0.76 setuidgid.c, prot.c.
"""

import os
import pwd

from pysvscan import strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Give up all groups but the account's, then the uid, and run the child."""
    if len(argv) < 3:
        raise strerr.Usage("setuidgid account child")
    name = strerr.name(argv[1])
    try:
        account = pwd.getpwnam(name)
    except (KeyError, OSError):
        raise strerr.Fatal(f"unknown account {name}") from None
    try:
        os.setgroups([account.pw_gid])
        os.setgid(account.pw_gid)
    except OSError as exc:
        raise strerr.Fatal("unable to setgid") from exc
    try:
        os.setuid(account.pw_uid)
    except OSError as exc:
        raise strerr.Fatal("unable to setuid") from exc
    chain.run(argv[2:])
