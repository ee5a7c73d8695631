"""Our commands in forks of one interpreter: a case costs a few milliseconds instead of fifty.

For properties, whose many examples ask what a command does with its words and its input. How an
installed command is started, and what of its environment it hands on, needs the program itself.

Run as a script, by the installed package's interpreter, this is the server: each message on
descriptor 3 brings the descriptors of a case's request and of its 0, 1 and 2, and is answered by
the wait status.
"""

import atexit
import marshal
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence

TIMEOUT_S = 60  # reached only where a command hangs


class Server:
    """The interpreter, from its first case on, to the end of the tests.

    No child of ours: other tests wait until none is left.
    """

    def __init__(self, python: str) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            subprocess.run(
                [python, "-I", "-X", "utf8", __file__, str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin"},
                check=True,
            )
        self.socket = ours
        self.socket.settimeout(TIMEOUT_S)
        atexit.register(self.socket.close)

    def run(
        self,
        argv: Sequence[bytes],
        stdio: Iterable[int],
        *,
        cwd: bytes,
        env: dict[bytes, bytes],
    ) -> int:
        """Run a command to its end, with these descriptors as its 0, 1 and 2; give its code."""
        request = memory(marshal.dumps((list(argv), cwd, env)))
        try:
            socket.send_fds(self.socket, [b"x"], [request, *stdio])
        finally:
            os.close(request)
        answer = self.socket.recv(100)
        assert answer, "the server died"
        return os.waitstatus_to_exitcode(int(answer))


def memory(data: bytes = b"") -> int:
    """Make a file that is nowhere, with this in it, to be read from its begin."""
    fd = os.memfd_create("forked")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def contents(fd: int) -> bytes:
    """Read all of a file that is nowhere, and close it."""
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read()


def serve(listener: socket.socket) -> None:
    """Run a case for each message, until there are no more."""
    from pysvscan import commands, pathexec

    for name in commands.NAMES - {"svscan", "supervise"}:  # the small ones, loaded once for all
        pathexec.load(name)
    while True:
        data, fds, _, _ = socket.recv_fds(listener, 1, 4)
        if not data:
            return
        pid = os.fork()
        if not pid:
            become(listener, fds)
        for fd in fds:
            os.close(fd)
        listener.send(b"%d" % os.waitpid(pid, 0)[1])


def become(listener: socket.socket, fds: list[int]) -> None:
    """In the child: be the command that the request asks for."""
    from pysvscan import __main__, pathexec

    listener.close()
    words, cwd, env = marshal.loads(contents(fds[0]))  # noqa: S302 (our own)
    for number, fd in enumerate(fds[1:]):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(cwd)
    os.environb.clear()
    os.environb.update(env)
    time.tzset()
    name, *rest = map(os.fsdecode, words)
    __main__.run(os.path.basename(name), rest, pathexec.Chain(env))


if __name__ == "__main__":
    import sys

    if os.fork():
        os._exit(0)
    serve(socket.socket(fileno=int(sys.argv[1])))
