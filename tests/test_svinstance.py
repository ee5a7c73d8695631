"""svinstance: instances come complete, change alone, go in order, and nothing is left half done.

Not tested: accounts other than the one that runs this; a scan directory that another account owns
is (as root). What becomes of which value: tests/core/test_instance.py, test_table.py.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pysvscan import __main__, instances, removal
from pysvscan.commands import svinstance
from pysvscan.pathexec import Chain
from tests.oracle import forked
from tests.scan import Scan, executable, is_supervised, pid, scanning, wait_started, wait_up
from tests.wait import wait_until

USER = 'user = "root"\n' if os.geteuid() == 0 else ""
LINES = "while :; do echo line $((n += 1)) $SAID; sleep 0.01; done"


class Place:
    """A scan directory, with templates beside it.

    Attributes:
        scan: the scan directory.
        templates: with one that is called web@, which writes lines into a built-in log.
    """

    def __init__(self, path: Path) -> None:
        self.scan = path / "scan"
        self.templates = path / "service.d"
        self.scan.mkdir()
        self.template = self.templates / "web@"
        (self.template / "env").mkdir(parents=True)
        (self.template / "log").mkdir()
        executable(self.template / "run", LINES)
        (self.template / "env/SAID").write_text("said\n")
        (self.template / "env/DOMAIN").write_text("\n")
        toml = f'[run]\nenvironment = "env"\n[log]\nscript = "t =status ./main"\n{USER}'
        (self.template / "service.toml").write_text(toml)
        self.table = path / "table.toml"

    def call(self, *words: str, code: int = 0) -> list[str]:
        """Run svinstance; give what it says."""
        out = forked.memory()
        child = os.fork()  # a new interpreter would cost most of a test's time
        if not child:
            with contextlib.suppress(BaseException):
                os.dup2(out, 1)
                os.dup2(out, 2)
                where = ["-d", str(self.scan), "-t", str(self.templates)]
                __main__.run("svinstance", [*where, *words])
            os._exit(99)
        got = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        text = forked.contents(out).decode()
        assert got == code, text
        return text.splitlines()

    def sync(self, text: str, *words: str, code: int = 0) -> list[str]:
        """Write a table and have it."""
        self.table.write_text(f'services = ["web"]\n{text}')
        return self.call("sync", *words, str(self.table), code=code)

    def lines(self, name: str) -> list[str]:
        """Read a log, without its stamps."""
        files = sorted((self.scan / name / "log/main").glob("@*"))
        files.append(self.scan / name / "log/main/current")
        text = "".join(file.read_text() for file in files)
        return [line.partition(" ")[2] for line in text.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a scan directory without a svscan."""
    return Place(tmp_path)


@pytest.fixture
def running(place: Place) -> Iterator[tuple[Place, Scan]]:
    """Give one with a svscan."""
    with scanning(place.scan) as scan:
        yield place, scan


def wait_lines(place: Place, name: str, count: int = 1) -> None:
    """Wait until a log has so many lines."""
    log = place.scan / name / "log/main/current"
    wait_until(lambda: log.exists() and len(place.lines(name)) >= count)


def tree(path: Path) -> dict[str, tuple[int, bytes]]:
    """Give all that is below a directory, to the byte."""
    return {
        str(it.relative_to(path)): (it.stat().st_mtime_ns, it.read_bytes())
        for it in path.rglob("*")
        if it.is_file()
    }


# Each template listens nowhere, so that addresses and ports are no matter here.


def table(*names: str, **said: str) -> str:
    """Write a table of domains, each with a port that is no other's."""
    ports = {name: sum(name.encode()) for name in names}
    return "".join(
        f'[domain.{it}]\naddress = "127.0.0.{ports[it] % 250}"\n' + extra(said.get(it, ""))
        for it in names
    )


def extra(said: str) -> str:
    """Write a variable."""
    return f'environment.SAID = "{said}"\n' if said else ""


@pytest.fixture(autouse=True)
def address(place: Place) -> None:
    """Let the template have an address, as a table's domains do."""
    (place.template / "env/ADDRESS").write_text("0\n")


