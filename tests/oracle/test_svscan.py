"""svscan beside C's: what a service inherits, what is said of each error, where we do otherwise.

Not tested: the order of a service's environment, which nobody promises; access mode and inode of
the log pipe (a FIFO that is open for both, so that a service never gets SIGPIPE).
"""

import functools
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.oracle.runner import Pair, count
from tests.wait import wait_until

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
Oracle = Callable[[str], Pair]

PATH = {b"PATH": b"/usr/bin:/bin"}
SOFT = 64  # descriptors
STATUS = ("Uid", "Gid", "Groups", "Umask", "SigBlk", "SigIgn", "SigCgt", "CapEff", "CapBnd")
STATUS += ("NoNewPrivs", "Seccomp", "Cpus_allowed")
STAT = {"tty": 4, "priority": 15, "nice": 16, "threads": 17, "exit signal": 35, "policy": 38}


@dataclass(frozen=True)
class Launch:
    """How an svscan is started.

    Attributes:
        env: its environment.
        ignored, blocked: signals.
        umask: its umask.
        descriptors: the soft and hard limit of open files, if changed.
        nice: added to its nice value.
        session: whether it is the leader of one of its own.
        extra: whether it inherits a descriptor more.
    """

    env: Mapping[bytes, bytes] = field(default_factory=lambda: PATH)
    ignored: Sequence[signal.Signals] = ()
    blocked: Sequence[signal.Signals] = ()
    umask: int = 0o022
    descriptors: tuple[int, int] | None = None
    nice: int = 0
    session: bool = False
    extra: bool = False

    def prepare(self) -> None:
        """In the child: arrange all that, before it executes."""
        for number in self.ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.blocked)
        os.umask(self.umask)
        os.nice(self.nice)
        if self.descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, self.descriptors)


HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
S = signal.Signals
LAUNCHES = {
    "plain": Launch(),
    "session": Launch(session=True, nice=3),
    "empty": Launch({}),
    "names": Launch({**PATH, b"A.B": b"1", b"a b": b"2", b"1": b"", b"BASH_FUNC_f%%": b"() {"}),
    "values": Launch({**PATH, b"NL": b"a\nb\n", b"Q": b"'\"\\$(id)`id`", b"FF": b"\xff\xfe"}),
    "locale": Launch({**PATH, b"LC_ALL": b"C", b"LANG": b"xx", b"LC_CTYPE": b"C.UTF-8"}),
    "no locale": Launch({**PATH, b"LC_CTYPE": b"C"}),
    "python": Launch({**PATH, b"PYTHONHOME": b"/nowhere", b"PYTHONPATH": b"/nowhere"}),
    "stale PWD": Launch({**PATH, b"PWD": b"/stale", b"OLDPWD": b"it's"}),
    "empty PWD": Launch({**PATH, b"PWD": b"", b"OLDPWD": b""}),
    "only OLDPWD": Launch({**PATH, b"OLDPWD": b"/usr\n"}),
    "shell": Launch({**PATH, b"ENV": b"/nowhere", b"PS1": b"$", b"OPTIND": b"7", b"_": b"x"}),
    "IFS": Launch({**PATH, b"IFS": b"0123456789-"}),
    "our words": Launch({**PATH, b"pysvscan_dir": b"x", b"PPID": b"1", b"LINENO": b"3"}),
    "umask": Launch(umask=0o027),
    "ignored": Launch(ignored=[S.SIGINT, S.SIGQUIT, S.SIGHUP, S.SIGPIPE]),
    "ignored too": Launch(ignored=[S.SIGTERM, S.SIGXFSZ, S.SIGCHLD, S.SIGUSR1, S.SIGALRM]),
    "blocked": Launch(blocked=[S.SIGINT, S.SIGTERM, S.SIGHUP, S.SIGUSR2, S.SIGPIPE]),
    "blocked too": Launch(blocked=[S.SIGCHLD, S.SIGALRM, S.SIGQUIT], ignored=[S.SIGHUP]),
    "few descriptors": Launch(descriptors=(SOFT, HARD)),
    "few at most": Launch(descriptors=(SOFT, 3 * SOFT)),
    "all descriptors": Launch(descriptors=(HARD, HARD)),
}


