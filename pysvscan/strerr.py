"""Messages in daemontools' form, and the only place that prints them and exits.

`PROG: fatal: unable to VERB OBJECT: reason` ends a command with 111 (the system said no), a usage
line with 100 (you asked wrongly); a warning goes on. The reasons are those of DJB's error_str.c,
not libc's. Source: daemontools 0.76 strerr_die.c, error_str.c.
"""

import errno
import os

# The builtin module: signal.py wraps it in enums, which costs a small command 3.5 ms.
from _signal import SIG_DFL, SIG_IGN, SIGINT, SIGPIPE, SIGXFSZ, getsignal, signal

TYPE_CHECKING = False  # typing costs 12 ms; mypy knows this name
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from pysvscan.pathexec import Chain

    Command = Callable[[list[bytes], Chain], int]

PYTHON_IGNORES = (SIGPIPE, SIGXFSZ)

# Read off the C programs, errno by errno.
TEXTS = {
    errno.EPERM: "permission denied",
    errno.ENOENT: "file does not exist",
    errno.ESRCH: "no such process",
    errno.EINTR: "interrupted system call",
    errno.EIO: "input/output error",
    errno.ENXIO: "device not configured",
    errno.E2BIG: "argument list too long",
    errno.ENOEXEC: "exec format error",
    errno.EBADF: "file descriptor not open",
    errno.ECHILD: "no child processes",
    errno.EAGAIN: "temporary failure",
    errno.ENOMEM: "out of memory",
    errno.EACCES: "access denied",
    errno.EFAULT: "bad address",
    errno.ENOTBLK: "not a block device",
    errno.EBUSY: "device busy",
    errno.EEXIST: "file already exists",
    errno.EXDEV: "cross-device link",
    errno.ENODEV: "device does not support operation",
    errno.ENOTDIR: "not a directory",
    errno.EISDIR: "is a directory",
    errno.EINVAL: "invalid argument",
    errno.ENFILE: "system cannot open more files",
    errno.EMFILE: "process cannot open more files",
    errno.ENOTTY: "not a tty",
    errno.ETXTBSY: "text busy",
    errno.EFBIG: "file too big",
    errno.ENOSPC: "out of disk space",
    errno.ESPIPE: "unseekable descriptor",
    errno.EROFS: "read-only file system",
    errno.EMLINK: "too many links",
    errno.EPIPE: "broken pipe",
    errno.EDOM: "input out of range",
    errno.ERANGE: "output out of range",
    errno.EDEADLOCK: "operation would cause deadlock",
    errno.ENAMETOOLONG: "file name too long",
    errno.ENOLCK: "no locks available",
    errno.ENOSYS: "system call not available",
    errno.ENOTEMPTY: "directory not empty",
    errno.ELOOP: "symbolic link loop",
    errno.ENOMSG: "no message of desired type",
    errno.EIDRM: "identifier removed",
    errno.ENOSTR: "not a stream device",
    errno.ETIME: "timer expired",
    errno.ENOSR: "out of stream resources",
    errno.ENONET: "machine not on network",
    errno.EREMOTE: "too many levels of remote in path",
    errno.ENOLINK: "link severed",
    errno.EADV: "advertise error",
    errno.ESRMNT: "srmount error",
    errno.ECOMM: "communication error",
    errno.EPROTO: "protocol error",
    errno.EMULTIHOP: "multihop attempted",
    errno.EBADMSG: "bad message type",
    errno.EREMCHG: "remote address changed",
    errno.EUSERS: "too many users",
    errno.ENOTSOCK: "not a socket",
    errno.EDESTADDRREQ: "destination address required",
    errno.EMSGSIZE: "message too long",
    errno.EPROTOTYPE: "incorrect protocol type",
    errno.ENOPROTOOPT: "protocol not available",
    errno.EPROTONOSUPPORT: "protocol not supported",
    errno.ESOCKTNOSUPPORT: "socket type not supported",
    errno.ENOTSUP: "operation not supported",
    errno.EPFNOSUPPORT: "protocol family not supported",
    errno.EAFNOSUPPORT: "address family not supported",
    errno.EADDRINUSE: "address already used",
    errno.EADDRNOTAVAIL: "address not available",
    errno.ENETDOWN: "network down",
    errno.ENETUNREACH: "network unreachable",
    errno.ENETRESET: "network reset",
    errno.ECONNABORTED: "connection aborted",
    errno.ECONNRESET: "connection reset",
    errno.ENOBUFS: "out of buffer space",
    errno.EISCONN: "already connected",
    errno.ENOTCONN: "not connected",
    errno.ESHUTDOWN: "socket shut down",
    errno.ETOOMANYREFS: "too many references",
    errno.ETIMEDOUT: "timed out",
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTDOWN: "host down",
    errno.EHOSTUNREACH: "host unreachable",
    errno.EALREADY: "operation already in progress",
    errno.EINPROGRESS: "operation in progress",
    errno.ESTALE: "stale NFS file handle",
    errno.EDQUOT: "disk quota exceeded",
}


