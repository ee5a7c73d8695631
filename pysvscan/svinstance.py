"""What svinstance does, once its words are read: create, delete, list, sync."""

import os

from pysvscan import strerr, tablefile
from pysvscan.core import changes, instance
from pysvscan.core.instance import Composed, InstanceError
from pysvscan.core.values import SettingsError, show_key
from pysvscan.instances import Instances
from pysvscan.strerr import Fatal, Usage, name
from pysvscan.templates import Templates

WORDS = (
    "svinstance [-d scan] [-t templates] [-w seconds] [--plan] "
    "create template name [key=value ...] | delete [-l] service ... | list | sync [-l] table"
)


class Call:
    """What was asked for: by which words, whether it is only to be shown, whether logs stay."""

    def __init__(
        self, scan: Instances, known: Templates, words: list[bytes], plans: bool, keeps: bool
    ) -> None:
        self.scan = scan
        self.known = known
        self.words = words
        self.plans = plans
        self.keeps = keeps

    def become(self, wanted: dict[str, Composed], owner: str) -> None:
        """Have instances become as they are wanted; `owner`'s others are stopped."""
        present = self.scan.present()
        tablefile.refuse_others(wanted, present, owner)
        found = changes.plan(wanted, present, owner)
        if self.plans:
            for change in found:
                say(change.shown())
        else:
            self.scan.carry_out(found, self.keeps)
            self.scan.end_left_over()


def create(call: Call) -> None:
    """Make one instance, or change it if it is there."""
    if len(call.words) < 2:
        raise Usage(WORDS)
    template, label, *given = [name(word) for word in call.words]
    try:
        instance.check_template(template)
        instance.check_name(label)
        asked = instance.asked(template, label, given)
        call.become({asked.service: call.known.compose(asked)}, "")
    except (InstanceError, SettingsError) as exc:
        raise Fatal(f"unable to create {show_key(template + label)}: {exc}") from None


def delete(call: Call) -> None:
    """Stop and remove instances, their logs only if that was asked for."""
    if not call.words:
        raise Usage(WORDS)
    services = [name(word) for word in call.words]
    call.scan.check(services)
    if call.plans:
        for it in services:
            say(f"{changes.STOP} {it}")
    else:
        call.scan.remove(services, call.keeps)


def show_all(call: Call) -> None:
    """List the instances, and what is left of removed ones."""
    for it in call.scan.described():
        say(it)


def sync(call: Call) -> None:
    """Have all instances of a table, and none that it has no more."""
    if len(call.words) != 1:
        raise Usage(WORDS)
    wanted = tablefile.read(call.words[0], call.known)
    call.become(wanted, os.path.realpath(name(call.words[0])))


def say(line: str) -> None:
    """Print a line."""
    strerr.write(os.fsencode(f"{line}\n"), fd=1)


def warn(line: str) -> None:
    """Print a warning."""
    strerr.warn("svinstance", line)


CALLS = {b"create": create, b"delete": delete, b"list": show_all, b"sync": sync}
