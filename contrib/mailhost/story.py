"""The demo's story: what happens to the mail host, in order, and what is checked of it."""

import os
import secrets
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import logs
from build import SERVICES, USERS
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
        """Everything comes up, and qmail-send has its three children."""
        self.host.start()
        self.report.attempt("all services and their loggers are up", self.up)
        self.report.attempt("qmail-send passes a message through its three children", self.trigger)

    def up(self) -> str:
        """Wait until all is up."""
        self.report.wait(lambda: len(self.host.pids()) == len(NAMES))
        self.pids = self.host.pids()
        return ", ".join(f"{name} is not up" for name in NAMES if name not in self.pids)

    def mails(self) -> None:
        """Send a few mails, one large, and fetch them."""
        post = self.post
        self.sent(post.compose("alice", "A first mail."), post.send)
        attachment = START + secrets.token_bytes(ATTACHMENT_BYTES - len(START))
        self.sent(post.compose("alice", "With 1 MB attached.", attachment), post.send)
        self.sent(post.compose("bob", TRICKY), post.send_smtplib)
        for user in USERS:
            self.fetched(user)

    def sent(self, mail: Mail, send: Callable[[Mail], str]) -> None:
        """Send one mail."""
        size = f", {len(mail.attachment)} bytes attached" if mail.attachment else ""
        claim = f"SMTP takes a mail for {mail.user}{size}"
        self.report.attempt(claim, lambda: self.served("smtp", partial(send, mail)))

    def fetched(self, user: str) -> None:
        """Fetch a user's mails; delivery may take a moment."""
        claim = f"POP3 gives {user} the mails that were sent"
        self.report.attempt(claim, lambda: self.served("pop3", partial(self.delivered, user)))

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
        with self.post.smtp() as server:
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
        post = self.post
        count = post.smtp_sessions if name == "smtp" else post.logins.total()
        self.report.wait(lambda: not logs.missing_sessions(self.log(name), count))
        self.report.wait(lambda: logs.lines(self.log(name))[-1:] == [b"tcpserver: status: 0/40"])
        return logs.missing_sessions(self.log(name), count)

    def kills(self) -> None:
        """Kill each process once."""
        use: dict[str, Callable[[], str]] = {"smtp": self.greet, "pop3": self.login}
        for name, action in use.items():
            self.quiet(name)
            again = partial(self.served, name, action)
            self.killed(name, again)
            self.quiet(name)
            self.killed(f"{name}/log", partial(self.logged, name, again))
        self.killed("qmail-send/log", self.trigger)
        for role in QMAIL:
            self.report.attempt(f"{role} of qmail-send: killed", partial(self.lost, role))

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
        self.sent(self.post.compose("bob", "While svscan is dead."), self.post.send_smtplib)
        self.report.check("svscan killed: services and loggers live on", self.gone(before))
        self.host.start()
        self.report.attempt("the next svscan takes all over", lambda: self.taken(before))
        self.quiet("smtp")
        self.killed("smtp", partial(self.served, "smtp", self.greet))
        self.quiet("pop3")
        self.killed("pop3/log", partial(self.logged, "pop3", self.login))
        self.report.attempt("qmail-send still works", self.trigger)

    def gone(self, before: dict[str, int]) -> str:
        """Name the services whose process is no more."""
        alive = {each.pid for each in self.host.left()}
        return ", ".join(f"{name} is gone" for name, pid in before.items() if pid not in alive)

    def taken(self, before: dict[str, int]) -> str:
        """Wait until all are supervised, and name those whose pid is another one."""
        wrong = self.up()
        changed = [name for name in before if self.pids.get(name) != before[name]]
        return wrong or ", ".join(f"{name} has another pid" for name in changed)

    def last_mails(self) -> None:
        """Mail still works after all that."""
        for user in USERS:
            self.sent(self.post.compose(user, "After all that."), self.post.send)
            self.fetched(user)
        self.quiet("smtp")
        self.quiet("pop3")

    def show(self) -> None:
        """Show svstat, and the ends of the logs in local time."""
        say("\nsvstat:")
        say(self.host.svstat().rstrip("\n"))
        for name in SERVICES:
            say(f"\nthe end of {name}'s log, in local time:")
            data = b"".join(line + b"\n" for line in logs.labelled(self.log(name))[-SHOWN:])
            local = self.host.command("tai64nlocal", data=data)
            say(os.fsdecode(local).replace("\r", "").rstrip("\n"))
        say("")

    def stop(self) -> None:
        """Stop everything in order; nothing is left."""
        claim = "TERM to svscan: services and loggers are stopped, then it ends"
        self.report.check(claim, self.host.stop(self.report.patience_s))
        self.report.wait(lambda: not self.host.left())
        left = ", ".join(f"{p.pid} {os.fsdecode(b' '.join(p.words))}" for p in self.host.left())
        self.report.check("no process is left", left)

    def check_logs(self) -> None:
        """Every session and mail is in the logs, and no password."""
        check, smtp, pop3 = self.report.attempt, self.log("smtp"), self.log("pop3")
        post = self.post
        all_logs = [self.log(name) for name in SERVICES]
        files = [file for log in all_logs for file in log.parent.rglob("*") if file.is_file()]
        count, logins = post.smtp_sessions, post.logins
        check(
            f"smtp log: pid, ok and end of {count} sessions",
            lambda: logs.missing_sessions(smtp, count),
        )
        check(
            f"smtp log: MAIL FROM, RCPT TO and Subject of {len(post.sent)} mails",
            lambda: logs.missing_mails(smtp, post.sent),
        )
        check(
            f"pop3 log: pid, ok and end of {logins.total()} sessions",
            lambda: logs.missing_sessions(pop3, logins.total()),
        )
        check("pop3 log: USER of each login", lambda: logs.missing_logins(pop3, logins))
        check(f"qmail-send log: all {self.triggers} messages", self.missing_messages)
        for log in (smtp, pop3):
            status = log.parent / "status"
            claim = f"{log.parts[-3]} log: the count of connections in status"
            check(claim, partial(logs.missing_status, status))
        check("no password in any log", lambda: logs.revealed(files, self.host.plan.passwords))
        check("each log was finished in order", lambda: logs.unclean(all_logs))

    def live(self) -> None:
        """Start, use, kill, take over, use again, show."""
        self.start()
        self.mails()
        self.kills()
        self.takeover()
        self.last_mails()
        self.show()

    def end(self) -> None:
        """Stop, and look into the logs."""
        self.stop()
        self.check_logs()
