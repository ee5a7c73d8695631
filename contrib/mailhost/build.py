"""The demo's directory: programs, mailboxes, service directories, made from the templates here."""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
HOSTNAME = "mail.example"
USERS = ("alice", "bob")
SERVICES = ("smtp", "pop3", "qmail-send")
PROGRAMS = ("pop3d.py", "smtpd.py", "qmail.py")
MAIL_ACCOUNTS = ("mail", "daemon", "nobody")
LOG_ACCOUNTS = ("qmaill", "nobody", "daemon")
BIN = Path(sys.executable).parent  # our commands are beside the interpreter that runs this
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Fatal(Exception):
    """One line, and exit 111."""


class Account(NamedTuple):
    """Whom a service runs as."""

    name: str
    uid: int
    gid: int

    def prefix(self) -> str:
        """Give the words that change to this account; none if we are it."""
        return f"setuidgid {self.name}" if self.uid != os.geteuid() else ""


class Plan(NamedTuple):
    """All that the templates need."""

    directory: Path
    path: str
    mail: Account
    log: Account
    address: str
    smtp_port: int
    pop3_port: int
    passwords: dict[str, str]

    def smtpd(self) -> str:
        """Give the SMTP daemon's words: exim4, or ours where there is none.

        exim refuses to deliver as root.
        """
        exim = shutil.which("exim4", path=self.path)
        if exim and self.mail.uid != 0:
            return f"{exim} -C {self.directory}/exim.conf -odi -bs"
        return f"{self.program('smtpd.py')} {HOSTNAME} {self.directory}/mail {' '.join(USERS)}"

    def program(self, name: str) -> str:
        """Give the words that run one of our small programs."""
        return f"{sys.executable} -I {self.directory}/bin/{name}"

    def values(self) -> dict[str, str]:
        """List what the templates' @name@ stand for."""
        pop3d = f"{self.program('pop3d.py')} {self.directory}/mail {self.directory}/passwords"
        return {
            "dir": str(self.directory),
            "hostname": HOSTNAME,
            "users": " : ".join(USERS),
            "address": self.address,
            "smtp_port": str(self.smtp_port),
            "pop3_port": str(self.pop3_port),
            "as_mail": self.mail.prefix(),
            "as_log": self.log.prefix(),
            "mail_uid": str(self.mail.uid),
            "mail_gid": str(self.mail.gid),
            "smtpd": self.smtpd(),
            "pop3d": pop3d,
            "qmail": self.program("qmail.py"),
        }


def plan(directory: Path, wanted: str) -> Plan:
    """Decide accounts, ports and where programs are looked for.

    Args:
        directory: empty, for all accounts to enter.
        wanted: an account's name for everything, or empty for existing ones with few rights.

    Raises:
        Fatal: a program is missing, or an account cannot reach our commands.
    """
    path = search_path()
    for name, package in (("tcpserver", "ucspi-tcp"), ("recordio", "ucspi-tcp")):
        if not shutil.which(name, path=path):
            raise Fatal(f"unable to find {name}: install {package}")
    mail, log = account(wanted, MAIL_ACCOUNTS), account(wanted, LOG_ACCOUNTS)
    for each in {mail, log}:
        reach(each)
    address = f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}.1"
    passwords = {user: secrets.token_hex(8) for user in USERS}
    return Plan(
        directory, path, mail, log, address, free_port(address), free_port(address), passwords
    )


def search_path() -> str:
    """Give the PATH of the demo's processes: PYSVSCAN_DEMO_PATH comes before our own commands."""
    parts = [os.environ.get("PYSVSCAN_DEMO_PATH", ""), str(BIN), SYSTEM_PATH, os.environ["PATH"]]
    return ":".join(part for part in parts if part)


def account(wanted: str, names: tuple[str, ...]) -> Account:
    """Choose the account of a service: only root can choose."""
    if os.geteuid() != 0:
        return Account("", os.geteuid(), os.getegid())
    for name in (wanted,) if wanted else names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise Fatal(f"unable to find an account: none of {' '.join((wanted,) if wanted else names)}")


def reach(who: Account) -> None:
    """Make sure that an account can run our commands.

    Raises:
        Fatal: it cannot; the line names the account and the place that it cannot enter.
    """
    if who.uid == os.geteuid():
        return
    words = [sys.executable, "-I", "-m", "pysvscan", "--version"]
    try:
        subprocess.run(
            words,
            user=who.uid,
            group=who.gid,
            extra_groups=[],
            cwd="/",
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Fatal(f"account {who.name} cannot run {sys.executable}: {closed_place(who)}") from exc


def closed_place(who: Account) -> str:
    """Name the first directory on the way to interpreter and package that is closed to others."""
    import pysvscan

    for target in (sys.executable, os.path.realpath(sys.executable), str(pysvscan.__file__)):
        for directory in reversed(Path(target).parents):
            mode = directory.stat().st_mode
            if not mode & 0o001 and directory.stat().st_uid != who.uid:
                return f"{directory} is closed to it; install where every account can read"
    return "install where every account can read"


def free_port(address: str) -> int:
    """Find a port that nobody listens on; the address is ours alone, so it stays free."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        port: int = listener.getsockname()[1]
        return port


def build(plan: Plan) -> None:
    """Make the directory of a plan: everything but the running svscan."""
    base = plan.directory
    for name in ("bin", "available", "service", "spool", "mail"):
        (base / name).mkdir()
    for name in PROGRAMS:
        shutil.copy(HERE / name, base / "bin")
    values = plan.values()
    fill(HERE / "exim.conf", base / "exim.conf", values)
    passwords = "".join(f"{user}:{password}\n" for user, password in plan.passwords.items())
    (base / "passwords").write_text(passwords)
    (base / "passwords").chmod(0o600)
    os.mkfifo(base / "trigger", 0o600)
    for name in ("spool", "mail", "passwords", "trigger"):
        os.chown(base / name, plan.mail.uid, plan.mail.gid)
    for name in USERS:
        mailbox(base / "mail" / name, plan.mail)
    for name in SERVICES:
        service(base, name, values, plan.log)


def mailbox(maildir: Path, owner: Account) -> None:
    """Make an empty Maildir."""
    for path in (maildir, maildir / "tmp", maildir / "new", maildir / "cur"):
        path.mkdir(mode=0o700)
        os.chown(path, owner.uid, owner.gid)


def service(base: Path, name: str, values: dict[str, str], logger: Account) -> None:
    """Make a service directory, then link it into the scan directory: complete at first sight."""
    made = base / "available" / name
    (made / "log").mkdir(parents=True)
    for part in ("run", "log/run"):
        fill(HERE / "service" / name / part, made / part, values)
        (made / part).chmod(0o755)
    (made / "log" / "main").mkdir(mode=0o700)
    (made / "log" / "status").touch()
    for part in ("main", "status"):
        os.chown(made / "log" / part, logger.uid, logger.gid)
    (base / "service" / name).symlink_to(made)


def fill(template: Path, target: Path, values: dict[str, str]) -> None:
    """Write a template with each @name@ replaced."""
    text = re.sub(r"@([a-z0-9_]+)@", lambda found: values[found[1]], template.read_text())
    target.write_text(text.replace("exec  ", "exec "))  # where an account's prefix is empty
