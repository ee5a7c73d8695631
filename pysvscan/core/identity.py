"""Who a process is, so that it is known again after its supervisor died. Pure.

`supervise/child` holds one such record, written in place before the process may run. A pid alone is
used again; together with boot, pid namespace, start time and the inode of its pidfd (Linux 6.9,
never used twice) it is one process. Device and inode of `supervise/lock` tie it to this very
directory: a copy of the directory must not claim the original's process.

Where no process ran yet, the record says only by whom the directory is supervised: pid 0. A last
word is added when the supervisor is ordered to leave; it is missing where the supervisor died.
"""

BYTES = 160  # fixed, so that writing it anew needs no new disk block
LEFT = b"left"
LAST_WORD = b" " + LEFT + b"\n"
LAST_WORD_AT = BYTES - len(LAST_WORD)  # behind the longest numbers that there are


class IdentityError(ValueError):
    """The bytes are no record."""


class Identity:
    """One process.

    Attributes:
        boot: the kernel's boot id, 36 characters.
        namespace: inode of the pid namespace.
        device, inode: of the service's `supervise/lock`.
        pid: as seen in that namespace; 0: no process ran.
        ticks: its start (the supervisor's, for pid 0), field 22 of /proc/PID/stat.
        pidfd: inode of its pidfd, 0 where the kernel has none of its own for each process.
    """

    __slots__ = ("boot", "device", "inode", "namespace", "pid", "pidfd", "ticks")

    def __init__(
        self, boot: bytes, namespace: int, device: int, inode: int, pid: int, ticks: int, pidfd: int
    ) -> None:
        self.boot = boot
        self.namespace = namespace
        self.device = device
        self.inode = inode
        self.pid = pid
        self.ticks = ticks
        self.pidfd = pidfd

    def numbers(self) -> tuple[int, ...]:
        """List the numeric fields, in the order of the record."""
        return (self.namespace, self.device, self.inode, self.pid, self.ticks, self.pidfd)


def pack(identity: Identity) -> bytes:
    """Encode as one line of text, padded to BYTES."""
    numbers = b" ".join(b"%d" % number for number in identity.numbers())
    return (identity.boot + b" " + numbers).ljust(BYTES - 1) + b"\n"


def unpack(data: bytes) -> Identity:
    """Decode a record.

    Raises:
        IdentityError: not seven words and perhaps LEFT, or not numbers where numbers belong.
    """
    words = data[:BYTES].split()
    if is_left(data):
        words.pop()
    if len(words) != 7 or not all(word.isdigit() for word in words[1:]):
        raise IdentityError("no record of a process")
    namespace, device, inode, pid, ticks, pidfd = (int(word) for word in words[1:])
    return Identity(words[0], namespace, device, inode, pid, ticks, pidfd)


def is_left(data: bytes) -> bool:
    """Say whether the supervisor of a record was ordered to leave."""
    return data[:BYTES].split()[-1:] == [LEFT]


def is_heir(recorded: Identity, ours: Identity, eldest_ticks: int) -> bool:
    """Say whether a record is of this boot, pid namespace and directory, whoever it names.

    Args:
        recorded: what the last supervisor wrote.
        ours: what we would write.
        eldest_ticks: the start of the namespace's first process: an older record is of another
            namespace, whose number was used again. -1: that process is hidden from us.
    """
    if recorded.boot != ours.boot or recorded.numbers()[:3] != ours.numbers()[:3]:
        return False
    return recorded.ticks >= eldest_ticks


def is_same(recorded: Identity, found: Identity) -> bool:
    """Say whether two records are of one process; a pidfd inode of 0 is unknown and fits any."""
    if recorded.boot != found.boot or recorded.numbers()[:5] != found.numbers()[:5]:
        return False
    return recorded.pidfd == found.pidfd or 0 in (recorded.pidfd, found.pidfd)


def start_ticks(stat: bytes) -> int:
    """Read field 22 of /proc/PID/stat; the command's name (field 2) may hold blanks and brackets.

    Returns:
        Clock ticks since boot, or -1 for a process that is dead (state Z or X).
    """
    fields = stat[stat.rindex(b")") + 2 :].split()
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])
