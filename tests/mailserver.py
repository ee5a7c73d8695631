"""A mail host for tests: exim4 and dovecot behind qmail's names, under service.d's services.

svinstance makes the services of a table; recordio sees what is really said. POP3 goes through
a small relay, since dovecot cannot serve its own standard input.
"""

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.scan import Scan
from tests.wait import wait_until

TOP = Path(__file__).parents[1]
DOMAINS = ("alfa.example", "bravo.example", "charlie.example")
SVINSTANCE = [sys.executable, "-I", "-m", "pysvscan", "svinstance"]
MISSING = [it for it in ("exim4", "dovecot", "tcpserver", "recordio") if not shutil.which(it)]
RELAY = """
import select, socket, sys, os
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
ways = {0: server.fileno(), server.fileno(): 1}
while 0 in ways or server.fileno() in ways:
    for fd in select.select(list(ways), [], [])[0]:
        data = os.read(fd, 65536)
        if not data:
            if fd:
                sys.exit()
            del ways[0]
            server.shutdown(socket.SHUT_WR)
            continue
        while data:
            data = data[os.write(ways[fd], data):]
"""
EXIM = """
exim_user = {uid}
exim_group = {gid}
unknown_login = mail
spool_directory = {path}/spool
log_file_path = {path}/spool/%slog
primary_hostname = mail.example
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
message_size_limit = 20M
deliver_drop_privilege = true
acl_smtp_rcpt = recipient
acl_smtp_data = accept
smtp_accept_max_nonmail = 100
begin acl
recipient:
  accept domains = {domains}
         local_parts = user
  deny message = no such mailbox here
begin routers
mailbox:
  driver = accept
  domains = {domains}
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {path}/mail/$domain_data
  maildir_format
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = {password}
xoauth2:
  driver = plaintext
  public_name = XOAUTH2
  server_prompts = :
  server_condition = false
oauthbearer:
  driver = plaintext
  public_name = OAUTHBEARER
  server_prompts = :
  server_condition = false
"""
DOVECOT = """
base_dir = {path}/run
state_dir = {path}/run
log_path = {path}/run/dovecot.log
protocols = pop3
listen = {address}
ssl = no
disable_plaintext_auth = no
default_internal_user = {account}
default_internal_group = {group}
default_login_user = {account}
first_valid_uid = 1
auth_mechanisms = plain login cram-md5 digest-md5 apop xoauth2 oauthbearer
mail_location = maildir:{path}/mail/%d
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {path}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={path}/home
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service stats {{
  chroot =
}}
"""


