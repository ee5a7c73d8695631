"""envuidgid ACCOUNT CHILD…: run a program with an account's ids in UID and GID.

The process keeps its own ids. Source: daemontools 0.76 envuidgid.c.
"""

from pysvscan import account, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Set UID and GID, and run the child."""
    if len(argv) < 3:
        raise strerr.Usage("envuidgid account child")
    ids = account.lookup(argv[1])
    chain.set_variable(b"GID", b"%d" % ids.pw_gid)
    chain.set_variable(b"UID", b"%d" % ids.pw_uid)
    chain.run(argv[2:])