@pytest.mark.slow
def test_a_domain_comes_changes_and_goes_alone(running: tuple[Place, Scan]) -> None:
    """The others keep their processes; a removed one's lines are all in its log, which is kept."""
    place, _ = running
    got = place.sync(table("a", "b"))
    assert got == ["start web@a", "start web@b"]
    others = wait_up(place.scan / "web@b")
    wait_lines(place, "web@a")
    first = pid(place.scan / "web@a")
    assert place.sync(table("a", "b")) == []
    assert place.sync(table("a", "b", a="other")) == ["change web@a: env/SAID (restart)"]
    wait_until(lambda: any(line.endswith("other") for line in place.lines("web@a")))
    assert pid(place.scan / "web@a") not in (0, first)
    assert place.sync(table("b")) == ["stop web@a, its log kept"]
    assert not is_supervised(place.scan / ".web@a")
    check_whole(place.lines(".web@a"))
    assert place.call("list") == [
        "web@a: removed, its log kept",
        f"web@b: table {place.table}",
    ]
    before = place.lines(".web@a")
    place.sync(table("a", "b"))
    wait_lines(place, "web@a", len(before) + 1)
    assert place.lines("web@a")[: len(before)] == before
    assert pid(place.scan / "web@b") == others
    assert place.sync(table("b"), "-l") == ["stop web@a, its log removed"]
    assert os.listdir(place.scan).count(".web@a") == 0


def check_whole(lines: list[str]) -> None:
    """See that each start's lines are there from its first on, none missing or twice."""
    numbers = [int(line.split()[1]) for line in lines]
    expected = 0
    for number in numbers:
        expected = expected + 1 if number != 1 else 1
        assert number == expected, lines


@pytest.mark.slow
def test_a_classic_log_is_drained(running: tuple[Place, Scan]) -> None:
    """With log/run instead of [log], under ours, paused at that: what is in the pipe is logged."""
    place, _ = running
    (place.template / "service.toml").unlink()
    executable(
        place.template / "run", "for n in $(seq 500); do echo line $n x; done\nexec sleep 1000"
    )
    executable(place.template / "log/run", "mkdir -p main\nexec multilog t ./main")
    place.call("create", "web@", "a")
    wait_started(place.scan / "web@a")
    wait_up(place.scan / "web@a/log")
    command_log(place.scan / "web@a", b"p")
    assert place.call("delete", "web@a") == ["stop web@a, its log kept"]
    assert not is_supervised(place.scan / ".web@a/log")
    assert len(place.lines(".web@a")) == 500


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.skipif(not shutil.which("svscan", path="/usr/bin"), reason="no C svscan")
def test_instances_run_under_c(place: Place) -> None:
    """Started by their run and log/run, stopped, and gone."""
    (place.template / "service.toml").unlink()
    executable(place.template / "run", "exec envdir ./env sh -c 'echo $SAID; exec sleep 1000'")
    executable(place.template / "log/run", "mkdir -p main\nexec multilog ./main")
    place.sync(table("a", a="hello"))
    with c_svscan(place):
        wait_up(place.scan / "web@a")
        current = place.scan / "web@a/log/main/current"
        wait_until(lambda: current.exists() and current.read_text() == "hello\n")
        assert place.sync(table()) == ["stop web@a, its log kept"]
        assert not is_supervised(place.scan / ".web@a")


