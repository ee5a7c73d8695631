"""Multilog's signals, its end, and where it differs from C's on purpose."""

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan import multilog
from tests.fifos import unread
from tests.oracle import multilog_runner as runner
from tests.oracle.runner import Pair, count, environment
from tests.wait import wait_until

pytestmark = pytest.mark.oracle
Oracle = Callable[[str], Pair]
BOTH = pytest.mark.parametrize("which", ["c", "ours"])


# Ours, but it waits a fifth as long for processors and before it tries again.
HURRY = """
import sys
from pysvscan import multilog
multilog.PROCESSOR_NS //= 5
multilog.RETRY_NS //= 5
from pysvscan.__main__ import run
run("multilog", sys.argv[1:])
"""


class Running:
    """A multilog on a pipe, in a directory of its own."""

    def __init__(self, argv: list[str], cwd: Path, preexec: Callable[[], None] | None) -> None:
        cwd.mkdir(exist_ok=True)
        self.cwd = cwd
        self.reading, self.writing = os.pipe2(os.O_CLOEXEC)
        with Path(f"{cwd}.err").open("ab") as err:
            self.process = subprocess.Popen(
                argv,
                cwd=cwd,
                stdin=self.reading,
                stderr=err,
                env=environment(),
                preexec_fn=preexec,
            )

    def write(self, data: bytes) -> None:
        """Give it input."""
        os.write(self.writing, data)

    def wait_read(self) -> None:
        """Wait until all input is read and it waits for more: blocked in read or poll."""
        wait_until(lambda: not unread(self.reading) and self.is_waiting())

    def is_waiting(self) -> bool:
        """Say whether it is asleep in read(0) or in poll, with no signal pending."""
        call = Path(f"/proc/{self.process.pid}/syscall").read_text().split()
        is_read = call[:2] == ["0", "0x0"]
        return (is_read or call[0] == "7") and not self.pending()

    def pending(self) -> int:
        """Return the set of pending signals, but for a CHLD that is blocked."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("ShdPnd:")[1].split()[0], 16) & ~(1 << signal.SIGCHLD - 1)

    def send_stopped(self, number: int, data: bytes = b"") -> None:
        """Send a signal and input such that both are there when it goes on."""
        self.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        self.process.send_signal(number)
        self.write(data)
        self.process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Wait for its end."""
        return self.process.wait(runner.STOPPED_S)

    def text(self) -> bytes:
        """Return what is in the directory d."""
        return runner.text(self.cwd / "d") if (self.cwd / "d").exists() else b""

    def kinds(self) -> set[str]:
        """Return the kinds of files in d."""
        return runner.kinds(self.cwd / "d")

    def err(self) -> bytes:
        """Return what it has said."""
        return runner.stderr(self.cwd)

    def end(self) -> None:
        """Make an end of it."""
        self.process.kill()
        self.process.wait()
        os.close(self.reading)
        os.close(self.writing)


Start = Callable[..., Running]


@pytest.fixture
def start(oracle: Oracle, tmp_path: Path) -> Iterator[Start]:
    """Start multilogs, C's or ours, that end with the test."""
    if os.uname().machine != "x86_64":
        pytest.skip("is_waiting() knows the system call numbers of x86-64 only")
    running: list[Running] = []

    def started(which: str, *words: str, preexec: Callable[[], None] | None = None) -> Running:
        pair = oracle("multilog")
        programs = {
            "c": [pair.c],
            "ours": [pair.ours],
            "hurried": [pair.python, "-I", "-c", HURRY],
        }
        running.append(Running([*programs[which], *words], tmp_path / which, preexec))
        return running[-1]

    yield started
    for it in running:
        it.end()


@BOTH
def test_multilog_term_ends_it_cleanly(start: Start, which: str) -> None:
    """After a whole line TERM is the end: code 0, current complete."""
    it = start(which, "./d")
    it.write(b"a\n")
    wait_until(lambda: it.text() == b"a\n")
    it.process.send_signal(signal.SIGTERM)
    assert (it.wait(), it.err(), "current 744" in it.kinds()) == (0, b"", True)
    count("multilog: signals")


@BOTH
def test_multilog_term_reads_to_the_end_of_the_line(start: Start, which: str) -> None:
    """TERM in the middle of a line: the rest of it is read, and not a byte of the next."""
    it = start(which, "./d")
    it.write(b"a\nb")
    it.wait_read()
    it.send_stopped(signal.SIGTERM, b"c\nd\n")
    assert it.wait() == 0
    assert it.text() == b"a\nbc\n"
    assert os.read(it.reading, 100) == b"d\n"
    count("multilog: signals")


@BOTH
def test_multilog_alrm_rotates_what_is_not_empty(start: Start, which: str) -> None:
    """ALRM makes an archive of current; of an empty one it makes nothing."""
    it = start(which, "./d", "-*", "./e")
    it.write(b"a\n")
    wait_until(lambda: it.text() == b"a\n")
    it.wait_read()
    it.send_stopped(signal.SIGALRM)
    it.write(b"b\n")
    wait_until(lambda: it.text() == b"a\nb\n")
    assert [path.read_bytes() for path in runner.archives(it.cwd / "d")] == [b"a\n"]
    assert runner.archives(it.cwd / "e") == []
    count("multilog: signals")


