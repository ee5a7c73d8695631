"""service.d: its directories are right, and run what they say, for our svscan and for C's.

Not tested: qmail itself, which Debian does not have; tests/test_endtoend_mail.py and contrib/demo
run them with other daemons under qmail's names.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pysvscan import servicetoml
from pysvscan.core import logrun, settings
from tests.scan import executable

SERVICE_D = Path(__file__).parents[1] / "service.d"
NAMES = sorted(it.name for it in SERVICE_D.iterdir())
BIN = Path(sys.executable).parent
WORDS = {
    "smtpd@": "tcpserver -v -R -H -l mail.example -c 40 {ids}0 25 recordio Q/bin/qmail-smtpd",
    "pop3d@": "tcpserver -v -R -H -l mail.example -c 40 {ids}0 110 recordio Q/bin/qmail-popup "
    "mail.example /bin/checkpassword Q/bin/qmail-pop3d Maildir",
    "qmail-send": "qmail-start ./Maildir/",
}


def test_there_are_these() -> None:
    """Queue and templates."""
    assert sorted(WORDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_right_and_log_run_says_the_same(name: str) -> None:
    """For root; and C's multilog is given the same script and account."""
    found = servicetoml.check((SERVICE_D / name / "service.toml").read_bytes(), True)
    classic = logrun.parse((SERVICE_D / name / "log/run").read_bytes(), "root")
    assert found.log
    assert logrun.is_same(found.log, classic)
    assert found.run
    assert found.run.environment == b"env"
    if name.endswith("@"):
        assert "redact" in settings.LOG_KEYS
        assert b"redact" in (SERVICE_D / name / "service.toml").read_bytes()


@pytest.mark.parametrize("way", ["C", "given"])
@pytest.mark.parametrize("account", ["", "daemon"])
@pytest.mark.parametrize("name", NAMES)
def test_run_runs_what_it_says(tmp_path: Path, name: str, account: str, way: str) -> None:
    """With variables given, as [run] does, and without, as C's svscan; by account, and as it is."""
    made = tmp_path / name
    shutil.copytree(SERVICE_D / name, made)
    home = tmp_path / "Q"
    (home / "bin").mkdir(parents=True)
    for program in ("tcpserver", "qmail-start"):
        executable(home / "bin" / program, 'echo "${0##*/} $*"')
    (made / "env/QMAIL").write_text(f"{home}\n")
    if (made / "env/ACCOUNT").exists():
        (made / "env/ACCOUNT").write_text(f"{account}\n" if account else "")
    env = {"PATH": f"{home}/bin:{BIN}:/usr/bin:/bin"}
    if way == "given":
        values = {it.name: it.read_text().rstrip("\n") for it in (made / "env").iterdir()}
        env |= {key: value for key, value in values.items() if value}
    done = subprocess.run(["./run"], cwd=made, env=env, capture_output=True, text=True)
    ids = id_options(account) if account else ""
    expected = WORDS[name].format(ids=ids).replace("Q/", f"{home}/")
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def id_options(account: str) -> str:
    """Give the words by which tcpserver becomes an account."""
    ids = [
        subprocess.check_output(["id", flag, account], text=True).strip() for flag in ("-u", "-g")
    ]
    return "-u {} -g {} ".format(*ids)


@pytest.mark.parametrize("name", ["ACCOUNT", "ADDRESS", "CONCURRENCY", "PORT"])
def test_run_serves_nothing_where_a_variable_is_wrong(tmp_path: Path, name: str) -> None:
    """No root for an account that is not there, no port that the system chose, and a line that
    the log's filter keeps.
    """
    made = tmp_path / "smtpd@"
    shutil.copytree(SERVICE_D / "smtpd@", made)
    is_account = name == "ACCOUNT"
    (made / "env/ACCOUNT").write_text("no-such-account\n" if is_account else "")
    if not is_account:
        (made / "env" / name).write_text("")
    env = {"PATH": f"{BIN}:/usr/bin:/bin"}
    done = subprocess.run(["./run"], cwd=made, env=env, capture_output=True, text=True)
    assert done.returncode == (111 if is_account else 2)
    assert ("no-such-account" if is_account else f"{name}: tcpserver needs it") in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_programs_are_programs(name: str) -> None:
    """And nothing else is."""
    for it in (SERVICE_D / name).rglob("*"):
        if it.is_file():
            assert os.access(it, os.X_OK) == (it.name == "run"), it
