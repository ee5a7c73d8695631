"""Four processes that live and die together, as qmail-send's do: qmail.py send TRIGGER.

send starts lspawn, rspawn and clean, each on a pair of pipes. Each byte in the FIFO TRIGGER is a
message: it goes through all three, and what send prints has the form of qmail-send's log. When
one of the four dies the others see the end of their pipe and leave. No mail is moved.
"""

import os
import select
import subprocess
import sys

ANSWERS = {"lspawn": "did_1+0+0/", "rspawn": "remote_accepted/", "clean": "cleaned"}
LIMITS = {"local": 10, "remote": 20}


def log(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(role: str) -> None:
    """Answer each line on stdin with the role's one line; leave at its end."""
    for _ in sys.stdin:
        log(ANSWERS[role])


class Lost(Exception):
    """A child's pipe has ended."""


class Child:
    """One of the three, and the pipes to and from it."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.process = subprocess.Popen(
            [sys.executable, "-I", __file__, role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        if self.process.stdin is None or self.process.stdout is None:
            raise Lost(role)
        self.request, self.reply = self.process.stdin, self.process.stdout

    def ask(self, line: str) -> str:
        """Send a line and take the answer."""
        try:
            self.request.write(line + "\n")
            answer = self.reply.readline()
        except BrokenPipeError as exc:
            raise Lost(self.role) from exc
        if not answer:
            raise Lost(self.role)
        return answer.rstrip("\n")


class Send:
    """The parent: takes messages from the trigger and passes them on."""

    def __init__(self, trigger: str) -> None:
        # Opened for writing too, so that it has no end of file while nobody triggers.
        self.trigger = os.open(trigger, os.O_RDWR | os.O_NONBLOCK)
        self.children = {role: Child(role) for role in ANSWERS}
        self.messages = 0
        self.deliveries = 0

    def run(self) -> None:
        """Go on until a child is lost."""
        self.status(0, 0)
        replies = {child.reply.fileno(): child.role for child in self.children.values()}
        while True:
            ready, _, _ = select.select([self.trigger, *replies], [], [])
            for fd in ready:
                if fd in replies:  # nothing was asked: this is its end
                    raise Lost(replies[fd])
            for _ in os.read(self.trigger, 64):
                self.message()

    def message(self) -> None:
        """Pass one message through all three."""
        self.messages += 1
        log(f"new msg {self.messages}")
        log(f"info msg {self.messages}: bytes 0 from <> qp {os.getpid()} uid {os.getuid()}")
        self.deliver("lspawn", "local", "alice@mail.example")
        self.deliver("rspawn", "remote", "carol@client.example")
        self.children["clean"].ask(f"{self.messages}")
        log(f"end msg {self.messages}")

    def deliver(self, role: str, channel: str, recipient: str) -> None:
        """Have one delivery done."""
        self.deliveries += 1
        log(f"starting delivery {self.deliveries}: msg {self.messages} to {channel} {recipient}")
        self.status(int(channel == "local"), int(channel == "remote"))
        answer = self.children[role].ask(f"{self.messages} {recipient}")
        log(f"delivery {self.deliveries}: success: {answer}")
        self.status(0, 0)

    def status(self, local: int, remote: int) -> None:
        """Say how many deliveries are under way."""
        log(f"status: local {local}/{LIMITS['local']} remote {remote}/{LIMITS['remote']}")


def main(role: str, trigger: str = "") -> int:
    """Be one of the four."""
    if role != "send":
        serve(role)
        return 0
    try:
        Send(trigger).run()
    except Lost as exc:
        log(f"alert: lost the pipe to {exc}, ending")
    return 111


if __name__ == "__main__":
    # Without the interpreter's clean-up: it would wait for nothing and could fail on a dead pipe.
    os._exit(main(*sys.argv[1:]))