@BOTH
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT], ids=str)
def test_multilog_dies_of_other_signals(start: Start, which: str, number: int) -> None:
    """HUP, INT and QUIT are the unclean end."""
    it = start(which, "./d")
    it.write(b"a\n")
    wait_until(lambda: it.text() == b"a\n")
    it.process.send_signal(number)
    assert (it.wait(), "current 644" in it.kinds()) == (-number, True)
    count("multilog: signals")


def block_signals() -> None:
    """In the child: block what a multilog has to hear."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD))


@BOTH
def test_multilog_hears_signals_that_were_blocked(start: Start, which: str) -> None:
    """Started with TERM, ALRM and CHLD blocked, it hears a processor's end and TERM."""
    it = start(which, "s4096", "!cat", "./d", preexec=block_signals)
    it.write(b"line\n" * 500)
    wait_until(lambda: (it.cwd / "d").exists() and runner.archives(it.cwd / "d"))
    it.wait_read()
    it.process.send_signal(signal.SIGTERM)
    assert (it.wait(), it.err(), it.text()) == (0, b"", b"line\n" * 500)
    count("multilog: signals")


@pytest.mark.deviation("multilog-term-partial-line")
def test_multilog_ends_in_the_middle_of_a_line(start: Start) -> None:
    """TERM with a line that does not go on: C waits for ever, we add the newline."""
    c, ours = start("c", "./d"), start("ours", "./d")
    for it in (c, ours):
        it.write(b"a\nb")
        it.wait_read()
        it.process.send_signal(signal.SIGTERM)
    assert (ours.wait(), ours.text(), "current 744" in ours.kinds()) == (0, b"a\nb\n", True)
    assert c.process.poll() is None
    wait_until(c.is_waiting)


@pytest.mark.deviation("multilog-term-race")
def test_multilog_hears_term_while_it_works(start: Start, tmp_path: Path) -> None:
    """TERM while it is busy: C notices only after more input has come, we at once."""
    script = 'touch "started"; while ! test -e ../go; do sleep 0.02; done; cat'
    c, ours = (start(which, "s4096", f"!{script}", "./d") for which in ("c", "ours"))
    for it in (c, ours):
        it.write(b"line\n" * 500)
        wait_until(lambda it=it: (it.cwd / "d" / "started").exists())  # type: ignore[misc]
        it.process.send_signal(signal.SIGTERM)
        (it.cwd / "go").write_bytes(b"")
    assert (ours.wait(), ours.text()) == (0, b"line\n" * 500)
    wait_until(lambda: c.text() == b"line\n" * 500 and c.is_waiting())
    assert c.process.poll() is None
    assert tmp_path


@pytest.mark.slow
@pytest.mark.deviation("multilog-term-processor")
def test_multilog_ends_although_its_processor_hangs(start: Start) -> None:
    """TERM while a processor hangs: C waits for it for ever, we 10 s; nothing is lost by it."""
    script = "echo $$ >pid; exec sleep 1000"
    assert multilog.PROCESSOR_NS == 10 * 10**9
    c, ours = (start(which, "s4096", f"!{script}", "./d") for which in ("c", "hurried"))
    pids = []
    for it in (c, ours):
        it.write(b"line\n" * 500)
        pid = it.cwd / "d" / "pid"
        wait_until(lambda pid=pid: pid.exists() and pid.read_text())  # type: ignore[misc]
        pids.append(int(pid.read_text()))
        it.process.send_signal(signal.SIGTERM)
    assert ours.wait() == 0
    assert b"processor still running in ./d" in ours.err()
    assert c.process.poll() is None
    for it, number in zip((c, ours), pids, strict=True):
        it.process.kill()
        os.kill(number, signal.SIGKILL)
    assert ours.text() == b"line\n" * 500


def limit_files() -> None:
    """In the child: no file may pass 1 kB, and that is an error, not a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


@pytest.mark.deviation("multilog-term-blocked")
def test_multilog_ends_on_a_blocked_disk(start: Start) -> None:
    """TERM where nothing can be written: C goes on, we try for 2 s and say what is lost."""
    c, ours = (start(which, "./d", preexec=limit_files) for which in ("c", "ours"))
    for it in (c, ours):
        it.write(b"line\n" * 500)
        wait_until(lambda it=it: b"file too big" in it.err())  # type: ignore[misc]
        it.process.send_signal(signal.SIGTERM)
    assert ours.wait() == 111
    unable = b"multilog: warning: unable to write to ./d/current, pausing: file too big\n"
    lost = b"multilog: warning: giving up 296 lines, 1476 bytes, for ./d\n"
    assert ours.err().startswith(unable)
    assert ours.err().endswith(lost)
    assert len(ours.text()) == 1024
    assert c.process.poll() is None
    assert c.err() == unable * c.err().count(b"\n")


def test_multilog_ends_where_a_processor_outlasts_a_stuck_directory(start: Start) -> None:
    """TERM while one directory is stuck and another's processor runs; then it is not stuck."""
    it = start("hurried", "s4096", "./d", "!echo $$ >pid; exec sleep 1000", "./e")
    wait_until(lambda: (it.cwd / "e/current").exists())
    (it.cwd / "d/previous").mkdir()
    it.write(b"line\n" * 500)
    pid = it.cwd / "e/pid"
    wait_until(lambda: pid.exists() and pid.read_text() and b"is a directory" in it.err())
    it.process.send_signal(signal.SIGTERM)
    (it.cwd / "d/previous").rmdir()
    assert (it.wait(), it.text()) == (0, b"line\n" * 500)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    stuck, left = it.err().splitlines()[-2:]
    assert stuck.startswith(b"multilog: warning: unable to rename current to previous in ")
    assert left == b"multilog: warning: processor still running in ./e, leaving it"


