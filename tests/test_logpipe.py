"""One log in a logger, in this process, with nothing but real pipes and directories.

Not tested here: what needs a svscan; that is in test_logger.py.
"""

import os
import shutil
import signal
import time
from _socket import AF_UNIX, SOCK_SEQPACKET, socketpair
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan import counters, pathexec
from pysvscan.core import orders
from pysvscan.core.logcontrol import State
from pysvscan.core.orders import Kind, Opening
from pysvscan.core.script import Output, Pipe, Script
from pysvscan.cyclog import Cyclog
from pysvscan.logger import Logger
from pysvscan.logpipe import LogPipe, Phase
from pysvscan.places import Place
from tests import logs
from tests.wait import wait_until

LABEL = b"a/log"
LINES = b"".join(b"line %d\n" % number for number in range(2000))


class Host:
    """A logger, and the other ends: svscan's socket, and each pipe's writer.

    Attributes:
        said: the lines that svscan was told to say.
        told: the other packets.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        theirs, self.socket = socketpair(AF_UNIX, SOCK_SEQPACKET)
        self.socket.setblocking(False)
        self.logger = Logger(theirs, pathexec.Chain({b"PATH": b"/usr/bin:/bin"}))
        self.writers: list[int] = []
        self.said: list[str] = []
        self.told: list[Kind] = []

    def open(self, name: str, *words: bytes, **more: object) -> LogPipe:
        """Open a log."""
        place = self.path / name
        (place / "supervise").mkdir(parents=True)
        os.mkfifo(place / "pipe")
        self.writers.append(os.open(place / "pipe", os.O_RDWR | os.O_NONBLOCK))
        reader = os.open(place / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        directory = os.open(place, os.O_RDONLY)
        counted = counters.open_file(directory, b"supervise/counters", LABEL)
        opening = Opening(LABEL, words, **more)  # type: ignore[arg-type]
        number = len(self.writers)
        made = LogPipe(self.logger, number, opening, [directory, reader, counted])
        self.logger.pipes[number] = made
        self.logger.boundary(made, made.open)
        return made

    def write(self, data: bytes, which: int = 0) -> None:
        """Write to a pipe."""
        os.write(self.writers[which], data)

    def hear(self) -> None:
        """Take what svscan is told."""
        try:
            while True:
                kind, _, fields = orders.unpack(self.socket.recv(131072))
                if kind is Kind.SAID:
                    self.said.append(fields[1].decode())
                else:
                    self.told.append(kind)
        except BlockingIOError:
            pass

    def until(self, condition: Callable[[], object]) -> None:
        """Turn the loop until a condition is true."""

        def turn() -> object:
            loop = self.logger.loop
            loop.at(time.monotonic_ns(), None, lambda: None)
            loop.turn()
            self.hear()
            return condition()

        wait_until(turn)

    def close(self) -> None:
        """Let go of everything."""
        for pipe in list(self.logger.pipes.values()):
            pipe.end()
        for fd in self.writers:
            os.close(fd)
        self.socket.close()
        if self.logger.socket:
            self.logger.socket.close()
        self.logger.sync.close()
        self.logger.urgent.close()
        self.logger.loop.epoll.close()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self.logger.loop.wakeup)
        os.close(self.logger.loop.wakeup_write)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Give a logger; see that no descriptor stays open."""
    here = os.getcwd()
    before = len(os.listdir("/proc/self/fd"))
    made = Host(tmp_path)
    yield made
    made.close()
    os.chdir(here)
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before)  # an earlier test may leave some


def text(path: Path) -> bytes:
    """Read a log that is there."""
    return logs.text(path / "main")


