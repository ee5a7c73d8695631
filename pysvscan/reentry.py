"""python -I -X utf8 /proc/self/fd/TEXT try|take|start STATE CODE TRIES [WORD…]: the next image.

Executed from a copy of this text, not imported. `try` keeps the code of every module that the next
image imports, and writes it to CODE; `take` imports that very code, whatever has become of its
files since. So what was tried is what is executed. Where even that cannot be imported (a part in C
is gone, say), the files are tried, again and again: services run on meanwhile, and all that is
handed over stays open. Where it cannot take the state after all, `start` lets go of everything and
starts as if svscan had been killed. The words are the command line, which `start` may need.
"""

import contextlib
import importlib.abc
import marshal
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, spec_from_file_location
from types import CodeType, ModuleType
from typing import NoReturn

LONGEST_S = 60
Kept = dict[str, tuple[str, CodeType]]  # module: its file, its code


class Keeper(importlib.abc.MetaPathFinder):
    """Imports what was kept."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find a module, once."""
        if name not in self.kept:
            return None
        file, code = self.kept.pop(name)
        folder, base = os.path.split(file)
        places = [folder] if base == "__init__.py" else None
        loader = Loader(name, file)
        loader.code = code
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=places)


class Loader(SourceFileLoader):
    """Loads one module of which the code is known."""

    code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        """Give it, once: the module holds what it needs of it."""
        code, self.code = self.code, None
        return code or super().get_code(fullname)


def keep() -> Kept:
    """Keep the code of each module that is imported from now on."""
    kept: Kept = {}
    get_code = SourceFileLoader.get_code

    def get_and_keep(self: SourceFileLoader, fullname: str) -> CodeType | None:
        code = get_code(self, fullname)
        if code:
            kept[fullname] = str(self.path), code
        return code

    SourceFileLoader.get_code = get_and_keep  # type: ignore[method-assign, assignment]
    return kept


def attempt(state: int, code: int) -> int:
    """Say whether the next image can take the state; if so, leave its code."""
    kept = keep()
    from pysvscan import successor

    found = successor.attempt(state)
    if found == 0:
        with open(code, "wb", closefd=False) as file:
            marshal.dump((MAGIC_NUMBER, kept), file)
        import pysvscan.logger  # noqa: F401 (it is exchanged as well, and by its files)

        os.write(1, b"ok\n")
    return found


def go_on(what: str, state: int, code: int, tries: int) -> int:
    """Be the next image; where the code cannot be had, at once by the files as they are now."""
    try:
        if tries % 2 == 0:
            sys.meta_path.insert(0, Keeper(load(code)))
        from pysvscan import successor
    except BaseException as exc:  # noqa: BLE001 (whatever it is: nobody else has the services)
        again(what, exc, tries)
    ours = (state, code, int(os.path.basename(sys.argv[0])))
    try:
        for fd in ours:
            os.set_inheritable(fd, False)
        scan = successor.take(state) if what == "take" else successor.start(state, sys.argv[5:])
    except BaseException as exc:  # noqa: BLE001 (as above)
        let_go()
        again("start", exc, tries)
    for fd in ours:
        os.close(fd)
    return scan.serve()


def let_go() -> None:
    """Close all but what the next program needs, which may take no descriptor; signals wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    needed = sorted({2, *map(int, (os.path.basename(sys.argv[0]), *sys.argv[2:4]))})
    for fd, end in zip(needed, (*needed[1:], os.sysconf("SC_OPEN_MAX")), strict=True):
        os.closerange(fd + 1, end)
        os.set_inheritable(fd, True)


def load(code: int) -> Kept:
    """Read what the trial has left.

    Raises:
        ValueError: it is of another interpreter.
    """
    magic, kept = marshal.loads(os.pread(code, os.fstat(code).st_size, 0))  # noqa: S302 (ours)
    if magic != MAGIC_NUMBER:
        raise ValueError("another interpreter")
    found: Kept = kept
    return found


def again(what: str, exc: BaseException, tries: int) -> NoReturn:
    """Say why it cannot be, and execute ourselves once more: first at once, then by and by."""
    delay_s = min(LONGEST_S, 1 << tries // 2) if tries % 2 else 0
    how = {"take": "trying again", "start": "starting anew"}[what]
    why = f"{type(exc).__name__}: {exc}".splitlines()[0]
    say(f"svscan: warning: unable to go on, {how} in {delay_s} s: {why}\n")
    words = [*sys.orig_argv]
    at = len(words) - len(sys.argv) + 1
    words[at], words[at + 3] = what, str(tries + 1)
    while True:
        time.sleep(delay_s)
        try:
            os.execv(sys.executable, words)
        except (OSError, MemoryError):
            delay_s = min(LONGEST_S, 2 * delay_s or 1)


def say(line: str) -> None:
    """Write a line where that can be done, and does not block."""
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    if poll.poll(0):
        with contextlib.suppress(OSError, UnicodeEncodeError):
            os.write(2, os.fsencode(line))


if __name__ == "__main__":
    what, *numbers = sys.argv[1:5]
    state_fd, code_fd, count = map(int, numbers)
    if what == "try":
        os._exit(attempt(state_fd, code_fd))
    os._exit(go_on(what, state_fd, code_fd, count))
