"""For all tests: Hypothesis' profiles, a host, a svscan, the package as pip installs it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.compared import (  # noqa: F401 - pytest finds them here
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

ROOT = Path(__file__).resolve().parent.parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.hosted import Host
    from tests.scan import Scan

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,  # the machine may be busy
    max_examples=50,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)
settings.register_profile("deep", settings.get_profile("default"), max_examples=2000)
# For a test that a test must see fail: the smallest example is of no interest.
seeking = (Phase.explicit, Phase.generate)
settings.register_profile("seek", settings.get_profile("default"), phases=seeking)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure() -> None:
    """Have INT and QUIT as on a terminal: a shell's `&` ignores both, and so would children."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `root` for others."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def host(request: pytest.FixtureRequest) -> "Iterator[Host]":
    """Give a host; by which road it starts its services a test may say by a parameter."""
    from tests.hosted import hosting  # which the tests of the core do without

    with hosting(None, getattr(request, "param", "best")) as made:
        yield made


@pytest.fixture
def running(tmp_path: Path) -> "Iterator[Scan]":
    """Run svscan with three services; the two good ones keep their processes."""
    from tests.scan import hurrying

    with hurrying(tmp_path / "service") as found:
        yield found


class Installed:
    """The package, installed by pip into a virtual environment that every account can read.

    Attributes:
        root: the environment's directory; `python` and `bin` are in it.
        wheel: what was installed, for tests that install it once more.
        base: the interpreter that the environment was made with.
    """

    def __init__(self, root: Path, wheel: Path, base: str) -> None:
        self.root = root
        self.wheel = wheel
        self.base = base
        self.bin = root / "bin"
        self.python = self.bin / "python"
        self.library = next(root.glob("lib/python*/site-packages"))

    def program(self, name: str) -> str:
        """Say where a command is."""
        return str(self.bin / name)


def is_reachable_by_all(path: str) -> bool:
    """Say whether every account can get at a file: all directories above it can be searched."""
    real = Path(path).resolve()
    return all(parent.stat().st_mode & 0o001 for parent in (real, *real.parents))


def build_wheel(directory: Path) -> Path:
    """Build from a copy: setuptools leaves its build directory in the source."""
    source = directory / "source"
    built = shutil.ignore_patterns("*.pyc", "*.so")
    shutil.copytree(ROOT / "pysvscan", source / "pysvscan", ignore=built)
    for name in ("contrib/man", "contrib/completion", "service.d"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(directory), str(source))
    return next(directory.glob("*.whl"))


def pip(command: str, *words: str, python: Path | None = None) -> None:
    """Run pip, for another interpreter if one is given; what it says is shown if it fails."""
    where = ("--python", str(python)) if python else ()
    argv = (sys.executable, "-m", "pip", *where, "--disable-pip-version-check", command)
    result = subprocess.run((*argv, "--quiet", "--no-index", *words), capture_output=True)
    assert result.returncode == 0, result.stderr.decode(errors="replace")


def install(root: Path, wheel: Path, base: str) -> Installed:
    """Make a virtual environment at root and install the wheel, dependencies lent by our own."""
    old = os.umask(0o022)
    try:
        subprocess.run((base, "-I", "-m", "venv", "--without-pip", str(root)), check=True)
        pip("install", "--no-deps", str(wheel), python=root / "bin" / "python")
    finally:
        os.umask(old)
    installed = Installed(root, wheel, base)
    ours = sysconfig.get_path("purelib")
    (installed.library / "dependencies.pth").write_text(f"{ours}\n")
    return installed


@pytest.fixture(scope="session")
def installed() -> Iterator[Installed]:
    """Install the package where all accounts can read it; for the interpreter see `nobody`."""
    directory = Path(tempfile.mkdtemp(prefix="pysvscan-installed-"))
    directory.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        base = os.path.realpath(sys.executable)
        yield install(directory / "venv", build_wheel(directory), base)


@pytest.fixture
def nobody(installed: Installed) -> str:
    """Name an account that can run what is installed; skip where there is none."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another account")
    if not is_reachable_by_all(installed.base):
        pytest.skip(f"an account other than ours cannot reach the interpreter {installed.base}")
    return "nobody"


@pytest.fixture
def nobody_path(nobody: str) -> Iterator[Path]:
    """Give a directory that the account `nobody` can reach, which pytest's are not."""
    assert nobody
    directory = Path(tempfile.mkdtemp(prefix="pysvscan-nobody-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        directory.chmod(0o755)
        shutil.rmtree(directory)
