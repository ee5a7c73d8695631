"""setuidgid [-s] ACCOUNT CHILD…: run a program under an account's uid and gid.

`-s` is daemontools-encore's: the account's supplementary groups as well. It is an option only as
the whole first word, so that all else is C's.
Source: daemontools 0.76 setuidgid.c, prot.c.
"""

from pysvscan import account, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain


def main(argv: list[bytes], chain: "Chain") -> int:
    """Give up all groups but the account's, then the uid, and run the child."""
    set_groups = account.drop_groups
    words = argv[1:]
    if words[:1] == [b"-s"]:
        set_groups = account.take_groups
        words = words[1:]
    if len(words) < 2:
        raise strerr.Usage("setuidgid account child")
    who = account.lookup(words[0])
    set_groups(who)
    account.become(who)
    chain.run(words[1:])
