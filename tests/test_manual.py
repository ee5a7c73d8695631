"""The manual pages: one for each command, well formed, and their examples do what they say.

Not tested: that the words are true.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysvscan import commands
from pysvscan.core import restartsettings, runsettings, settings, stopsettings
from tests import manual
from tests.conftest import Installed
from tests.scan import is_supervised, service
from tests.wait import wait_until

TOP = Path(__file__).parents[1]
PARAMETERS = pytest.mark.parametrize("page", manual.PAGES, ids=lambda page: page.name)
COMMAND_PAGES = [page for page in manual.PAGES if page.stem in commands.NAMES]
OTHER_PAGES = [f"pysvscan-{name}.1" for name in commands.TOOLS]
EXAMPLE_PAGES = COMMAND_PAGES + [manual.MAN / name for name in ("pysvscan.1", *OTHER_PAGES)]
FOREIGN = {
    "date.1",
    "env.1",
    "flock.1",
    "flock.2",
    "prlimit.1",
    "ps.1",
    "recordio.1",
    "setrlimit.2",
    "setsid.1",
    "tcpserver.1",
}
# What is said by whoever looks, and becomes true soon: asked again until it is as it should be.
LOOKING = (
    "svstat ",
    "svok ",
    "svup ",
    "pysvscan svstat",
    "tai64nlocal <",
    "tail ",
    "svlog ",
    "svscanctl -l",
)
SERVICE = re.compile(r"(?<!\w)/service\b(?!\.)")  # the scan directory
VARIABLE = (
    (r"pid \d+", "pid N"),
    (r"\d+ seconds", "N seconds"),
    (r"@4[0-9a-f]{23}", "@LABEL"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}", "DATE"),
)


def test_each_command_has_a_page() -> None:
    """Whatever is installed is described, and the package as a whole."""
    pages = {page.stem for page in manual.PAGES}
    tools = {f"pysvscan-{name}" for name in commands.TOOLS}
    assert {*commands.NAMES, *tools, "pysvscan", "service.toml"} - pages == set()


@PARAMETERS
def test_page_is_well_formed(page: Path) -> None:
    """Its name and section are its file's; it has the sections that a reader looks for."""
    text = page.read_text()
    name, _, number = page.name.rpartition(".")
    assert re.findall(r"^\.Dt (.+) (\d)$", text, re.MULTILINE) == [(name.upper(), number)]
    needed = ["NAME", "DESCRIPTION", "SEE ALSO"]
    if name in commands.NAMES:
        needed += ["SYNOPSIS", "EXIT STATUS", "EXAMPLES", "DIFFERENCES FROM DAEMONTOOLS 0.76"]
    assert [it for it in needed if not manual.section(text, it)] == []


@PARAMETERS
def test_page_refers_to_pages_that_are_there(page: Path) -> None:
    """Ours, or some that each Linux has."""
    ours = {page.name for page in manual.PAGES}
    assert manual.references(page.read_text()) - ours - FOREIGN == set()


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: page.name)
def test_page_describes_the_options(page: Path) -> None:
    """Each option that the command's module parses, and no other."""
    assert manual.options(page.read_text()) == parsed_options(page.stem)


def parsed_options(name: str) -> set[str]:
    """Name the options that a module parses: sgetopt's letters, first words, long ones."""
    text = (TOP / f"pysvscan/commands/{name}.py").read_text()
    calls = re.findall(r"LETTERS = (.+)|sgetopt\.parse\((.+)\)", text)
    letters = "".join(re.findall(r'b"([^"]*)"', " ".join(map("".join, calls))))
    letters += "".join(re.findall(r'== \[b"-(.)"\]', text))
    long = {f"-{word}" for word in re.findall(r'b"--([a-z-]+)"', text)} - {"-help"}
    return {*letters.replace(":", ""), *long}


def test_page_of_service_toml_describes_the_keys() -> None:
    """Each key that the settings know, and no other; its examples are good settings."""
    text = (manual.MAN / "service.toml.5").read_text()
    described = re.findall(r"^\.It Li (\w+) =", text, re.MULTILINE)
    known = [*settings.LOG_KEYS, *runsettings.KEYS, *restartsettings.KEYS, *stopsettings.KEYS]
    assert sorted(described) == sorted(known)
    shown = [settings.parse(tomllib.loads(it), is_root=True) for it in manual.examples(text)]
    assert all(it != settings.Settings() for it in shown)
    long = dict(re.findall(r"^\.It Li (\w) , (\w+)$", text, re.MULTILINE))
    assert long == {letter.decode(): name for name, letter in runsettings.LIMITS.items()}