@contextlib.contextmanager
def c_svscan(place: Place) -> Iterator[None]:
    """Run C's svscan, and end what it started."""
    process = subprocess.Popen(
        ["/usr/bin/svscan", place.scan], env={"PATH": "/usr/bin:/bin"}, start_new_session=True
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()
        for control in place.scan.glob("*/**/supervise/control"):
            with contextlib.suppress(OSError):
                fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
                os.write(fd, b"dxk")
                os.close(fd)


def test_plan_changes_nothing(place: Place) -> None:
    """It says what a sync would say, and not a byte differs afterwards."""
    place.sync(table("a", "b"))
    before = tree(place.scan)
    got = place.sync(table("b", "c", b="x"), "--plan")
    assert got == ["start web@c", "change web@b: env/SAID (restart)", "stop web@a"]
    assert place.call("create", "--plan", "web@", "d") == ["start web@d"]
    assert tree(place.scan) == before
    assert place.sync(table("a", "b")) == []
    assert tree(place.scan) == before  # nor where nothing has to change


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[domain.x]\nsmtp = 5\n", "domain.x.smtp: unknown"),
        ('[domain.x]\nlog.max_age = "x"\n', 'domain.x, web: log.max_age: "x" is no age'),
        ('[domain.x]\nlog.user = "no-such"\n', 'domain.x, web: log.user: "no-such" is no account'),
        ('[domain.x]\nenvironment.FOO = "x"\n', "domain.x, web: FOO: unknown variable"),
        ('[domain.x]\nlog.script = "t ../y"\n', "domain.x, web: log.script: ../y is not below log"),
        ('[domain."../x"]\n', 'domain: "../x" is no name'),
        ("[domain", "no TOML"),
    ],
)
def test_a_broken_table_changes_nothing(place: Place, text: str, said: str) -> None:
    """One line with file, key and value; also what is right in it is not done."""
    if "no-such" in text and os.geteuid() != 0:
        pytest.skip("needs root, who looks accounts up")
    place.sync(table("a"))
    before = tree(place.scan)
    text = text.replace("[domain.x]", '[domain.x]\naddress = "127.0.9.9"')
    got = place.sync(table("a", "b", a="x") + text, code=111)
    assert got[0].startswith(f"svinstance: fatal: {place.table}: {said}")
    assert len(got) == 1
    assert tree(place.scan) == before


def test_each_touches_only_its_own(place: Place) -> None:
    """Tables, created ones and foreign directories: nobody changes or removes another's."""
    place.sync(table("a"))
    place.call("create", "web@", "mine")
    (place.scan / "web@foreign").mkdir()
    other = place.table.with_name("other.toml")
    other.write_text(f'services = ["web"]\n{table("a")}')
    fatal = "svinstance: fatal: unable to"
    assert place.call("sync", str(other), code=111) == [
        f"{fatal} change web@a: it is of the table {place.table}"
    ]
    assert place.call("delete", "web@a", code=111) == [
        f"{fatal} delete web@a: it is of the table {place.table}"
    ]
    assert place.call("delete", "web@foreign", code=111) == [
        f"{fatal} delete web@foreign: no instance"
    ]
    assert place.call("create", "web@", "foreign", code=111)[0].endswith(
        "web@foreign: it is there, and no instance"
    )
    assert place.sync(table("mine"), code=111) == [
        f"{fatal} change web@mine: it was made by create"
    ]
    other.write_text('services = ["web"]\n')
    assert place.call("sync", str(other)) == []
    assert place.sync(table("a")) == []
    place.table.rename(other)
    assert place.call("sync", str(other)) == ["change web@a: unfinished"]  # it has moved
    assert sorted(it.name for it in place.scan.iterdir() if it.name[0] != ".") == [
        "web@a",
        "web@foreign",
        "web@mine",
    ]


@pytest.mark.parametrize("name", ["../x", ".x", "a/b", "", "a\nb"])
def test_a_name_leads_nowhere_else(place: Place, name: str) -> None:
    """Neither to make nor to remove."""
    assert "is no name" in place.call("create", "web@", name, code=111)[0]
    assert "no instance" in place.call("delete", f"web@{name}", code=111)[0]
    assert "no instance" in place.call("delete", name, code=111)[0]
    assert sorted(os.listdir(place.scan)) == [".svinstance"]


def test_links_are_not_followed(place: Place, tmp_path: Path) -> None:
    """In the place of an instance, of its staging, and within both."""
    outside = tmp_path / "outside"
    (outside / "log").mkdir(parents=True)
    (outside / "instance.toml").write_text("files = ['run']\n")
    (outside / "run").write_text("precious")
    before = tree(outside)
    (place.scan / ".web@a").symlink_to(outside)
    assert "unable to open .web@a" in place.call("create", "web@", "a", code=111)[0]
    (place.scan / "web@b").symlink_to(outside)
    assert "web@b: it is there" in place.call("create", "web@", "b", code=111)[0]
    place.call("create", "web@", "c")
    shutil.rmtree(place.scan / "web@c/env")
    (place.scan / "web@c/env").symlink_to(outside)
    assert "unable to write web@c/env/" in place.call("create", "web@", "c", code=111)[0]
    place.call("create", "web@", "d")
    (place.scan / "web@d/log/main").rmdir()
    (place.scan / "web@d/log/main").symlink_to(outside)
    got = place.call("create", "web@", "d", "SAID=x", code=111)
    assert "unable to give away web@d/log/main" in got[0]
    place.call("delete", "-l", "web@d")
    assert tree(outside) == before


