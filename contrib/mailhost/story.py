"""The demo's story: what happens to the mail host, in order, and what is checked of it."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import logs
from build import DOMAINS, POP3DS, SERVICES, SMTPDS, USERS
from host import NAMES, Host
from mail import Mail, Post
from report import Report, say

ATTACHMENT_BYTES = 1_000_000
START = b"attachment\n"  # swaks takes content that begins with "-" and NUL for the name of a file
TRICKY = ".a line with a dot\n..with two\n.\n\nGr\u00fc\u00dfe " + 70 * "x"
QMAIL = ("send", "lspawn", "rspawn", "clean")
SHOWN = 8  # lines of each log


class Story:
    """What happens, told once: `live`, then `end`.

    Attributes:
        triggers: the messages given to qmail-send.
        pids: of each service and logger, when all were up the last time.
    """

    def __init__(self, host: Host, patience_s: float) -> None:
        self.host = host
        self.report = Report(patience_s)
        self.post = Post(host.plan, self.report.limit_s)
        self.triggers = 0
        self.pids: dict[str, int] = {}

    def log(self, name: str) -> Path:
        """Give a service's log directory."""
        return self.host.scan / name / "log" / "main"

    def start(self) -> None:
        """Everything comes up, by one sync of a table, and qmail-send has its three children."""
        self.host.start()
        self.report.attempt("svinstance sync makes six services of three domains", self.synced)
        self.report.attempt("all services and their loggers are up", self.up)
        self.report.attempt("qmail-send passes a message through its three children", self.trigger)

    def synced(self) -> str:
        """Have the table's domains; the plan says it before, and has nothing to say after."""
        planned = self.host.sync("--plan").split("\n")
        done = self.host.sync().split("\n")
        wanted = [f"start {name}" for name in sorted((*SMTPDS, *POP3DS))]
        left = self.host.sync("--plan")
        return "" if planned == done == wanted and not left else f"{planned} {done} {left}"

    def changed(self) -> str:
        """Change one domain in the table: its services start anew, no other does."""
        self.up()
        before, table = self.pids, self.host.plan.directory / "domains.toml"
        mark = f'[domain."{DOMAINS[1]}"]\n'
        table.write_text(table.read_text().replace(mark, f"{mark}concurrency = 30\n"))
        said = self.host.sync()
        self.report.wait(lambda: len(self.renewed_since(before)) == 2)
        self.report.wait(lambda: len(self.host.pids()) == len(NAMES))
        names = self.renewed_since(before)
        return "" if names == [POP3DS[1], SMTPDS[1]] else f"{names} were started anew: {said}"

    def renewed_since(self, before: dict[str, int]) -> list[str]:
        """Name what has another process than before."""
        now = self.host.pids()
        return sorted(name for name, pid in now.items() if pid != before.get(name))

    def up(self) -> str:
        """Wait until all is up."""
        self.report.wait(lambda: len(self.host.pids()) == len(NAMES))
        self.pids = self.host.pids()
        return ", ".join(f"{name} is not up" for name in NAMES if name not in self.pids)

    def mails(self) -> None:
        """Send a few mails, one large, and fetch them."""
        post, (first, second, third, *others) = self.post, USERS
        self.sent(post.compose(first, "A first mail."), post.send)
        attachment = START + secrets.token_bytes(ATTACHMENT_BYTES - len(START))
        self.sent(post.compose(second, "With 1 MB attached.", attachment), post.send)
        self.sent(post.compose(third, TRICKY), post.send_smtplib)
        for user in others:
            self.sent(post.compose(user, f"A mail for {user}."), post.send_smtplib)
        for user in USERS:
            self.fetched(user)

    def sent(self, mail: Mail, send: Callable[[Mail], str]) -> None:
        """Send one mail."""
        size = f", {len(mail.attachment)} bytes attached" if mail.attachment else ""
        claim = f"SMTP takes a mail for {mail.user}{size}"
        self.report.attempt(
            claim, lambda: self.served(f"smtpd@{mail.domain()}", partial(send, mail))
        )

    def fetched(self, user: str) -> None:
        """Fetch a user's mails; delivery may take a moment."""
        claim = f"POP3 gives {user} the mails that were sent"
        self.report.attempt(claim, lambda: self.served("pop3d", partial(self.delivered, user)))

    def delivered(self, user: str) -> str:
        """Wait until all of a user's mails are there, then compare them."""
        expected = sum(mail.user == user for mail in self.post.unfetched)
        self.report.wait(lambda: self.post.waiting(user) >= expected)
        return self.post.compare(user)

    def served(self, name: str, use: Callable[[], str]) -> str:
        """Use a server that may have been started just now and does not listen yet."""
        result: list[str] = []

        def connected() -> bool:
            try:
                result.append(use())
            except ConnectionRefusedError:
                return False
            return True

        self.report.wait(connected)
        return result[0] if result else f"{name} does not listen"

    def greet(self) -> str:
        """Open an SMTP session and leave."""
        with self.post.smtp(DOMAINS[0]) as server:
            server.noop()
        return ""

    def login(self) -> str:
        """Open a POP3 session and leave."""
        self.post.waiting(USERS[0])
        return ""

    def trigger(self) -> str:
        """Give qmail-send a message and wait for the end of it in the log."""
        if not self.report.wait(self.triggered):
            return "qmail-send does not open its trigger"
        self.report.wait(lambda: not self.missing_messages())
        return self.missing_messages()

    def triggered(self) -> bool:
        """Write into the trigger, if somebody reads it yet."""
        try:
            fd = os.open(self.host.plan.directory / "trigger", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        os.write(fd, b"\0")
        os.close(fd)
        self.triggers += 1
        return True

    def missing_messages(self) -> str:
        """Say how many messages did not go through qmail-send, by its log."""
        ended = self.ended()
        return "" if ended == self.triggers else f"{ended} messages ended, of {self.triggers}"

    def ended(self) -> int:
        """Count the messages that went through qmail-send."""
        return sum(line.startswith(b"end msg") for line in logs.lines(self.log("qmail-send")))

    def quiet(self, name: str) -> str:
        """Wait until a log holds the end of every session: then a kill can lose nothing."""
        count = self.sessions(name)
        self.report.wait(lambda: not logs.missing_sessions(self.log(name), count))
        self.report.wait(lambda: logs.is_idle(self.log(name)))
        return logs.missing_sessions(self.log(name), count)

    def sessions(self, name: str) -> int:
        """Count the connections that a service had."""
        kind, _, domain = name.partition("@")
        if kind == "smtpd":
            return self.post.smtp_sessions[domain]
        return sum(n for user, n in self.post.logins.items() if user.endswith(f"@{domain}"))

    def kills(self) -> None:
        """Kill each kind of process once; one logger writes all logs."""
        use: dict[str, Callable[[], str]] = {SMTPDS[0]: self.greet, POP3DS[0]: self.login}
        for name, action in use.items():
            self.quiet(name)
            again = partial(self.served, name, action)
            self.killed(name, again)
            self.quiet(name)
            self.killed(f"{name}/log", partial(self.logged, name, again))
        self.quiet_all()
        self.killed("qmail-send/log", self.trigger)
        for role in QMAIL:
            self.report.attempt(f"{role} of qmail-send: killed", partial(self.lost, role))

    def quiet_all(self) -> None:
        """Wait until all logs are quiet."""
        for name in (*SMTPDS, *POP3DS):
            if self.sessions(name):
                self.quiet(name)

    def killed(self, name: str, again: Callable[[], str]) -> None:
        """Kill a service's process; its supervisor starts another, which serves again."""
        if self.report.attempt(f"{name}: killed, restarted", lambda: self.restarted(name)):
            self.report.attempt(f"{name}: serves again", again)

    def logged(self, name: str, again: Callable[[], str]) -> str:
        """Use a service, and find that in its log."""
        return again() or self.quiet(name)

    def restarted(self, name: str) -> str:
        """Kill a service's process and wait for the next one."""
        old = self.host.pids().get(name)
        if not old:
            return f"{name} is not up"
        os.kill(old, signal.SIGKILL)
        self.report.wait(lambda: self.host.pids().get(name, old) != old)
        now = self.host.pids().get(name)
        return "" if now not in (None, old) else f"{name} was not restarted"

    def lost(self, role: str) -> str:
        """Kill one of the four: all four go, four new ones come, and work."""
        old = self.four()
        if role not in old:
            return f"{role} is not there"
        os.kill(old[role], signal.SIGKILL)
        self.report.wait(lambda: self.renewed(old))
        if not self.renewed(old):
            return f"the four were not replaced: {old}, now {self.four()}"
        return self.trigger()

    def four(self) -> dict[str, int]:
        """Give the pids of the four by role."""
        parent = self.host.pids().get("qmail-send", 0)
        return {"send": parent, **self.host.children(parent)} if parent else {}

    def renewed(self, old: dict[str, int]) -> bool:
        """Tell whether four others are there and none of the old is left."""
        now = self.four()
        left = {each.pid for each in self.host.left()} & set(old.values())
        return set(now) == set(QMAIL) and not left

    def takeover(self) -> None:
        """Kill svscan: its services live on, and the next svscan takes them over."""
        if not self.host.ours:
            say("        (the C svscan cannot take over its services: not checked)")
            return
        before = self.host.pids()
        self.host.kill_svscan()
        self.sent(self.post.compose(USERS[1], "While svscan is dead."), self.post.send_smtplib)
        self.report.check("svscan killed: services and loggers live on", self.gone(before))
        self.host.start()
        self.report.attempt("the next svscan takes all over", lambda: self.taken(before))
        self.quiet_all()
        self.killed(SMTPDS[0], partial(self.served, SMTPDS[0], self.greet))
        self.quiet_all()
        self.killed(f"{POP3DS[0]}/log", partial(self.logged, POP3DS[0], self.login))
        self.report.attempt("qmail-send still works", self.trigger)

    def gone(self, before: dict[str, int]) -> str:
        """Name the services whose process is no more."""
        alive = {each.pid for each in self.host.left()}
        return ", ".join(f"{name} is gone" for name, pid in before.items() if pid not in alive)

    def taken(self, before: dict[str, int]) -> str:
        """Wait until all are supervised, and name the services whose pid is another one.

        The logger is: the next svscan starts its own, which goes on where that one ended.
        """
        wrong = self.up()
        changed = [name for name in SERVICES if self.pids.get(name) != before[name]]
        return wrong or ", ".join(f"{name} has another pid" for name in changed)

    def last_mails(self) -> None:
        """Mail still works after all that."""
        for user in USERS[::2]:
            self.sent(self.post.compose(user, "After all that."), self.post.send_smtplib)
            self.fetched(user)
        self.fetched(USERS[1])
        self.quiet_all()

    def show(self) -> None:
        """Show svstat, and the ends of the logs in local time."""
        say("\nsvstat:")
        say(self.host.svstat().rstrip("\n"))
        for name in (SMTPDS[0], POP3DS[0], "qmail-send"):
            say(f"\nthe end of {name}'s log, in local time:")
            data = b"".join(line + b"\n" for line in logs.labelled(self.log(name))[-SHOWN:])
            local = self.host.command("tai64nlocal", data=data)
            say(os.fsdecode(local).replace("\r", "").rstrip("\n"))
        if self.host.ours:
            self.show_ratios()
            say("\nsvlog plan: how far back the logs reach, and would:")
            names = (*SMTPDS, *POP3DS)
            say(self.host.command("pysvscan", "svlog", "plan", *names).decode().rstrip("\n"))
        say("")

    def show_ratios(self) -> None:
        """Show how much of what was said the logs keep, as the logger counted it."""
        for kind, names, paper in (("sending", SMTPDS, 3), ("receiving", POP3DS, 10)):
            said = [logs.counted(self.host.scan / name / "log") for name in names]
            say(f"\n{kind}, in bytes (the paper kept 1/{paper}):")
            for name, (read, kept) in zip(names, said, strict=True):
                say(f"    {name}: {kept} of {read} kept: 1/{read / max(kept, 1):.1f}")

    def stop(self) -> None:
        """Stop everything in order; nothing is left."""
        claim = "TERM to svscan: services and loggers are stopped, then it ends"
        self.report.check(claim, self.host.stop(self.report.patience_s))
        self.report.wait(lambda: not self.host.left())
        left = ", ".join(f"{p.pid} {os.fsdecode(b' '.join(p.words))}" for p in self.host.left())
        self.report.check("no process is left", left)

    def check_logs(self) -> None:
        """Every session and mail is in the logs, and no password."""
        check, all_logs = self.report.attempt, [self.log(name) for name in SERVICES]
        files = [file for log in all_logs for file in log.parent.rglob("*") if file.is_file()]
        for domain in DOMAINS:
            self.check_domain(domain)
        check(f"qmail-send log: all {self.triggers} messages", self.missing_messages)
        check("no password in any log", lambda: logs.revealed(files, self.host.plan.passwords))
        check("each log was finished in order", lambda: logs.unclean(all_logs))

    def check_domain(self, domain: str) -> None:
        """A domain's two logs hold its sessions and mails, and nothing of another domain."""
        smtp, pop3 = self.log(f"smtpd@{domain}"), self.log(f"pop3d@{domain}")
        mails = [mail for mail in self.post.sent if mail.domain() == domain]
        logins = Counter(
            {
                user.partition("@")[0]: count
                for user, count in self.post.logins.items()
                if user.endswith(f"@{domain}")
            }
        )
        claims: dict[str, Callable[[], str]] = {}
        for log in (smtp, pop3):
            name = log.parts[-3]
            count = self.sessions(name)
            claims[f"{name} log: pid, ok and end of {count} sessions"] = partial(
                logs.missing_sessions, log, count
            )
            claims[f"{name} log: nothing of other domains"] = partial(
                logs.foreign, log, domain, DOMAINS
            )
            claims[f"{name} log: the count of connections in status"] = partial(
                logs.missing_status, log.parent / "status"
            )
        claim = f"smtpd@{domain} log: MAIL FROM, RCPT TO and Subject of {len(mails)} mails"
        claims[claim] = partial(logs.missing_mails, smtp, mails)
        claims[f"pop3d@{domain} log: USER of each login"] = partial(
            logs.missing_logins, pop3, logins
        )
        for claim, missing in claims.items():
            self.report.attempt(claim, missing)

    def live(self) -> None:
        """Start, use, kill, take over, use again, show."""
        self.start()
        self.mails()
        self.report.attempt(
            "a change in the table restarts that domain's two services", self.changed
        )
        self.kills()
        self.takeover()
        self.last_mails()
        self.show()

    def end(self) -> None:
        """Stop, and look into the logs."""
        self.stop()
        self.check_logs()