@pytest.mark.parametrize("words", [(), (b"t",)], ids=["plain", "stamped"])
def test_processor_holds_next_to_nothing(
    host: Host, tmp_path: Path, words: tuple[bytes, ...]
) -> None:
    """What a file cannot take while its processor runs is left in the pipe, not held by us."""
    gate = tmp_path / "gate"
    processor = b"!until [ -e %b ]; do sleep 0.02; done; cat" % os.fsencode(gate)
    log = host.open("a", *words, b"s20000", processor, b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    sent = b"".join(b"a line of some length, as they are, number %d\n" % it for it in range(1200))
    host.write(sent)
    (only,) = log.outlets.logs
    host.until(lambda: only.pid)
    assert len(only.unwritten()) < 2 * 4096
    assert not log.is_listening
    assert not log.feeding.is_unfinished()  # its rest would have to wait for the processor
    gate.touch()
    host.until(lambda: text(tmp_path / "a").count(b"\n") == 1200)


@pytest.mark.parametrize(
    ("sent", "most"),
    [(b"x" * 12_000, 0), (b"y\n" + b"x" * 20_000 + b"\n", 4096)],
    ids=["endless", "long"],
)
def test_processor_long_lines_take_few_reads(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, most: int
) -> None:
    """Where a read is cut short, no more than a part of a long line's rest is read singly."""
    singles = 0
    real = os.read

    def read(fd: int, size: int) -> bytes:
        nonlocal singles
        singles += size == 1
        return real(fd, size)

    log = host.open("a", b"s4096", b"!cat", b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    monkeypatch.setattr(os, "read", read)
    host.write(sent)
    host.until(lambda: text(tmp_path / "a") == sent and not log.outlets.is_blocking())
    assert singles <= most


def test_alerts_of_a_read_are_all_said(host: Host, capfd: pytest.CaptureFixture[str]) -> None:
    """However many a read brings, they come whole, as from multilog."""
    host.open("a", b"e", b"./main")
    host.write(LINES)
    host.until(lambda: text(host.path / "a") == LINES)
    assert capfd.readouterr().err == LINES.decode()


def remove_current(main: Path) -> None:
    """Do what one does to have room again."""
    (main / "current").unlink()


def rename_current(main: Path) -> None:
    """Take it away: it has a name still, but is not to be found."""
    (main / "current").rename(main / "mine")


REMOVED = (  # how, lines then written, what is said of the directory ./N
    (shutil.rmtree, 1, "directory {0} was removed, opening {0} anew"),
    (shutil.rmtree, 2000, "directory {0} was removed, opening {0} anew"),
    (remove_current, 1, "{0}/current was removed, opening {0} anew"),
    (
        rename_current,
        2000,
        "unable to rename current to previous in directory {0}, opening it anew: "
        "file does not exist",
    ),
)


def test_removed_directory_is_made_anew(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody removes a log's directory or file, it is made again, and all goes there."""
    monkeypatch.setattr("pysvscan.logpipe.SECOND_NS", 50_000_000)
    mains = [tmp_path / f"{it}/{it}" for it in range(len(REMOVED))]
    for which, main in enumerate(mains):
        host.open(main.name, b"s4096", b"./%d" % which)
        host.write(b"one\n", which)
    host.until(lambda: all(logs.text(main) == b"one\n" for main in mains))
    for which, (remove, lines, _) in enumerate(REMOVED):
        remove(mains[which])
        host.write(b"".join(LINES.splitlines(keepends=True)[-lines:]), which)
    host.until(lambda: len(host.said) == len(REMOVED))
    said = [message.format(f"./{which}") for which, (*_, message) in enumerate(REMOVED)]
    assert sorted(host.said) == sorted(f"a/log: {it}" for it in said)
    host.until(lambda: all((main / "current").exists() for main in mains))
    for which, (_, lines, _) in enumerate(REMOVED):
        host.write(b"two\n", which)
        host.until(lambda which=which: logs.text(mains[which]).endswith(b"two\n"))  # type: ignore[misc]
        assert (b"line 1999\n" in logs.text(mains[which])) is (lines > 1)


def put_file(main: Path) -> None:
    """Have nothing that can be opened."""
    shutil.rmtree(main)
    main.write_bytes(b"")


@pytest.mark.parametrize("order", [Kind.CHANGE, Kind.LEAVE])
def test_hanging_processor_is_said_and_left(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Kind
) -> None:
    """A service that waits for one is told of; another script mends it, and nothing is lost."""
    monkeypatch.setattr("pysvscan.logpipe.SLOW_NS", 10_000_000)
    monkeypatch.setattr("pysvscan.logpipe.PATIENCE_NS", 50_000_000)
    log = host.open("a", b"s4096", b"!exec sleep 1000", b"./main")
    host.write(LINES)
    host.until(lambda: host.said)
    assert host.said == ["a/log: processor still running in ./main, pausing"]
    (only,) = log.outlets.logs
    pid = only.pid
    try:
        host.logger.order(Kind.CHANGE, 1, list(Opening(LABEL, (b"./other",)).pack()))
        if order is Kind.LEAVE:  # it is no change any more: whoever comes next would not know
            host.logger.order(order, 1, [])
            deadline_ns = time.monotonic_ns() + 100_000_000
            host.until(lambda: time.monotonic_ns() > deadline_ns)
            assert (log.phase, len(host.said)) == (Phase.WRITING, 1)
        else:
            host.until(lambda: logs.text(tmp_path / "a/other").endswith(LINES[-10:]))
            assert host.said[1:] == ["a/log: unable to finish directory ./main, leaving it"]
            held = (tmp_path / "a/main/previous").read_bytes() + text(tmp_path / "a")
            assert held + logs.text(tmp_path / "a/other") == LINES
    finally:
        os.kill(pid, signal.SIGKILL)
        host.until(lambda: pid not in host.logger.loop.children)


def test_change_mends_a_directory_that_cannot_be_opened(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had not written, and a line in the middle, go on where the new script says."""
    monkeypatch.setattr("pysvscan.logpipe.PATIENCE_NS", 50_000_000)
    cut = host.open("a", b"./main")
    stuck = host.open("b", b"s4096", b"./first", b"./second")
    long = b"long " + 2000 * b"x"
    host.write(long)
    host.write(LINES, 1)
    host.until(lambda: text(tmp_path / "a") == long)
    host.until(lambda: logs.text(tmp_path / "b/second") == LINES)
    host.until(lambda: stuck.counting_timer and not any(it.is_busy() for it in stuck.outlets.logs))
    stuck.counting_timer.cancel()  # type: ignore[union-attr]  # not seen but by a rotation
    put_file(tmp_path / "a/main")
    put_file(tmp_path / "b/first")
    cut.show_counts()
    host.write(LINES, 1)
    host.until(lambda: sum("not a directory" in it for it in host.said) == 2)
    words = (b"./other", b"-*", b"./nothing")
    for number in (1, 2):
        host.logger.order(Kind.CHANGE, number, list(Opening(LABEL, words[: 5 - 2 * number]).pack()))
    host.until(lambda: logs.text(tmp_path / "b/other"))
    host.write(b" ended\n")
    host.until(lambda: logs.text(tmp_path / "a/other") == b" ended\n")
    rest = logs.text(tmp_path / "b/other")
    assert LINES.endswith(rest)
    second = logs.text(tmp_path / "b/second").removeprefix(LINES)
    lost = LINES.removeprefix(second)
    size = f"{len(lost.splitlines())} lines, {len(lost)} bytes"
    assert f"a/log: giving up {size}, for a directory that is wanted no more" in host.said


def test_chunk_that_raises_costs_its_own_pipe_a_retry(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said where it was raised; the chunk is kept, and no directory touched meanwhile."""
    bad, good = (host.open(name, b"./main") for name in "ab")
    feed, raised = Script.feed, []

    def feed_badly(self: Script, pipe: Pipe, data: bytes, now_ns: int) -> Output:
        if pipe is bad.feeding.pipe and len(raised) < 2:
            raised.append(pipe.line)
            pipe.line = b"spoilt"
            raise ZeroDivisionError("of the test")
        return feed(self, pipe, data, now_ns)

    host.write(b"first\nbegun ", 0)
    host.until(lambda: bad.feeding.pipe.line == b"begun ")
    monkeypatch.setattr(Script, "feed", feed_badly)
    host.write(b"and ended\n", 0)
    host.write(b"fine\n", 1)
    host.until(lambda: text(tmp_path / "b") == b"fine\n")
    for _ in range(2):
        host.until(lambda: bad.phase is Phase.OPENING and bad.timer)
        assert bad.timer
        bad.timer.cancel()
        host.logger.boundary(bad, bad.open)
    host.until(lambda: text(tmp_path / "a") == b"first\nbegun and ended\n")
    assert raised == [b"begun ", b"begun "]
    assert good.trouble == 0
    assert bad.trouble in (0, 2)
    assert [line.partition(": ZeroDivisionError('of the test') in ")[0] for line in host.said] == [
        "a/log: set aside for 1 s",
        "a/log: set aside for 2 s",
    ]
    assert len(list((tmp_path / "a/main").glob("@*"))) == 1  # .u: it was open when it happened


def test_full_directory_blocks_only_its_pipe(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is held, and no more is read; then all of it is there."""
    bad = host.open("a", b"./main")
    host.open("b", b"./main")
    host.until(lambda: host.told.count(Kind.OPENED) == 2)
    ours, write = os.stat(tmp_path / "a/main/current").st_ino, os.write
    is_full = [True]

    def write_badly(fd: int, data: bytes) -> int:
        if is_full[0] and os.fstat(fd).st_ino == ours:
            raise OSError(28, "")
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_badly)
    for which in (0, 1):
        host.write(b"one\n", which)
    host.until(lambda: text(tmp_path / "b") == b"one\n")
    host.until(lambda: not bad.is_listening)
    host.write(b"two\n", 0)
    host.write(b"two\n", 1)
    host.until(lambda: text(tmp_path / "b") == b"one\ntwo\n")
    assert text(tmp_path / "a") == b""
    is_full[0] = False
    bad.outlets.due.clear()
    host.logger.boundary(bad, bad.go_on)
    host.until(lambda: text(tmp_path / "a") == b"one\ntwo\n")
    assert host.said == ["a/log: unable to write to ./main/current, pausing: out of disk space"]
    bad.show_counts()
    found = counters.read(bad.directory)
    assert (found.lines_in, found.lines_kept, found.retries) == (2, 2, 1)
    assert (found.bytes_in, found.bytes_kept) == (8, 8)


def test_counts_go_on_when_directories_are_opened_anew(host: Host, tmp_path: Path) -> None:
    """What other outlets have counted is added to, and only what is selected is kept."""
    log = host.open("a", b"-*", b"+keep*", b"./main")
    for turn in (1, 2):
        host.write(b"keep\ndrop\n")
        host.until(lambda turn=turn: text(tmp_path / "a") == b"keep\n" * turn)  # type: ignore[misc]
        log.outlets.retries += 1
        host.logger.order(Kind.ROTATE, 1, [])
        host.logger.order(Kind.REOPEN, 1, [])
        host.until(lambda turn=turn: host.told.count(Kind.OPENED) == turn + 1)  # type: ignore[misc]
    found = counters.read(log.directory)
    assert (found.lines_in, found.lines_kept, found.bytes_in, found.bytes_kept) == (4, 2, 20, 10)
    assert (found.rotations, found.retries) == (2, 2)


def test_end_gives_up_what_cannot_be_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """END waits some seconds; then it says how many lines are lost, and lets go."""
    bad = host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    monkeypatch.setattr("pysvscan.logger.DISK_NS", 1_000_000)

    def write_badly(_fd: int, _data: bytes) -> int:
        raise OSError(28, "")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_badly)
        os.writev(host.writers[0], [b"one\ntwo\n"])
        host.until(lambda: not bad.is_listening)
        host.logger.order(Kind.END, bad.number, [])
        host.until(lambda: Kind.ENDED in host.told)
    assert bad.phase is Phase.OVER
    assert host.said[1:] == ["a/log: giving up 2 lines, 8 bytes, for ./main"]


@pytest.mark.parametrize("kind", [Kind.REOPEN, Kind.CHANGE, Kind.STATE])
def test_orders_in_the_middle_of_a_line(host: Host, tmp_path: Path, kind: Kind) -> None:
    """A line that is begun is ended in the old files; what follows it goes to the new ones."""
    pipe = host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    host.write(LINES + b"begun ")
    host.until(lambda: pipe.feeding.pipe.line == b"begun ")
    if kind is Kind.STATE:
        host.logger.order(kind, 1, [State.HELD.value.encode()])
    else:
        host.logger.order(kind, 1, list(Opening(LABEL, (b"./other",)).pack()))
    assert pipe.phase is Phase.LINE
    host.write(b"and ended\nnew\n")
    if kind is Kind.STATE:
        host.until(lambda: pipe.phase is Phase.OPENING)
        assert text(tmp_path / "a") == LINES + b"begun and ended\n"
        host.logger.order(kind, 1, [State.READING.value.encode()])
    if kind is Kind.CHANGE:
        host.until(lambda: logs.text(tmp_path / "a/other") == b"new\n")
        assert text(tmp_path / "a") == LINES + b"begun and ended\n"
    else:
        host.until(lambda: text(tmp_path / "a") == LINES + b"begun and ended\nnew\n")
    assert host.said == []


def test_orders_while_a_line_is_ended(host: Host, tmp_path: Path) -> None:
    """What is ordered while the old files are wound up adds to it, and takes nothing back."""
    pipe = host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    host.write(b"begun ")
    host.until(lambda: pipe.feeding.pipe.line == b"begun ")
    host.logger.order(Kind.CHANGE, 1, list(Opening(LABEL, (b"./other",)).pack()))
    for state in (State.HELD, State.READING):
        host.logger.order(Kind.STATE, 1, [state.value.encode()])
    host.logger.order(Kind.REOPEN, 1, [])
    assert pipe.phase is Phase.LINE
    host.write(b"and ended\nbegun ")
    host.until(lambda: pipe.phase is Phase.READING and pipe.feeding.pipe.line == b"begun ")
    host.logger.order(Kind.LEAVE, 1, [])
    host.logger.order(Kind.REOPEN, 1, [])
    host.logger.order(Kind.STATE, 1, [State.HELD.value.encode()])
    host.write(b"too\nfor the next\n")
    host.until(lambda: Kind.ENDED in host.told)
    assert text(tmp_path / "a") == b"begun and ended\n"
    assert logs.text(tmp_path / "a/other") == b"begun too\n"


def test_lock_of_a_former_logger(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read while another holds the pipe, whatever else is free; for long, it is said."""
    first = host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told)
    reader = os.open(tmp_path / "a/pipe", os.O_RDONLY | os.O_NONBLOCK)
    directory = os.open(tmp_path / "a", os.O_RDONLY)
    second = LogPipe(host.logger, 9, Opening(LABEL, (b"./other",)), [directory, reader])
    host.logger.pipes[9] = second
    second.open()
    assert second.phase is Phase.OPENING
    host.write(b"one\n")
    host.until(lambda: text(tmp_path / "a") == b"one\n")
    assert host.said == []
    monkeypatch.setattr("pysvscan.logpipe.LOCK_TRIES", second.failures)
    waits = "a/log: unable to lock supervise/pipe, pausing: temporary failure"
    host.until(lambda: host.said == [waits])
    host.write(b"begun")
    host.until(lambda: first.feeding.pipe.line == b"begun")
    host.logger.order(Kind.LEAVE, 1, [])
    host.write(b" and ended\ntwo\n")
    host.until(lambda: logs.text(tmp_path / "a/other") == b"two\n")
    assert text(tmp_path / "a") == b"one\nbegun and ended\n"


def test_svscan_that_does_not_listen(host: Host, tmp_path: Path) -> None:
    """A svscan that takes no packets, or is gone, holds nothing up."""
    pipe = host.open("a", b"./main")
    for number in range(2000):
        host.logger.tell(Kind.GOT, number)
    assert host.logger.untold
    host.write(b"one\n")
    loop = host.logger.loop
    wait_until(lambda: (loop.turn(), text(tmp_path / "a") == b"one\n")[1])
    host.socket.close()
    host.write(b"two\n")
    wait_until(lambda: (loop.turn(), text(tmp_path / "a") == b"one\ntwo\n")[1])
    assert host.logger.socket is None
    loop.running = True
    os.close(host.writers.pop())
    wait_until(lambda: (loop.turn(), not loop.running)[1])
    assert pipe.phase is Phase.OVER


def test_line_that_never_ends_gets_its_newline(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has begun a line and says no more holds nothing up for long."""
    monkeypatch.setattr("pysvscan.logpipe.LINE_NS", 1_000_000)
    pipe = host.open("a", b"./main")
    host.write(b"begun")
    host.until(lambda: pipe.feeding.pipe.line == b"begun")
    host.logger.order(Kind.REOPEN, 1, [])
    host.until(lambda: text(tmp_path / "a") == b"begun\n")
    host.write(b"new\n")
    host.until(lambda: text(tmp_path / "a") == b"begun\nnew\n")
    assert host.said == []


def test_directory_that_raises_keeps_what_it_has_not_written(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in a directory costs it a retry, and no line."""
    bad = host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told)

    def put_badly(self: Cyclog, text: bytes) -> bool:
        self.text = text
        return False

    def advance_badly(_self: Cyclog) -> None:
        raise ZeroDivisionError("of the test")

    with monkeypatch.context() as patch:
        patch.setattr(Cyclog, "put", put_badly)
        patch.setattr(Cyclog, "advance", advance_badly)
        host.write(b"one\ntwo\n")
        host.until(lambda: bad.phase is Phase.OPENING)
    assert bad.timer
    bad.timer.cancel()
    host.logger.boundary(bad, bad.open)
    host.until(lambda: text(tmp_path / "a") == b"one\ntwo\n")
    assert len(host.said) == 1


def test_pause_is_ended_by_an_order_not_by_a_line(host: Host) -> None:
    """After a turn that read little, lines wait in their pipes; orders are heard at once."""
    host.open("a", b"./main")
    host.until(lambda: Kind.OPENED in host.told and not host.logger.urgent.poll(0))
    host.write(b"one\n")
    assert host.logger.urgent.poll(0) == []
    host.socket.send(orders.pack(Kind.ROTATE, 1))
    assert host.logger.urgent.poll(0) != []


def test_logpipe_skips_the_rest_of_a_line_that_died_with_its_logger(host: Host) -> None:
    """The begin is lost: the rest is no line, and is counted as lost; what follows is whole."""
    memory = host.logger.places
    memory[1] = 1
    pipe = host.open("a", b"./main")
    host.write(b"of a line, ")
    host.until(lambda: pipe.counting.before[3] == len(b"of a line, "))
    host.write(b"and its end\nwhole\nbeg")
    host.until(lambda: logs.text(host.path / "a/main") == b"whole\n")
    assert memory[1] == 1, "of beg"
    host.write(b"in\n")
    host.until(lambda: logs.text(host.path / "a/main") == b"whole\nbegin\n")
    assert memory[1] == 0
    pipe.counting.show(pipe.outlets)
    assert pipe.counting.file
    counts = pipe.counting.file.counts
    assert (counts.lines_lost, counts.bytes_lost) == (1, len(b"of a line, and its end\n"))


def test_line_is_handed_over_by_a_log_that_cannot_be_opened(host: Host, tmp_path: Path) -> None:
    """Its begin was read before the directory was removed; the next logger goes on with it."""
    log = host.open("a", b"./main")
    host.write(b"one\nbegun ")
    host.until(lambda: log.feeding.pipe.line == b"begun ")
    put_file(tmp_path / "a/main")
    log.show_counts()
    assert log.phase is Phase.OPENING
    log.hand_over()
    assert Place(host.logger.places, 1).left() == b"begun "