@pytest.mark.root
def test_a_directory_of_another_account_is_not_used(place: Place) -> None:
    """As root: whoever owns it could change it under our hands."""
    (place.scan / ".web@a").mkdir()
    os.chown(place.scan / ".web@a", 1, 1)
    got = place.call("create", "web@", "a", code=111)
    assert got == ["svinstance: fatal: unable to use .web@a: other accounts can write there"]


STEPS = ["mkdir", "rename", "open", "unlink"]
KILLED = 77


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_it_goes_on_wherever_it_was_interrupted(place: Place, step: str) -> None:
    """Killed at each system call of its kind in turn, svscan sees whole instances only.

    The next call makes it as if nothing had been.
    """
    wanted = table("a", "b", a="x")
    count = 0
    while interrupted(place, table("a", "c")) or interrupted(place, wanted, step, count):
        for it in place.scan.glob("web@*"):
            for name in ("run", "service.toml", "instance.toml"):
                assert (it / name).read_bytes()
        assert not interrupted(place, wanted)
        assert sorted(it.name for it in place.scan.glob("web@*")) == ["web@a", "web@b"]
        assert (place.scan / "web@a/env/SAID").read_text() == "x\n"
        assert not list(place.scan.glob("web@*/.changing"))
        count += 9 if step == "open" else 1
    assert count > 1


def interrupted(place: Place, wanted: str, step: str = "", at: int = 0) -> bool:
    """Sync in a child, which dies of one call of the system; say whether it did."""
    place.table.write_text(f'services = ["web"]\n{wanted}')
    words = ["-d", str(place.scan), "-t", str(place.templates), "sync", str(place.table)]
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            if step:
                setattr(os, step, dying(getattr(os, step), at))
            chain = Chain({}, frozenset())
            os._exit(svinstance.main([os.fsencode(it) for it in ["svinstance", *words]], chain))
        os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def dying(real: Callable[..., object], at: int) -> Callable[..., object]:
    """Make a call of the system that ends the process at its turn, instead of being done."""
    turns = iter(range(at))

    def call(*words: object, **named: object) -> object:
        if next(turns, None) is None:
            os._exit(KILLED)
        return real(*words, **named)

    return call


@pytest.mark.slow
def test_a_removal_that_was_interrupted_goes_on(running: tuple[Place, Scan]) -> None:
    """Out of sight, but never told to end: the next call ends it, and drains its log."""
    place, _ = running
    place.sync(table("a", "b"))
    wait_lines(place, "web@a")
    (place.scan / "web@a").rename(place.scan / ".web@a")
    assert is_supervised(place.scan / ".web@a")
    place.sync(table("b"))
    assert not is_supervised(place.scan / ".web@a")
    check_whole(place.lines(".web@a"))


def command_log(service: Path, letters: bytes) -> None:
    """Command the log of a service."""
    fd = os.open(service, os.O_RDONLY)
    assert removal.tell(fd, b"log", letters)
    os.close(fd)


