"""bash completion: services and options, asked of a real bash as readline would ask."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pysvscan import commands
from tests.conftest import Installed
from tests.manual import MAN, options

# Loads a command's completion by the file that bash-completion would read, and prints what it
# offers for the last word, one a line.
ASK = r"""
. "$FILE" || exit
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
spec=$(complete -p "$1") || exit
set -- "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
$(sed 's/.*-F \([^ ]*\) .*/\1/' <<<"$spec") "$@"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
"""
SERVICES = ["web/log/supervise", "web/supervise", "mail 1/supervise", "other/notes", "wiki"]


class Asker:
    """Asks what the installed completion offers, in a directory with some services."""

    def __init__(self, installed: Installed, path: Path) -> None:
        self.installed = installed
        self.path = path
        for name in SERVICES:
            (path / "scan" / name).mkdir(parents=True)
        for name in ("web", "web/log", "mail 1", "wiki"):
            (path / "scan" / name / "run").touch()

    def offered(self, *words: str) -> list[str]:
        """Give what is offered for the last of these words."""
        file = self.installed.root / "share/bash-completion/completions" / words[0]
        env = {
            "PATH": f"{self.installed.bin}:/usr/bin:/bin",
            "FILE": str(file),
            "SVDIR": str(self.path / "scan"),
        }
        argv = ["bash", "--norc", "-c", ASK, "bash", *words]
        result = subprocess.run(argv, cwd=self.path, env=env, capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, "")
        scan = f"{self.path}/scan"
        return sorted(line.replace(scan, "SCAN") for line in result.stdout.splitlines())


@pytest.fixture
def asker(installed: Installed, tmp_path: Path) -> Asker:
    """Give an asker; skip where there is no bash."""
    if not shutil.which("bash"):
        pytest.skip("no bash to complete for")
    return Asker(installed, tmp_path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["svc", "-u", "w"], ["SCAN/web", "SCAN/web/log", "SCAN/wiki"]),
        (["svc", "-d", "wi"], ["SCAN/wiki"]),
        (["svstat", ""], [r"SCAN/mail\ 1", "SCAN/web", "SCAN/web/log", "SCAN/wiki"]),
        (["svok", "scan/we"], ["scan/web", "scan/web/log"]),
        (["svstat", "scan/o"], ["scan/other/"]),
        (["svstat", "nothing"], []),
        (["pysvscan", "svstat", "wi"], ["SCAN/wiki"]),
        (["pysvscan", "svs"], ["svscan", "svstat"]),
        (["svscan", "sc"], ["scan"]),
        (["svscan", "--"], ["--json", "--stop-budget"]),
        (["svscanctl", "-r", "sc"], ["scan"]),
        (["svok", "-"], []),
        (["svlog", "-f", "wi"], ["SCAN/wiki"]),
        (["svlog", "web", "-o", "t"], ["tai64n"]),
        (["svlog", "--since", "y"], ["yesterday"]),
    ],
    ids=lambda it: " ".join(it),
)
def test_completion_offers(asker: Asker, words: list[str], expected: list[str]) -> None:
    """Names of services, paths to them, directories, names of commands."""
    got = asker.offered(*words)
    assert [it for it in got if it not in ("svscanboot", "svscanctl")] == expected


@pytest.mark.parametrize("name", ["svc", "svscan", "svok", "svstat", "svup", "svlog", "svscanctl"])
def test_completion_knows_the_options(asker: Asker, name: str) -> None:
    """Those that the manual page describes."""
    assert name in commands.NAMES
    (page,) = MAN.glob(f"{name}.[18]")
    described = options(page.read_text())
    assert asker.offered(name, "-") == sorted(f"-{it}" for it in described)


@pytest.mark.parametrize("name", ["evil\n$(touch evil)", "evil\x01`touch evil`"])
def test_completion_does_not_offer_what_a_quotation_mark_would_let_run(
    asker: Asker, name: str
) -> None:
    """A name that bash writes as $'...': after `svc "` what is in it would be executed."""
    for end, quoted in (("", None), ("$(x)", r"SCAN/evil\$\(x\)")):
        (asker.path / "scan" / (f"evil{end}" if end else name)).mkdir()
        (asker.path / "scan" / (f"evil{end}" if end else name) / "run").touch()
        assert asker.offered("svc", "ev") == ([quoted] if quoted else [])
