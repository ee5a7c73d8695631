"""softlimit's limits: letters, numbers, and who gets them when.

In a chain they wait for the last exec, into a foreign program: an interpreter does not fit into
what a C program is given. A command of ours at the chain's end takes those that it can live with.
Source: daemontools 0.76 softlimit.c.
"""

import errno
import resource

from pysvscan import strerr

WORD = 2**64  # a limit is an unsigned 64-bit number, and the largest one is "unlimited"
HARD = WORD - 1  # clamped as every other number, it comes out as the hard limit

BY_LETTER: dict[bytes, tuple[int, ...]] = {
    b"a": (resource.RLIMIT_AS,),
    b"c": (resource.RLIMIT_CORE,),
    b"d": (resource.RLIMIT_DATA,),
    b"f": (resource.RLIMIT_FSIZE,),
    b"l": (resource.RLIMIT_MEMLOCK,),
    b"m": (
        resource.RLIMIT_DATA,
        resource.RLIMIT_STACK,
        resource.RLIMIT_MEMLOCK,
        resource.RLIMIT_AS,
    ),
    b"o": (resource.RLIMIT_NOFILE,),
    b"p": (resource.RLIMIT_NPROC,),
    b"r": (resource.RLIMIT_RSS,),
    b"s": (resource.RLIMIT_STACK,),
    b"t": (resource.RLIMIT_CPU,),
}

# daemontools-encore's; the one for several limits first, so that the others make exceptions.
VARIABLES = (
    (b"SOFTLIMIT_MEMBYTES", b"m"),
    (b"SOFTLIMIT_ALLBYTES", b"a"),
    (b"SOFTLIMIT_COREBYTES", b"c"),
    (b"SOFTLIMIT_DATABYTES", b"d"),
    (b"SOFTLIMIT_FILEBYTES", b"f"),
    (b"SOFTLIMIT_LOCKEDBYTES", b"l"),
    (b"SOFTLIMIT_OPENFILES", b"o"),
    (b"SOFTLIMIT_PROCS", b"p"),
    (b"SOFTLIMIT_RSSBYTES", b"r"),
    (b"SOFTLIMIT_STACKBYTES", b"s"),
    (b"SOFTLIMIT_CPUSECS", b"t"),
)

MEMORY = {
    resource.RLIMIT_AS: "address space",
    resource.RLIMIT_DATA: "data",
    resource.RLIMIT_MEMLOCK: "locked memory",
    resource.RLIMIT_STACK: "stack",
}

LETTERS = {BY_LETTER[letter][0]: letter for letter in (b"a", b"d", b"l", b"s")}


class NumberError(ValueError):
    """Neither digits nor `=` nor `-`."""


def number(word: bytes) -> int:
    """Read a limit: digits, none are 0, too many wrap around; `=` and `-` are the hard limit.

    Raises:
        NumberError: it is something else.
    """
    if word in (b"=", b"-"):
        return HARD
    if word.strip(b"0123456789"):
        raise NumberError
    value = 0  # not int(): that takes no more than 4300 digits
    for digit in word:
        value = (value * 10 + digit - ord("0")) % WORD
    return value


def lift_hard(letter: bytes) -> None:
    """Take the hard limits of an option away; the soft ones stay, for now.

    Raises:
        OSError: only root may, and not for more descriptors than the kernel has.
    """
    for which in BY_LETTER[letter]:
        soft, _ = resource.getrlimit(which)
        try:
            resource.setrlimit(which, (soft, resource.RLIM_INFINITY))
        except ValueError:  # so Python says EPERM
            raise PermissionError(errno.EPERM, "") from None


def clamped(wanted: int, hard: int) -> int:
    """Give a soft limit, not above the hard one, as Python's resource module writes it."""
    soft = min(wanted, hard % WORD)
    return soft - WORD if resource.RLIM_INFINITY < 0 and soft >= WORD // 2 else soft


def set_soft(limits: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Set the soft limits, clamped to the hard ones; return what they were."""
    before = []
    for which, wanted in limits:
        soft, hard = resource.getrlimit(which)
        before.append((which, soft % WORD))
        resource.setrlimit(which, (clamped(wanted, hard), hard))
    before.reverse()  # the first of two settings of one limit is restored last
    return before


def reserve(words: list[bytes]) -> list[bytes]:
    """Make the allocators hold free memory for execve's copies of argv and environment.

    Under a limit below our own size they get none from the kernel. They give back nothing that is
    between two blocks in use: so of the blocks, small ones for Python's allocator and large ones
    for libc's, some are returned, for the caller to hold.
    """
    size = sum(len(word) + 64 for word in words)
    array = bytes(8 * len(words) + 300_000)
    del array  # libc maps so large a block by itself, unless it has seen one come and go
    blocks = [
        [bytes(480 if at < 136 else 65536) for at in range(138)]
        for _ in range(3 * size // 65536 + 2)
    ]
    blocks.append([bytes(8 * len(words) + 140_000), bytes(65536)])
    return [block[at] for block in blocks for at in range(-1, -len(block), -68)]


def keep_alive(prog: str, limits: list[tuple[int, int]]) -> None:
    """Set what a command of ours can live with; say what it cannot."""
    names = dict.fromkeys(MEMORY[which] for which, _ in keep_for_children(limits))
    if names:
        strerr.warn(prog, f"ignoring softlimit on {', '.join(names)}")


def keep_for_children(limits: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Set what a command of ours can live with; return what is left for those that it starts."""
    set_soft([limit for limit in limits if limit[0] not in MEMORY])
    return [limit for limit in limits if limit[0] in MEMORY]


def options(limits: list[tuple[int, int]]) -> list[bytes]:
    """Write limits on memory as softlimit's options."""
    return [b"-%b%d" % (LETTERS[which], soft) for which, soft in limits if which in LETTERS]