def test_lint_finds_nothing() -> None:
    """mandoc, where it is there, has no warning; that it knows no other page of ours is none."""
    if not shutil.which("mandoc"):
        pytest.skip("no mandoc to check the manual pages with")
    words = ["mandoc", "-T", "lint", *map(str, manual.PAGES)]
    said = subprocess.run(words, capture_output=True, text=True).stdout
    assert [line for line in said.splitlines() if "referenced manual not found" not in line] == []


def test_man_shows_pages_without_a_word() -> None:
    """`man -l`, where it is there, has no warning either."""
    if not shutil.which("man"):
        pytest.skip("no man to show the manual pages with")
    words = ["man", "--warnings", "-l", *map(str, manual.PAGES)]
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    result = subprocess.run(words, capture_output=True, text=True, env=env)
    if not result.stdout:
        pytest.skip(f"man shows nothing here: {result.stderr}")
    assert result.stderr == ""


def test_wheel_brings_pages_and_completion(installed: Installed) -> None:
    """They are where man and bash-completion look for them: beside bin."""
    share = installed.root / "share"
    found = {path.name for path in share.glob("man/man?/*")}
    assert found == {page.name for page in manual.PAGES}
    assert {path.parent.name for path in share.glob("man/man?/*.8")} == {"man8"}
    names = {path.name for path in share.glob("bash-completion/completions/*")}
    assert names >= {"pysvscan.bash", "svc", "svok", "svstat"}


# The examples.


@pytest.fixture
def examples(tmp_path: Path, installed: Installed) -> Iterator["Examples"]:
    """Give a directory to run examples in; whatever supervises there is ended."""
    found = Examples(tmp_path, installed)
    try:
        yield found
    finally:
        found.end()


class Examples:
    """A place for the steps of a page, with a scan directory that stands for /service."""

    def __init__(self, path: Path, installed: Installed) -> None:
        self.path = path
        self.installed = installed
        self.service = path / "service"
        self.env = {"PATH": f"{installed.bin}:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/root"}
        self.svscan: subprocess.Popen[bytes] | None = None

    def start_svscan(self) -> None:
        """Have one service with its log, and a svscan that keeps it."""
        web = service(self.service / "web", "exec 2>&1\necho starting\nexec sleep 1000")
        service(web / "log", "exec multilog t ./main")
        words = ["setsid", "svscan", str(self.service)]
        with open(self.path / "svscan.err", "wb") as err:
            self.svscan = subprocess.Popen(words, env=self.env, stderr=err)
        wait_until(lambda: is_supervised(web) and is_supervised(web / "log"))

    def end(self) -> None:
        """End what an example that failed has left."""
        if self.svscan:
            self.svscan.terminate()
            self.svscan.wait(60)
        for control in self.path.rglob("supervise/control"):
            with contextlib.suppress(OSError):
                fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK)
                os.write(fd, b"dxk")
                os.close(fd)

    def run(self, step: manual.Step) -> None:
        """Run a step and compare what it prints."""
        command = SERVICE.sub(str(self.service), step.command)
        file = re.fullmatch(r"cat (\S+)", command)
        if file and not (self.path / file[1]).exists():
            (self.path / file[1]).write_text(step.output)
        elif command.startswith(LOOKING):
            wait_until(lambda: self.is_right(step, self.printed(command)))
        else:
            assert self.same(step, self.printed(command)) == self.same(step, step.output)

    def printed(self, command: str) -> str:
        """Run a command; what it leaves in the background may hold its output open."""
        out = self.path.parent / "out"
        with open(out, "wb") as file:
            words = ["sh", "-c", command]
            subprocess.run(words, cwd=self.path, env=self.env, stdout=file, stderr=file, timeout=60)
        return out.read_text().replace(str(self.service), "/service")

    def is_right(self, step: manual.Step, got: str) -> bool:
        """Say whether a command printed what the page says."""
        return self.same(step, got) == self.same(step, step.output)

    def same(self, step: manual.Step, text: str) -> str:
        """Make equal what differs each time: pids, seconds, labels, dates in our own time zone."""
        for pattern, name in VARIABLE if "TZ=" not in step.command else ():
            text = re.sub(pattern, name, text)
        return text


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLE_PAGES, ids=lambda page: page.name)
def test_examples_do_what_the_page_says(page: Path, examples: Examples) -> None:
    """Each command of a page's examples prints what stands below it."""
    todo = [it for it in manual.steps(page.read_text()) if not it.is_roots or os.geteuid() == 0]
    if any(SERVICE.search(step.command) for step in todo):
        examples.start_svscan()
    for step in todo:
        examples.run(step)
