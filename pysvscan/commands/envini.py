"""envini [-p PREFIX] FILE CHILD…: run a program with the variables that an ini file gives it.

Source: daemontools-encore's manual, envini(8). A file that is missing is an error like others.
"""

from pysvscan import envfiles, sgetopt, strerr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pysvscan.pathexec import Chain

USAGE = "envini [-p prefix] file child"
SPACE = b" \t\r"


class Usage(strerr.Usage):
    """Ends envini with 111 for wrong use, as envdir."""

    code = 111


def main(argv: list[bytes], chain: "Chain") -> int:
    """Set a variable for each `name = value` of FILE, in its order, and run the child."""
    try:
        options, words = sgetopt.parse(argv[1:], b"", b"p")
    except sgetopt.OptionError as exc:
        raise Usage(USAGE) from exc
    if len(words) < 2:
        raise Usage(USAGE)
    prefix = options[-1][1] if options else b""
    try:
        data = bytes(envfiles.read(words[0]))
    except OSError as exc:
        raise strerr.Fatal(f"unable to read {strerr.name(words[0])}") from exc
    for name, value in parse(data):
        chain.set_variable(cut(prefix + name), cut(value))
    chain.run(words[1:])


def parse(data: bytes) -> list[tuple[bytes, bytes]]:
    """List what the lines of an ini file set; below [SECTION] a name begins with `SECTION_`.

    Comments (`;`), and lines that are neither a section nor `name = value`, say nothing. Blanks
    around names and values do not count, and there are none in a name.
    """
    variables = []
    section = b""
    for line in data.split(b"\n"):
        text = line.strip(SPACE)
        name, equals, value = text.partition(b"=")
        name = name.rstrip(SPACE)
        if text.startswith(b"[") and text.endswith(b"]"):
            section = text[1:-1] + b"_"
        elif equals and not text.startswith(b";") and not set(name) & set(SPACE):
            variables.append((section + name, value.lstrip(SPACE)))
    return variables


def cut(text: bytes) -> bytes:
    """Cut at a NUL, which no variable can hold."""
    return text.partition(b"\0")[0]
