"""The supervisors that contrib/bench compares: their directories, their start, their births.

Every service is contrib/bench/beat.c behind a shell's `exec`, and every log/run is the C multilog,
under each of them alike; supervisord alone writes its logs itself, and so does the kind "built-in".
"""

import os
import resource
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import procs

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "#!/bin/sh\nexec ../../beat\n"
LOG_RUN = "#!/bin/sh\nexec {multilog} t ./main\n"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
PLACES = ("/usr/bin", "/command", "/usr/local/bin", "/usr/sbin", "/sbin")
BIRTH = struct.Struct("=qi52s")
BETWEEN_STARTS_NS = 1_150_000_000  # daemontools starts nothing sooner than 1 s after the last start
PATIENCE_S = 60.0
SERVICES = (b"beat", b"multilog")  # what no supervisor is charged for


class BenchError(Exception):
    """The benchmark cannot go on."""


class Birth(NamedTuple):
    """One start of one service."""

    pid: int
    born_ns: int


class Kind(NamedTuple):
    """One sort of supervisor.

    Attributes:
        program: its first program, a path or a name.
        words: makes its arguments from its root directory and its number of services.
        has_control: whether d and u into supervise/control are commands.
        has_loggers: whether it runs log/run.
        rescan: a FIFO in the scan directory that wants an "a" to notice a new directory.
        settings: what is in each service.toml; where empty, there is none.
    """

    name: str
    program: str
    words: "Callable[[str, int], list[str]]"
    has_control: bool = True
    has_loggers: bool = True
    rescan: str = ""
    settings: str = ""


def kinds(bin_directory: str) -> dict[str, Kind]:
    """Name all supervisors; ours is that of the directory."""
    scan = lambda root, _n: [f"{root}/scan"]  # noqa: E731
    return {
        kind.name: kind
        for kind in (
            Kind("pysvscan", f"{bin_directory}/svscan", scan),
            Kind("built-in", f"{bin_directory}/svscan", scan, settings=log_settings("t ./main")),
            Kind("daemontools", "svscan", scan),
            Kind("runit", "runsvdir", scan),
            Kind("s6", "s6-svscan", s6_words, rescan=".s6-svscan/control"),
            Kind("supervisor", "supervisord", supervisord_words, False, False),
        )
    }


def log_settings(script: str) -> str:
    """Write the service.toml that names a built-in log; root has to name its account."""
    user = 'user = "root"\n' if os.geteuid() == 0 else ""
    return f'[log]\nscript = "{script}"\n{user}'


def s6_words(root: str, n: int) -> list[str]:
    """Raise s6-svscan's limit of 500 services."""
    return ["-c", str(4 * n + 100), f"{root}/scan"]


def supervisord_words(root: str, n: int) -> list[str]:
    """Write supervisord's configuration: the same services, logged by itself."""
    with open(f"{root}/conf", "w") as file:
        file.write(f"[supervisord]\nlogfile={root}/log\npidfile={root}/pid\nminfds={3 * n + 200}\n")
        for name in sorted(os.listdir(f"{root}/scan")):
            file.write(
                f"[program:{name}]\ncommand={root}/scan/{name}/run\ndirectory={root}/scan/{name}\n"
                f"stdout_logfile={root}/scan/{name}/out\nredirect_stderr=true\nautorestart=true\n"
            )
    return ["-n", "-c", f"{root}/conf"]


def find(program: str) -> str:
    """Find a program, never by PATH, where a svscan of ours may come first.

    Raises:
        BenchError: it is not installed.
    """
    for path in [program] if "/" in program else [f"{place}/{program}" for place in PLACES]:
        if os.access(path, os.X_OK):
            return path
    raise BenchError(f"unable to find {program}: not installed")


def compile_beat(scratch: str) -> str:
    """Compile the service, static where possible: a dynamic linker adds the same to each figure.

    Raises:
        BenchError: no C compiler, or it fails.
    """
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "beat.c")
    target = f"{scratch}/beat"
    for how in (["-static"], []):
        if not os.spawnvp(os.P_WAIT, "cc", ["cc", "-O2", *how, "-o", target, source]):
            return target
    raise BenchError(f"unable to compile {source}: is cc installed?")


def make_service(directory: str, run: str = RUN, multilog: str = "/usr/bin/multilog") -> None:
    """Make one logged service directory."""
    os.makedirs(f"{directory}/log")
    write_script(f"{directory}/run", run)
    write_script(f"{directory}/log/run", LOG_RUN.format(multilog=multilog))


def write_settings(directory: str, settings: str) -> None:
    """Write service.toml, where there is something to set; ours then runs no log/run."""
    if settings:
        with open(f"{directory}/service.toml", "w") as file:
            file.write(settings)


