"""What a service could put in the way of a command that root runs: its programs, its home.

Each is said to be run by a line in a file; nothing of it ever is, by ours.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Installed
from tests.scan import executable

PROGRAMS = """
    base64 bash cat cc dash env gcc getent gzip id ld ldconfig ls mkfifo objdump python python3
    readlink sh uname which zstd
"""
SITE = f".local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
SCRIPTS = (f"{SITE}/usercustomize.py", f"{SITE}/sitecustomize.py", ".pythonrc", ".pythonrc.py")
SHELLS = (".profile", ".bashrc", ".shrc")


@contextlib.contextmanager
def trapped(installed: Installed, where: Path) -> Iterator[dict[str, str]]:
    """Give variables that lead to traps; see that none was sprung in the end.

    A virtual environment has no place of the user's, but where it shows those of the system.
    """
    where.mkdir()
    config = installed.root / "pyvenv.cfg"
    text = config.read_text()
    config.write_text(text.replace("packages = false", "packages = true"))
    try:
        yield lay(where)
        assert sprung(where) == []
    finally:
        config.write_text(text)


def lay(where: Path) -> dict[str, str]:
    """Make the traps, and give the variables that lead to them."""
    (where / "bin").mkdir()
    (where / SITE).mkdir(parents=True)
    for name in SCRIPTS:
        (where / name).write_text(note(where, name))
    (where / SITE / "trap.pth").write_text("import sys; " + note(where, "trap.pth"))
    for name in SHELLS:
        (where / name).write_text(f"echo {name} >>{where}/sprung\n")
    for name in PROGRAMS.split():
        executable(where / "bin" / name, f"echo {name} >>{where}/sprung; exit 1")
    return {
        "HOME": str(where),
        "PATH": f"{where}/bin:/usr/bin:/bin",
        "ENV": f"{where}/.shrc",
        "BASH_ENV": f"{where}/.bashrc",
        "PYTHONUSERBASE": f"{where}/.local",
        "PYTHONPATH": str(where / SITE),
        "PYTHONSTARTUP": f"{where}/.pythonrc",
    }


def note(where: Path, name: str) -> str:
    """Write a line of Python that says which trap it is in."""
    return f"open({str(where / 'sprung')!r}, 'a').write({name!r} + '\\n')\n"


def plant(where: Path, directory: Path) -> None:
    """Make a trap of a directory, for an interpreter that runs a module there."""
    (directory / "pysvscan.py").write_text(note(where, f"{directory.name}/pysvscan.py"))


def sprung(where: Path) -> list[str]:
    """List the traps that were sprung, each once."""
    file = where / "sprung"
    return sorted(set(file.read_text().splitlines())) if file.exists() else []
