"""Accounts: looked up by name, and become.

Source: daemontools 0.76 setuidgid.c, prot.c; the supplementary groups are daemontools-encore's.
"""

import os
import pwd

from pysvscan import strerr


def lookup(word: bytes) -> pwd.struct_passwd:
    """Find an account by its name.

    Raises:
        strerr.Fatal: there is none, in setuidgid's words.
    """
    name = strerr.name(word)
    try:
        return pwd.getpwnam(name)
    except (KeyError, OSError):
        raise strerr.Fatal(f"unknown account {name}") from None


def drop_groups(account: pwd.struct_passwd) -> None:
    """Belong to the account's group and to no other: what setuidgid does.

    Raises:
        strerr.Fatal: only root may.
    """
    try:
        os.setgroups([account.pw_gid])
        os.setgid(account.pw_gid)
    except OSError as exc:
        raise strerr.Fatal("unable to setgid") from exc


def take_groups(account: pwd.struct_passwd) -> None:
    """Belong to the account's group, and to those that /etc/group lists it in.

    Raises:
        strerr.Fatal: only root may.
    """
    try:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
    except OSError as exc:
        raise strerr.Fatal("unable to set groups") from exc


def become(account: pwd.struct_passwd) -> None:
    """Give up root for the account, its groups being set; there is no way back.

    Raises:
        strerr.Fatal: only root may.
    """
    try:
        os.setuid(account.pw_uid)
    except OSError as exc:
        raise strerr.Fatal("unable to setuid") from exc