def write_script(path: str, text: str) -> None:
    """Write an executable file."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755), "w") as file:
        file.write(text)


def raise_limits() -> None:
    """Raise the limit of descriptors as far as allowed: C svscan keeps two for each service."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Supervisor:
    """One running supervisor with its n services, all below one root directory.

    Attributes:
        born: the latest birth of each service, by name.
        started_after_ns: from the start to the moment all services and loggers ran.
    """

    def __init__(self, kind: Kind, root: str, beat: str, n: int) -> None:
        self.kind = kind
        self.root = root
        self.n = n
        self.pid = 0  # 0 means not started
        self.made = 0  # directories that came later
        self.born: dict[str, Birth] = {}
        self.started_after_ns = 0
        os.makedirs(f"{root}/scan")
        os.mkdir(f"{root}/new")
        os.link(beat, f"{root}/beat")
        os.mkfifo(f"{root}/births")
        self.births = os.open(f"{root}/births", os.O_RDWR | os.O_NONBLOCK)
        self.poll = select.poll()
        self.poll.register(self.births, select.POLLIN)

    def start(self, run: str = RUN, multilog: str = "/usr/bin/multilog") -> None:
        """Make the service directories, start, and wait until all services and loggers run."""
        for number in range(self.n):
            directory = f"{self.root}/scan/s{number:04}"
            make_service(directory, run, multilog)
            write_settings(directory, self.kind.settings)
        program = find(self.kind.program)
        argv = [program, *self.kind.words(self.root, self.n)]
        begin_ns = time.monotonic_ns()
        self.pid = spawn(argv, f"{self.root}/errors")
        self.wait(lambda: len(self.born) == self.n, "all services run")
        services_ns = max(birth.born_ns for birth in self.born.values())
        loggers_ns = self.wait_loggers() if self.kind.has_loggers else 0
        self.started_after_ns = max(services_ns, loggers_ns) - begin_ns

    def wait_loggers(self) -> int:
        """Wait until each multilog has made its log directory; say when that was seen."""
        missing = [f"{self.root}/scan/{name}/log/main/current" for name in self.born]

        def all_made() -> bool:
            while missing and os.path.exists(missing[-1]):
                missing.pop()
            return not missing

        self.wait(all_made, "all loggers run", step_ms=1)
        return time.monotonic_ns()

    def collect(self, timeout_ms: int) -> None:
        """Take note of births; wait for the first at most that long."""
        if not self.poll.poll(timeout_ms):
            return
        for now_ns, pid, name in BIRTH.iter_unpack(os.read(self.births, BIRTH.size * 1024)):
            self.born[name.rstrip(b"\0").decode()] = Birth(pid, now_ns)

    def wait(self, is_done: "Callable[[], bool]", what: str, step_ms: int = 50) -> None:
        """Collect births until something is true.

        Raises:
            BenchError: it does not become true.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not is_done():
            if time.monotonic() > deadline:
                self.give_up(f"waited in vain for: {what}; {len(self.born)} of {self.n} were born")
            self.collect(step_ms)

    def give_up(self, why: str) -> NoReturn:
        """Raise, with the supervisor's last words."""
        with open(f"{self.root}/errors", errors="replace") as file:
            last = "".join(file.readlines()[-8:])
        raise BenchError(f"{self.kind.name}: {why}\n{last}".rstrip())

    def wait_birth(self, name: str, old_pid: int) -> Birth:
        """Wait for a service's next start."""
        self.wait(
            lambda: name in self.born and self.born[name].pid != old_pid,
            f"a start of {name} after pid {old_pid}",
        )
        return self.born[name]

    def ripe(self) -> tuple[str, Birth]:
        """Choose the service that was started first; wait until it may be started again at once."""
        name, birth = min(self.born.items(), key=lambda item: item[1].born_ns)
        self.wait_age(birth.born_ns)
        return name, self.born[name]

    def wait_age(self, born_ns: int) -> None:
        """Wait until a service born then may be started again at once."""
        wait_ns = born_ns + BETWEEN_STARTS_NS - time.monotonic_ns()
        time.sleep(max(0, wait_ns) / 1e9)

    def control(self, name: str) -> int:
        """Open a service's control FIFO."""
        return os.open(f"{self.root}/scan/{name}/supervise/control", os.O_WRONLY | os.O_NONBLOCK)

    def own(self) -> list[int]:
        """List the supervisor's own processes: all below it but services and multilogs."""
        return [pid for pid, name in procs.below(self.pid).items() if name not in SERVICES]

    def end(self) -> None:
        """Kill everything, and remove everything."""
        if self.pid:
            procs.end(self.pid, self.root)
        os.close(self.births)
        shutil.rmtree(self.root)


def spawn(argv: list[str], errors: str) -> int:
    """Start a supervisor in a session of its own, its output in a file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, errors, flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    ignored_by_python = [signal.SIGPIPE, signal.SIGXFSZ]
    return os.posix_spawn(
        argv[0],
        argv,
        {"PATH": PATH},
        file_actions=actions,
        setsid=True,
        setsigdef=ignored_by_python,
    )


def default_directory() -> str:
    """Choose where scan directories are made: in memory, where that is to be had.

    On ext4 a new file is not given the inode of one deleted within the last minutes, and looking
    for another took 65 % of svscan's CPU time at a start, after other tests and benchmarks had run.
    """
    memory = "/dev/shm"  # noqa: S108 (only a mkdtemp in it)
    return memory if os.access(memory, os.W_OK) else tempfile.gettempdir()


def default_bin() -> str:
    """Name the directory of the running interpreter's scripts."""
    return os.path.dirname(os.path.abspath(sys.executable))
