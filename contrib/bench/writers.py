"""Programs that write a log, and what one costs: CPU, wall, peak memory. For contrib/bench/log."""

import fcntl
import os
import re
import shutil
import struct
import termios
import time
from pathlib import Path
from typing import NamedTuple

FIXTURES = Path(__file__).resolve().parent.parent.parent / "tests" / "fixtures"
STAMP = re.compile(rb"^@[0-9a-f]{24} ", re.MULTILINE)
SETTLE_S = 60  # reached only where a writer hangs


class Used(NamedTuple):
    """What one run cost, the start of the program included."""

    cpu_ns: float
    wall_ns: float


class Writer(NamedTuple):
    """A program that reads lines and writes a log into the current directory."""

    argv: tuple[str, ...]
    env: dict[str, str]


def mail_log(size_bytes: int) -> bytes:
    """Repeat the SMTP and POP3 conversations of the fixtures, without their stamps."""
    logs = sorted((FIXTURES / "qmail").glob("*-raw*.log"))
    once = STAMP.sub(b"", b"".join(path.read_bytes() for path in logs))
    text = once * (size_bytes // len(once) + 1)
    return text[: text.rfind(b"\n", 0, size_bytes) + 1]


def mail_filter() -> list[str]:
    """Read the SMTP filter out of filters.md: 15 patterns."""
    text = (FIXTURES / "filters.md").read_text()
    head = "multilog t s1000000 n20 "
    return re.findall(
        r"'([^']*)'", text[text.index(head) : text.index(" ./main", text.index(head))]
    )


def start(writer: Writer, where: Path, stdin: int) -> int:
    """Start a writer in an empty directory, which becomes the current one; returns its pid."""
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    os.chdir(where)  # a fork in this process would be counted as the writer's
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0)]
    return os.posix_spawn(writer.argv[0], writer.argv, writer.env, file_actions=actions)


def used(pid: int, begin_ns: int) -> Used:
    """Wait for a writer; say what it cost.

    Raises:
        OSError: it failed; nothing about it may be believed.
    """
    _, wstatus, usage = os.wait4(pid, 0)
    if wstatus:
        raise OSError(0, f"a writer failed: {os.waitstatus_to_exitcode(wstatus)}")
    cpu_ns = (usage.ru_utime + usage.ru_stime) * 1e9
    return Used(cpu_ns, time.monotonic_ns() - begin_ns)


def write_file(writer: Writer, where: Path, file: Path) -> Used:
    """Let a writer read a file."""
    begin_ns = time.monotonic_ns()
    stdin = os.open(file, os.O_RDONLY)
    pid = start(writer, where, stdin)
    os.close(stdin)
    return used(pid, begin_ns)


def write_lines(writer: Writer, where: Path, file: Path, line_bytes: int) -> Used:
    """Let a writer have a file of lines of equal length, one a read: a pipe that keeps packets."""
    reading, writing = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)  # 256 packets: the feeder is ahead
    begin_ns = time.monotonic_ns()
    pid = start(writer, where, reading)
    os.close(reading)
    argv = ["dd", f"if={file}", f"bs={line_bytes}", "status=none"]
    feeder = os.posix_spawnp(
        "dd", argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)]
    )
    os.close(writing)
    os.waitpid(feeder, 0)
    return used(pid, begin_ns)


def peak_kb(writer: Writer, where: Path, data: bytes) -> float:
    """Say how much memory a writer had at most, once it has read data."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    begin_ns = time.monotonic_ns()
    pid = start(writer, where, reading)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(writing, rest) :]
    while unread_bytes(reading):
        if time.monotonic_ns() - begin_ns > SETTLE_S * 1e9:
            raise OSError(0, "a writer does not read")
        time.sleep(0.01)
    peak = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]
    os.close(writing)
    os.close(reading)
    used(pid, begin_ns)
    return float(peak)


def unread_bytes(fd: int) -> int:
    """Say how many bytes are in a pipe."""
    found: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
    return found
