"""A small mail host under svscan: it is built, used, killed piece by piece, shown and stopped.

contrib/demo sets up what it needs and calls it. All that should happen is a check. --check ends by
itself, else Ctrl-C ends the host; the exit code says whether all checks held.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from types import FrameType

from build import BIN, SMTPDS, Fatal, build, plan
from host import Host
from report import PATIENCE_S, say
from story import Story


def wait_for_interrupt(host: Host) -> None:
    """Say how to watch, then wait for Ctrl-C, which may come while we still speak.

    Asking again and again: a signal that comes right before a call that blocks is not seen in it.
    """
    try:
        introduce(host)
        while host.is_running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("")


def introduce(host: Host) -> None:
    """Say where everything is and how to watch it."""
    plan = host.plan
    for domain, address in plan.addresses.items():
        ports = f"SMTP on port {plan.smtp_ports[domain]}, POP3 on port {plan.pop3_ports[domain]}"
        say(f"{domain} at {address}: {ports}")
    say(f"    {', '.join(f'{user} ({password})' for user, password in plan.passwords.items())}")
    say("Watch it from another terminal, stop it with Ctrl-C here:")
    say(f"    PATH={BIN}:$PATH; cd {host.scan}")
    say(f"    svstat */ */log; tail -F {SMTPDS[0]}/log/main/current | tai64nlocal")
    options = "-d . -t ../service.d"
    say(f"    svinstance {options} list; svinstance {options} sync --plan ../domains.toml")
    say("    svc -t qmail-send")


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """TERM and HUP end the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def options(words: list[str]) -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="contrib/demo", description="A small mail host under svscan.")
    parser.add_argument("--no-setup", action="store_true", help="install nothing")
    parser.add_argument("--check", action="store_true", help="unattended")
    parser.add_argument("--keep", action="store_true", help="keep the temporary directory")
    parser.add_argument("--account", default="", help="root's choice of account for all services")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_S, help="seconds that each step may take"
    )
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Build a mail host in a temporary directory, tell the story, clean up."""
    wanted = options(words)
    directory = Path(tempfile.mkdtemp(prefix="mailhost."))
    directory.chmod(0o755)
    try:
        mailhost = plan(directory, wanted.account)
        build(mailhost)
        return tell(Story(Host(mailhost), wanted.patience), wanted.check)
    finally:
        if wanted.keep:
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory)


def tell(story: Story, unattended: bool) -> int:
    """Tell the story; whatever happens, nothing is left running."""
    host = story.host
    try:
        story.live()
        if not unattended:
            wait_for_interrupt(host)
        story.end()
    finally:
        host.clear()
    if story.report.failed:
        say(f"svscan's own messages:\n{os.fsdecode(host.errors.read_bytes())[-2000:]}")
    return story.report.code()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    try:
        sys.exit(main(sys.argv[1:]))
    except Fatal as exc:
        sys.stderr.write(f"demo: fatal: {exc}\n")
        sys.exit(111)
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:  # nobody reads what is said here; nothing is left running
        os._exit(1)
