"""python -I -m pysvscan NAME args…, and what the installed commands call."""

import os
import sys

from pysvscan import __version__, commands, pathexec, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def run(name: str, words: list[str], chain: pathexec.Chain | None = None) -> "NoReturn":
    """Run the command of this name with these words, and exit.

    Args:
        name: a command of `commands.NAMES`, or "pysvscan", whose first word then is one,
            or one of `commands.TOOLS`.
        words: its arguments, as in sys.argv[1:].
        chain: of the commands before it; None: it is the first.
    """
    if name == "pysvscan":
        if words and words[0] in commands.NAMES | commands.TOOLS:
            name, words = words[0], words[1:]
        else:
            about(words)
    argv = [os.fsencode(word) for word in (name, *words)]
    if chain:
        chain.call(name, argv)
    strerr.main(name, command(name), argv, pathexec.given())


def command(name: str) -> "strerr.Command":
    """Import a command, or exit with the one line that says why not."""
    try:
        return pathexec.load(name)
    except strerr.Fatal as exc:
        strerr.write(strerr.line(name, exc.label, str(exc), exc.__cause__))
        os._exit(exc.code)


def about(words: list[str]) -> "NoReturn":
    """Say version or usage, and exit."""
    names = " ".join(sorted(commands.NAMES | commands.TOOLS))
    if words == ["--version"]:
        os.write(1, f"pysvscan {__version__}\n".encode())
        os._exit(0)
    if words == ["--help"]:
        os.write(1, f"pysvscan NAME [ARG...]: run one of {names}\n".encode())
        os._exit(0)
    strerr.write(f"pysvscan: usage: pysvscan NAME [ARG...], NAME one of {names}\n".encode())
    os._exit(100)


if __name__ == "__main__":
    os.environb.pop(b"PYSVSCAN_GIVEN", None)  # the installed commands' own; here it is anybody's
    run("pysvscan", sys.argv[1:])
