"""The demo's directory: a qmail home, mailboxes, a table of domains, and the services of service.d.

The home has programs of our own under qmail's names, so that service.d runs as it is: qmail itself
is in no distribution that can be asked for it. exim4 is behind qmail-smtpd where there is one.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SERVICE_D = HERE.parent.parent / "service.d"
HOSTNAME = "mail.example"
DOMAINS = ("alfa.example", "bravo.example", "charlie.example")
LOCAL_PARTS = ("alice", "bob")
USERS = tuple(f"{user}@{domain}" for domain in DOMAINS for user in LOCAL_PARTS)
SMTPDS = tuple(f"smtpd@{domain}" for domain in DOMAINS)
POP3DS = tuple(f"pop3d@{domain}" for domain in DOMAINS)
SERVICES = (*SMTPDS, *POP3DS, "qmail-send")
PROGRAMS = ("pop3d.py", "smtpd.py", "qmail.py")
MAIL_ACCOUNTS = ("mail", "daemon", "nobody")
LOG_ACCOUNTS = ("qmaill", "nobody", "daemon")
BIN = Path(sys.executable).parent  # our commands are beside the interpreter that runs this
LIMIT_BYTES = 500_000_000  # our Python programs are larger than qmail's
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Fatal(Exception):
    """One line, and exit 111."""


class Account(NamedTuple):
    """Whom a service runs as."""

    name: str
    uid: int
    gid: int

    def shown(self) -> str:
        """Name it where only root can choose; else nobody is to change to another."""
        return self.name if os.geteuid() == 0 else ""


class Plan(NamedTuple):
    """All that there is to decide."""

    directory: Path
    path: str
    mail: Account
    log: Account
    addresses: dict[str, str]
    smtp_ports: dict[str, int]
    pop3_ports: dict[str, int]
    passwords: dict[str, str]

    def smtpd(self) -> str:
        """Give the SMTP daemon's words: exim4, or ours where there is none.

        exim refuses to deliver as root.
        """
        exim = shutil.which("exim4", path=self.path)
        if exim and self.mail.uid != 0:
            return f"{exim} -C {self.directory}/exim.conf -odi -bs"
        users, domain = " ".join(LOCAL_PARTS), '"$TCPLOCALHOST"'
        return f"{self.program('smtpd.py')} {domain} {self.directory}/mail/{domain} {users}"

    def pop3d(self) -> str:
        """Give the POP3 daemon's words; qmail-popup's first is the domain."""
        where = f'{self.directory}/mail/"$1" {self.directory}/passwords/"$1"'
        return f"{self.program('pop3d.py')} {where}"

    def program(self, name: str) -> str:
        """Give the words that run one of our small programs."""
        return f"{sys.executable} -I {self.directory}/bin/{name}"

    def home(self) -> dict[str, str]:
        """Give the words of each program of the qmail home."""
        return {
            "qmail-smtpd": self.smtpd(),
            "qmail-popup": self.pop3d(),
            "qmail-start": f"{self.program('qmail.py')} send {self.directory}/trigger",
        }

    def table(self) -> str:
        """Write the table of domains."""
        parts = [
            "[defaults]",
            f'account = "{self.mail.shown()}"',
            f'qmail = "{self.directory}/qmail"',
            f'log = {{ user = "{self.log.name}" }}' if self.log.shown() else "",
            f"limits = {{ membytes = {LIMIT_BYTES} }}",
        ]
        for domain in DOMAINS:
            parts += [
                f'\n[domain."{domain}"]',
                f'address = "{self.addresses[domain]}"',
                f"smtpd = {{ port = {self.smtp_ports[domain]} }}",
                f"pop3d = {{ port = {self.pop3_ports[domain]} }}",
            ]
        return "\n".join([*parts, ""])


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
    base = f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"
    addresses = {domain: f"{base}.{number}" for number, domain in enumerate(DOMAINS, 1)}
    smtp, pop3 = (
        {domain: free_port(address) for domain, address in addresses.items()} for _ in range(2)
    )
    passwords = {user: secrets.token_hex(8) for user in USERS}
    return Plan(directory, path, mail, log, addresses, smtp, pop3, passwords)


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
    """Make the directory of a plan: everything but the running svscan, and svinstance's part."""
    base = plan.directory
    for name in ("bin", "qmail/bin", "service", "spool", "mail", "passwords"):
        (base / name).mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy(HERE / name, base / "bin")
    for name, words in plan.home().items():
        (base / "qmail/bin" / name).write_text(f"#!/bin/sh\nexec {words}\n")
        (base / "qmail/bin" / name).chmod(0o755)
    fill(HERE / "exim.conf", base / "exim.conf", values(plan))
    os.mkfifo(base / "trigger", 0o600)
    for domain in DOMAINS:
        mailboxes(plan, domain)
    for name in ("spool", "mail", "passwords", "trigger"):
        os.chown(base / name, plan.mail.uid, plan.mail.gid)
    shutil.copytree(SERVICE_D, base / "service.d")
    queue(base, plan)
    (base / "domains.toml").write_text(plan.table())


def values(plan: Plan) -> dict[str, str]:
    """List what @name@ stands for in exim's configuration."""
    return {
        "dir": str(plan.directory),
        "hostname": HOSTNAME,
        "domains": " : ".join(DOMAINS),
        "users": " : ".join(LOCAL_PARTS),
        "mail_uid": str(plan.mail.uid),
        "mail_gid": str(plan.mail.gid),
    }


def mailboxes(plan: Plan, domain: str) -> None:
    """Make an empty Maildir for each user of a domain, and the file of their passwords."""
    base, owner = plan.directory, (plan.mail.uid, plan.mail.gid)
    (base / "mail" / domain).mkdir(mode=0o700)
    os.chown(base / "mail" / domain, *owner)
    for user in LOCAL_PARTS:
        maildir = base / "mail" / domain / user
        for path in (maildir, maildir / "tmp", maildir / "new", maildir / "cur"):
            path.mkdir(mode=0o700)
            os.chown(path, *owner)
    file = base / "passwords" / domain
    lines = [f"{user}:{plan.passwords[f'{user}@{domain}']}\n" for user in LOCAL_PARTS]
    file.write_text("".join(lines))
    file.chmod(0o600)
    os.chown(file, *owner)


def queue(base: Path, plan: Plan) -> None:
    """Make qmail-send's service of service.d's, then link it: complete at first sight."""
    made = base / "qmail-send"
    shutil.copytree(base / "service.d/qmail-send", made)
    (made / "env/QMAIL").write_text(f"{base}/qmail\n")
    for name in ("service.toml", "log/run"):
        text = (made / name).read_text()
        (made / name).write_text(text.replace("qmaill", plan.log.name or "qmaill"))
    (made / "log/main").mkdir(mode=0o700)
    os.chown(made / "log/main", plan.log.uid, plan.log.gid)
    (base / "service/qmail-send").symlink_to(made)


def fill(template: Path, target: Path, values: dict[str, str]) -> None:
    """Write a template with each @name@ replaced."""
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    target.write_text(text)