def test_a_log_is_told_to_read_before_it_is_told_to_end(tmp_path: Path) -> None:
    """Once each, and with what a supervise hears of a log that is down, or paused."""
    with contextlib.ExitStack() as held:
        ends = {}
        for name in ("supervise/pipe", "log/supervise/control", "log/supervise/ok"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(tmp_path / name)
            ends[name] = open(tmp_path / name, "r+b", buffering=0)
            held.enter_context(ends[name])
        directory = os.open(tmp_path, os.O_RDONLY)
        held.callback(os.close, directory)
        one = removal.Removal(directory)
        ends["supervise/pipe"].write(b"last\n")
        assert [one.is_done(), one.is_done()] == [False, False]
        assert ends["log/supervise/control"].read(9) == b"oc"
        ends["supervise/pipe"].read(9)
        assert [one.is_done(), one.is_done(), one.is_done()] == [False, False, False]
        assert ends["log/supervise/control"].read(9) == b"xtc"
        ends["log/supervise/ok"].close()
        assert one.is_done()


@pytest.mark.slow
def test_a_log_that_is_down_or_paused_is_drained(running: tuple[Place, Scan]) -> None:
    """A removed service's last word is in its log, be that down, paused, or neither."""
    place, _ = running
    executable(
        place.template / "run",
        "trap 'echo last; exit' TERM\necho first\nwhile :; do sleep 0.1; done",
    )
    letters = {"a": "u", "b": "d", "c": "p"}
    for name in letters:
        place.call("create", "web@", name)
    for name, letter in letters.items():
        wait_lines(place, f"web@{name}")
        command_log(place.scan / f"web@{name}", letter.encode())
    got = place.call("delete", *[f"web@{name}" for name in letters])
    assert got == [f"stop web@{name}, its log kept" for name in letters]
    for name in letters:
        assert place.lines(f".web@{name}") == ["first", "last"]


@pytest.mark.slow
def test_a_service_that_does_not_end_is_said(running: tuple[Place, Scan]) -> None:
    """It is out of sight and told to end; the same call goes on when it has."""
    place, _ = running
    executable(place.template / "run", "trap '' TERM\nwhile :; do sleep 1; done")
    place.call("create", "web@", "a")
    number = wait_up(place.scan / "web@a")
    wait_until(lambda: is_ignoring(number))
    said = "svinstance: warning: web@a was told to end, but still runs: call again to go on"
    assert place.call("delete", "-w0", "web@a", code=111) == [said]
    assert place.call("list") == ["web@a: removed, still running"]
    os.kill(number, 9)
    assert place.call("delete", "web@a") == ["stop web@a, its log kept"]


def is_ignoring(number: int) -> bool:
    """Say whether a process ignores TERM by now."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << 14)


@pytest.mark.slow
def test_a_service_that_runs_without_svscan_is_not_hidden(running: tuple[Place, Scan]) -> None:
    """After svscan's KILL: who would ever end it? A change is not forgotten, either."""
    place, scan = running
    place.call("create", "web@", "a")
    wait_lines(place, "web@a")
    number = pid(place.scan / "web@a")
    scan.process.kill()
    scan.process.wait()
    got = place.call("delete", "web@a", code=111)
    assert got == [
        "svinstance: fatal: unable to stop web@a: it runs, but no svscan; start one first"
    ]
    got = place.call("create", "web@", "a", "SAID=new", code=111)
    assert "no svscan that could restart it" in got[0]
    scan.start()
    wait_until(lambda: is_supervised(place.scan / "web@a"))
    assert pid(place.scan / "web@a") == number
    assert place.call("create", "web@", "a", "SAID=new") == ["change web@a: unfinished (restart)"]
    wait_until(lambda: any(line.endswith("new") for line in place.lines("web@a")))


def test_a_service_that_is_no_instance_is_not_touched(place: Place) -> None:
    """Where the name is another's, nothing is made of the instance, and the other stays."""
    (place.scan / "web@b").mkdir()
    got = place.sync(table("a", "b"), code=111)
    assert got == ["svinstance: fatal: unable to make web@b: it is there, and no instance"]
    assert sorted(os.listdir(place.scan)) == [".svinstance", "web@b"]


def test_only_one_at_a_time(place: Place) -> None:
    """The second one says so and changes nothing."""
    held = instances.Instances(os.fsencode(place.scan), print, print, 0)
    got = place.call("create", "web@", "a", code=111)
    assert "another svinstance is at work" in got[0]
    os.close(held.fd)
    assert removal.is_supervised(os.open(place.scan, os.O_RDONLY), b".") is False


@pytest.mark.parametrize("words", [[], ["x"], ["create"], ["-q"], ["sync"], ["-wx", "list"]])
def test_wrong_usage_exits_100(place: Place, words: list[str]) -> None:
    """And says how it goes."""
    got = place.call(*words, code=100)
    assert got[0].startswith("svinstance: usage: ")