class Host:
    """A mail host.

    Attributes:
        scan: the scan directory.
        domains: those that it serves, by name: (address, SMTP port, POP3 port).
        user, password: of the one account that each domain has; both are random.
        said: what svscan and all that it started said on stderr.
    """

    def __init__(self, path: Path, domains: dict[str, str]) -> None:
        self.path = path
        self.scan = path / "service"
        self.user = f"u{secrets.token_hex(6)}"
        self.password = secrets.token_hex(12)
        self.account = pwd.getpwnam("mail") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        base = f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"
        self.domains = {
            name: (f"{base}.{at}", free_port(f"{base}.{at}"), free_port(f"{base}.{at}"))
            for at, name in enumerate(domains, 1)
        }
        self.dovecot = f"{base}.200", free_port(f"{base}.200")
        self.settings = domains

    def names(self) -> list[str]:
        """Name all services."""
        return [f"{kind}@{domain}" for domain in self.domains for kind in ("smtpd", "pop3d")]

    def build(self) -> None:
        """Make everything but the services."""
        self.path.chmod(0o755)
        for name in ("spool", "mail", "run", "home", "qmail/bin", "service"):
            (self.path / name).mkdir(parents=True)
        values = {
            "path": self.path,
            "uid": self.account.pw_uid,
            "gid": self.account.pw_gid,
            "account": self.account.pw_name,
            "group": grp.getgrgid(self.account.pw_gid).gr_name,
            "user": self.user,
            "password": self.password,
            "address": self.dovecot[0],
            "port": self.dovecot[1],
            "domains": " : ".join(self.domains),
        }
        (self.path / "exim.conf").write_text(EXIM.format(**values))
        (self.path / "dovecot.conf").write_text(DOVECOT.format(**values))
        logins = [f"{self.user}@{domain}" for domain in self.domains]
        (self.path / "users").write_text("".join(f"{it}:{self.password}\n" for it in logins))
        (self.path / "relay.py").write_text(RELAY)
        relay = f"{sys.executable} -I {self.path}/relay.py {self.dovecot[0]} {self.dovecot[1]}"
        self.program("qmail-popup", relay)
        self.program("qmail-smtpd", f"{shutil.which('exim4')} -C {self.path}/exim.conf -odi -bs")
        for name in ("spool", "mail", "run", "home", "users"):
            os.chown(self.path / name, self.account.pw_uid, self.account.pw_gid)

    def program(self, name: str, words: str) -> None:
        """Put a program into the qmail home."""
        file = self.path / "qmail/bin" / name
        file.write_text(f"#!/bin/sh\nexec {words}\n")
        file.chmod(0o755)

    def table(self) -> str:
        """Write the table of domains."""
        account = self.account.pw_name if os.geteuid() == 0 else ""
        logger = 'log = { user = "daemon" }' if os.geteuid() == 0 else ""
        parts = [
            f'[defaults]\nqmail = "{self.path}/qmail"\naccount = "{account}"\n{logger}\n'
            "limits = { membytes = 1000000000 }\n"
        ]
        for name, (address, smtp, pop3) in self.domains.items():
            parts.append(
                f'[domain."{name}"]\naddress = "{address}"\n{self.settings[name]}'
                f"smtpd.port = {smtp}\npop3d.port = {pop3}\n"
            )
        return "".join(parts)

    def sync(self) -> None:
        """Have the table's services."""
        table = self.path / "domains.toml"
        table.write_text(self.table())
        words = ["-d", str(self.scan), "-t", str(TOP / "service.d"), "sync", str(table)]
        subprocess.run([*SVINSTANCE, *words], check=True, stdout=subprocess.DEVNULL)

    def wait_listening(self) -> None:
        """Wait until all that is to be connected to can be: each starts a server, so none twice."""
        wait_until(lambda: answers(self.dovecot))
        for address, smtp, pop3 in self.domains.values():
            wait_until(lambda place=(address, smtp): answers(place))  # type: ignore[misc]
            wait_until(lambda place=(address, pop3): answers(place))  # type: ignore[misc]


def answers(place: tuple[str, int]) -> bool:
    """Say whether somebody listens at an address and port."""
    try:
        socket.create_connection(place).close()
    except OSError:
        return False
    return True


def free_port(address: str) -> int:
    """Find a port that nobody listens on; the address is ours alone."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def mailserver(path: Path, domains: dict[str, str]) -> Iterator[tuple[Host, Scan]]:
    """Run a mail host; what is between is its use, then it is stopped in order."""
    host = Host(path, domains)
    host.build()
    user = {"user": host.account.pw_uid, "group": host.account.pw_gid, "extra_groups": []}
    words = ["dovecot", "-F", "-c", str(path / "dovecot.conf")]
    dovecot = subprocess.Popen(
        words,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **(user if os.geteuid() == 0 else {}),  # type: ignore[arg-type]
    )
    bin_ = Path(sys.executable).parent
    scan = Scan(host.scan, env={"PATH": f"{bin_}:/usr/sbin:/usr/bin:/sbin:/bin"})
    try:
        host.sync()
        host.wait_listening()
        yield host, scan
        assert scan.alive()
        assert scan.stop() == 0
    finally:
        scan.close()
        dovecot.terminate()
        dovecot.wait(30)