@contextmanager
def launched(program: str, where: Path, launch: Launch) -> Iterator[subprocess.Popen[bytes]]:
    """Run an svscan started in this way; its stdin is a pipe that nobody writes to."""
    with ExitStack() as stack:
        extra = os.open("/dev/null", os.O_RDWR) if launch.extra else -1
        if launch.extra:
            stack.callback(os.close, extra)
        stderr = stack.enter_context((where.parent / f"{where.name}.stderr").open("ab"))
        process = subprocess.Popen(
            [program],
            cwd=where,
            env=launch.env,
            stdin=subprocess.PIPE,
            stdout=stderr,
            stderr=stderr,
            preexec_fn=launch.prepare,
            start_new_session=launch.session,
            pass_fds=[extra] if launch.extra else [],
        )
        stack.callback(end, process)
        yield process


def end(process: subprocess.Popen[bytes]) -> None:
    """End an svscan and all that it started: they share its session or its group, or are ours."""
    family = descendants(process.pid)
    process.kill()
    process.wait()
    assert process.stdin
    process.stdin.close()
    for pid in family:
        with open_quietly(pid) as held:
            if held >= 0:
                signal.pidfd_send_signal(held, signal.SIGKILL)


@contextmanager
def open_quietly(pid: int) -> Iterator[int]:
    """Hold a process, -1 if there is none."""
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        yield -1
        return
    try:
        yield held
    except ProcessLookupError:
        pass
    finally:
        os.close(held)


def descendants(pid: int) -> list[int]:
    """List the processes below a process."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    children = [int(child) for child in path.read_text().split()] if path.exists() else []
    return [*children, *(below for child in children for below in descendants(child))]


def make_services(where: Path) -> list[Path]:
    """Make services, alone and logged, of two kinds.

    Each run becomes `cat -`, which waits for its stdin and opens nothing. The other kind: an
    interpreter that is a script itself is none that a shell could be trusted with; it is forked.
    """
    where.mkdir()
    (where / ".interpreter").write_text("#!/bin/cat -\n")
    (where / ".interpreter").chmod(0o755)
    texts = {"plain": "#!/bin/cat -\n", "forked": f"#!{where}/.interpreter\n"}
    paths = []
    for kind, text in texts.items():
        for name in (kind, f"{kind}-logged", f"{kind}-logged/log"):
            (where / name).mkdir()
            (where / name / "run").write_text(text)
            (where / name / "run").chmod(0o755)
            paths.append(where / name)
    return paths


def running(path: Path, other_than: int = 0) -> int:
    """Give the pid of the service, once it is `cat` and waits for its stdin; 0 before."""
    try:
        pid = int.from_bytes((path / "supervise/status").read_bytes()[12:16], "little")
        if not pid or pid == other_than or not os.readlink(f"/proc/{pid}/exe").endswith("/cat"):
            return 0
        return pid if "pipe_read" in Path(f"/proc/{pid}/wchan").read_text() else 0
    except OSError:
        return 0


def inherited(pid: int, path: Path, svscan: int) -> dict[str, object]:
    """Say what a process has been given."""
    proc = Path(f"/proc/{pid}")
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
    given: dict[str, object] = {name: status[name] for name in STATUS}
    given |= {name: stat[number] for name, number in STAT.items()}
    given["group"] = os.getpgid(pid) == os.getpgid(svscan)
    given["session"] = os.getsid(pid) == os.getsid(svscan)
    given["environment"] = sorted((proc / "environ").read_bytes().split(b"\0"))
    given["limits"] = (proc / "limits").read_text()
    given["words"] = (proc / "cmdline").read_bytes().split(b"\0")[-2:]
    given["directory"] = os.readlink(proc / "cwd") == str(path)
    for name in ("oom_score_adj", "cgroup", "personality", "coredump_filter", "timerslack_ns"):
        given[name] = (proc / name).read_text()
    given["numbers"] = sorted(os.listdir(proc / "fd"), key=int)
    given["descriptors"] = [descriptor(proc, number) for number in given["numbers"]]
    return given


def descriptor(proc: Path, number: str) -> str:
    """Say what a descriptor is: of pipes only that they are, of others how they were opened."""
    target = os.readlink(proc / "fd" / number)
    flags = int((proc / "fdinfo" / number).read_text().split("flags:")[1].split()[0], 8)
    if "pipe" in target:
        return "pipe, not blocking" if flags & os.O_NONBLOCK else "pipe"
    return f"{Path(target).suffix} {flags:o}"


Seen = dict[str, dict[str, object]]  # "service, started" or "service, restarted": what, value


class Observed:
    """An svscan that runs, and what is seen of its services."""

    def __init__(self, program: str, where: Path, launch: Launch, stack: ExitStack) -> None:
        self.where = where
        self.paths = make_services(where)
        self.svscan = stack.enter_context(launched(program, where, launch)).pid
        self.pids = dict.fromkeys(self.paths, 0)
        self.seen: Seen = {}

    def look(self, moment: str) -> None:
        """Wait until each service runs, other than before, and look at it."""
        for path in self.paths:
            before = self.pids[path]
            self.pids[path] = wait_until(functools.partial(running, path, before))
            name = f"{path.relative_to(self.where)}, {moment}"
            self.seen[name] = inherited(self.pids[path], path, self.svscan)

    def kill(self) -> None:
        """Kill each service."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGKILL)