class Fatal(Exception):
    """Ends the command: `PROG: fatal: MESSAGE`, and exit code 111.

    Raised `from` an OSError, the line ends in that error's text. Paths in the message are decoded
    by `name`, so that any byte survives.
    """

    code = 111
    label = "fatal"


class Usage(Fatal):
    """Ends the command: `PROG: usage: MESSAGE`, and exit code 100."""

    code = 100
    label = "usage"


def name(path: bytes) -> str:
    """Decode a path for a message; the line that is printed holds its bytes unchanged."""
    return os.fsdecode(path)


def reason(exc: BaseException) -> str:
    """Say why a system call failed, in DJB's words; `unknown error` where he has none."""
    number = exc.errno if isinstance(exc, OSError) else None
    return TEXTS.get(number, "unknown error") if number else str(exc)


def line(prog: str, label: str, message: str, cause: BaseException | None = None) -> bytes:
    """Build one line: `PROG: LABEL: MESSAGE[: REASON]` and a newline."""
    end = f": {reason(cause)}" if cause is not None else ""
    return os.fsencode(f"{prog}: {label}: {message}{end}") + b"\n"


def write(data: bytes, fd: int = 2) -> None:
    """Write a message as one piece; what stderr does not take is not worth dying for."""
    try:  # noqa: SIM105 (contextlib would cost every small command an import)
        os.write(fd, data)
    except OSError:
        pass


def warn(prog: str, message: str, cause: BaseException | None = None) -> None:
    """Print `PROG: warning: MESSAGE[: REASON]` and go on."""
    write(line(prog, "warning", message, cause))


def restore_signals(ignored: frozenset[int]) -> None:
    """Undo what the interpreter did to signals, so that a command dies of them as a C program.

    Python ignores SIGPIPE and SIGXFSZ, which an exec'd program would inherit, and turns SIGINT into
    an exception. What was ignored when we started stays ignored.

    Args:
        ignored: those of PYTHON_IGNORES that were; of SIGINT, Python itself tells.
    """
    for number in PYTHON_IGNORES:
        signal(number, SIG_IGN if number in ignored else SIG_DFL)
    if getsignal(SIGINT) is not SIG_IGN:
        signal(SIGINT, SIG_DFL)


def main(prog: str, command: "Command", argv: list[bytes], chain: "Chain") -> "NoReturn":
    """Run a command and exit with its code; the only caller of _exit for an error.

    Args:
        prog: the command's name, first word of its messages.
        command: a command's `main`: takes argv (argv[0] is the name) and the chain, returns the
            exit code.
        argv: the whole vector.
        chain: environment and pending limits, from `__main__` or from the command before.
    """
    restore_signals(chain.ignored)
    try:
        code = command(argv, chain)
    except Fatal as exc:
        write(line(prog, exc.label, str(exc), exc.__cause__))
        code = exc.code
    os._exit(code)