@pytest.mark.deviation("multilog-file-size-limit")
def test_multilog_pauses_at_a_file_size_limit(start: Start) -> None:
    """A soft limit on files: C dies of SIGXFSZ with what it has read, we wait for better times."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))

    assert multilog.RETRY_NS == 5 * 10**9
    c, ours = (start(which, "./d", preexec=limit) for which in ("c", "hurried"))
    for it in (c, ours):
        it.write(b"line\n" * 500)
    assert c.wait() == -signal.SIGXFSZ
    wait_until(lambda: b"file too big" in ours.err())
    resource.prlimit(ours.process.pid, resource.RLIMIT_FSIZE, (10**6, resource.RLIM_INFINITY))
    wait_until(lambda: ours.text() == b"line\n" * 500)


@pytest.mark.deviation("multilog-empty-u")
def test_multilog_makes_no_empty_archive(start: Start) -> None:
    """After a KILL with an empty current: C makes an empty .u, we none."""
    for which in ("c", "ours"):
        it = start(which, "./d")
        wait_until(lambda it=it: (it.cwd / "d" / "current").exists() and it.is_waiting())  # type: ignore[misc]
        it.process.kill()
        it.process.wait()
        again = start(which, "./d")
        wait_until(again.is_waiting)
        sizes = [path.stat().st_size for path in runner.archives(it.cwd / "d")]
        assert sizes == ([0] if which == "c" else [])


@pytest.mark.deviation("multilog-unknown-action")
def test_multilog_warns_of_an_unknown_action(oracle: Oracle, tmp_path: Path) -> None:
    """What is no action is ignored by both; we say so."""
    pair, said = oracle("multilog"), []
    for name in ("c", "ours"):
        process = runner.start(getattr(pair, name), ["d/main", "./d"], tmp_path / name)
        process.communicate(b"a\n")
        assert (process.returncode, runner.text(tmp_path / name / "d")) == (0, b"a\n")
        said.append(runner.stderr(tmp_path / name))
    assert said == [b"", b"multilog: warning: ignoring unknown action d/main\n"]


@pytest.mark.deviation("multilog-one-stamp")
def test_multilog_stamps_a_read_once(oracle: Oracle, tmp_path: Path) -> None:
    """Lines of one read share a stamp; C looks at the clock for each."""
    pair, stamps = oracle("multilog"), []
    for name in ("c", "ours"):
        process = runner.start(getattr(pair, name), ["t", "./d"], tmp_path / name)
        process.communicate(b"a\n" * 100)
        lines = runner.text(tmp_path / name / "d").splitlines()
        stamps.append(len({line[:25] for line in lines}))
    assert stamps[0] > 1
    assert stamps[1] == 1


@pytest.mark.deviation("multilog-archive-names")
def test_multilog_archive_names_never_go_back(oracle: Oracle, tmp_path: Path) -> None:
    """An archive from the future: C names the next ones below it and so deletes them first."""
    pair, newest = oracle("multilog"), []
    for name in ("c", "ours"):
        directory = tmp_path / name / "d"
        directory.mkdir(parents=True)
        (directory / "@500000000000000000000000.s").write_bytes(b"old\n")
        process = runner.start(getattr(pair, name), ["s4096", "n3", "./d"], tmp_path / name)
        process.communicate(b"".join(b"%05d\n" % number for number in range(3000)))
        newest.append(runner.archives(directory)[-1].read_bytes())
    assert newest[0] == b"old\n"
    assert newest[1] != b"old\n"


@pytest.mark.deviation("multilog-nonblocking-input")
@BOTH
def test_multilog_waits_for_a_nonblocking_pipe(start: Start, which: str) -> None:
    """A pipe that somebody made non-blocking: C takes "nothing yet" for the end, we wait."""
    it = start(which, "./d")
    it.wait_read()
    os.set_blocking(it.reading, False)
    it.write(b"a\n")
    if which == "ours":
        wait_until(lambda: it.text() == b"a\n")
        it.write(b"b\n")
        wait_until(lambda: it.text() == b"a\nb\n")
    else:
        assert it.wait() == 0