# What is in the environment besides.
ROADS: dict[str, dict[bytes, bytes]] = {"direct": {}, "shell": {b"PYSVSCAN_PURE": b"1"}}
# A shell has its own mind about the environment; of all else one example each is enough for it.
FOR_A_SHELL = {"plain", "empty", "names", "values", "stale PWD", "empty PWD", "only OLDPWD"}
FOR_A_SHELL |= {"shell", "IFS", "our words", "ignored", "blocked too", "few descriptors"}
CASES = [
    (name, road) for name in LAUNCHES for road in ROADS if road == "direct" or name in FOR_A_SHELL
]


@pytest.fixture(scope="module")
def seen(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Seen]:
    """Look at services of all launches, ours by each road and C's, at first start and restart."""
    pair = oracle("svscan")
    where = tmp_path_factory.mktemp("launches")
    observed: dict[tuple[str, str], Observed] = {}
    with ExitStack() as stack:
        for number, (name, launch) in enumerate(LAUNCHES.items()):
            observed[name, "C"] = Observed(pair.c, where / f"C{number}", launch, stack)
        for number, (name, road) in enumerate(CASES):
            launch = LAUNCHES[name]
            launch = replace(launch, env={**launch.env, **ROADS[road]})
            observed[name, road] = Observed(pair.ours, where / f"ours{number}", launch, stack)
        for side in observed.values():
            side.look("started")
            side.kill()
        for side in observed.values():
            side.look("restarted")
    return {key: side.seen for key, side in observed.items()}


@pytest.mark.parametrize(("name", "road"), CASES)
def test_svscan_hands_on_what_it_was_given_as_c(
    seen: dict[tuple[str, str], Seen], name: str, road: str
) -> None:
    """A service and a logger get the descriptors, signals, limits and environment of C's."""
    ours, theirs = seen[name, road], seen[name, "C"]
    more = [name + b"=" + value for name, value in ROADS[road].items()]
    for service, of_c in theirs.items():
        environment = sorted([*of_c["environment"], *more])  # type: ignore[misc]
        expected = {**of_c, "environment": environment}
        for what, value in expected.items():
            assert ours[service][what] == value, f"{service}: {what}"
        assert ours[service] == expected
        count("svscan: what a service inherits", len(expected))
    numbers = {tuple(given["numbers"]) for given in ours.values()}  # type: ignore[arg-type]
    assert numbers == {("0", "1", "2")}
