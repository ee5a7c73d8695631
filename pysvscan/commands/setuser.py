"""setuser ACCOUNT CHILD…: run a program as an account at home: ids, groups, directory, variables.

Home is entered as the account, as login does: one on NFS may be closed to root.
Source: daemontools-encore's manual, setuser(8).
"""

import os

from pysvscan import account, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Become the account with all its groups, go home, and run the child with its variables."""
    if len(argv) < 3:
        raise strerr.Usage("setuser account child")
    who = account.lookup(argv[1])
    account.take_groups(who)
    account.become(who)
    try:
        os.chdir(who.pw_dir)
    except OSError as exc:
        raise strerr.Fatal(f"unable to chdir to {who.pw_dir}") from exc
    chain.set_variable(b"HOME", os.fsencode(who.pw_dir))
    chain.set_variable(b"SHELL", os.fsencode(who.pw_shell))
    chain.set_variable(b"USER", os.fsencode(who.pw_name))
    chain.set_variable(b"UID", b"%d" % who.pw_uid)
    chain.set_variable(b"GID", b"%d" % who.pw_gid)
    chain.run(argv[2:])
