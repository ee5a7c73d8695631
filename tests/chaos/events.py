"""What may happen to a world; one function each."""

import os
import resource
import shutil
import signal
from pathlib import Path

from tests import scan
from tests.chaos import services
from tests.chaos.world import Event, World
from tests.scan import executable, pid

QUEUE = 16384  # events that inotify keeps; one more is an overflow


def kill_svscan(world: World) -> None:
    """KILL, and another at once."""
    world.scan.process.kill()
    world.scan.process.wait()
    world.scan.start()


def kill_svscan_twice(world: World) -> None:
    """The one that comes is killed as well, wherever it is."""
    kill_svscan(world)
    services.pause(world.draw, 0.3)
    world.scan.process.kill()
    world.scan.process.wait()
    world.scan.start()


def execute_anew(world: World) -> None:
    """USR2: svscan executes itself anew; who comes next may kill it meanwhile."""
    if world.scan.listens():
        world.scan.process.send_signal(signal.SIGUSR2)


def stop_svscan(world: World) -> None:
    """STOP, and CONT after a while."""
    world.stop_for(world.scan.process.pid, 0.5)


def kill_service(world: World) -> None:
    """KILL or TERM of a service, once or several at once."""
    for path in world.draw.sample(world.writers(), world.draw.choice((1, 1, 2, 4))):
        world.killed.add(services.kill(path))


def stop_service(world: World) -> None:
    """STOP of a service, and CONT."""
    number = pid(world.draw.choice(world.writers()))
    if number and scan.is_alive(number):
        world.stop_for(number, 0.5)


def kill_logger(world: World) -> None:
    """KILL of the built-in logger."""
    if (number := world.logger()) and world.send(number, signal.SIGKILL):
        world.ending.add(number)
        world.logger_kills += 1


def term_logger(world: World) -> None:
    """TERM of the built-in logger, which costs nothing."""
    if number := world.logger():
        world.ending.add(number)
        world.send(number, signal.SIGTERM)


def stop_logger(world: World) -> None:
    """STOP of the built-in logger, and CONT."""
    if number := world.logger():
        world.stop_for(number, 0.5)


def kill_multilog(world: World) -> None:
    """KILL of a classic logger."""
    if number := services.kill(world.classic / "log"):
        world.ending.add(number)
        world.kills["classic"] = world.kills.get("classic", 0) + 1


def term_multilog(world: World) -> None:
    """TERM of a classic logger, which costs nothing: it reads to the end of a line."""
    if number := pid(world.classic / "log"):
        world.ending.add(number)
        world.send(number, signal.SIGTERM)


def kill_processor(world: World) -> None:
    """KILL of a processor, if one is at work."""
    for number in services.processes():
        if is_processor(number, world.path):
            world.send(number, signal.SIGKILL)


def command(world: World) -> None:
    """Some letters of svc to the service that is there for that."""
    letters = bytes(world.draw.choices(b"udotkpchai", k=world.draw.randint(1, 4)))
    with_log = world.draw.choice(world.logged) / "log"
    send(world.obeying, letters)
    send(with_log, bytes([world.draw.choice(b"athpc")]) + b"cu")


def replace_run(world: World) -> None:
    """`run` is replaced by a new one, by turns a text that is longer, in the middle of starts."""
    path = world.draw.choice((world.quick, world.classic, *world.logged[:2]))
    lines = (path / "run").read_text().removeprefix("#!/bin/sh\n").rstrip("\n#")
    world.killed.add(services.kill(path))
    executable(path / "run", lines + "\n" + "#" * world.draw.randint(1, 3))


def copy_service(world: World) -> None:
    """A running service's directory is copied into the scan directory, and removed again."""
    if any((world.path / copy.name).is_symlink() for copy in world.copies):
        return
    source = world.draw.choice((world.plain, world.quick, world.obeying))
    copy = world.path.with_name("copies") / f"copy{len(world.happened)}"
    shutil.copytree(source, copy, symlinks=True, ignore=no_fifos)
    for name in ("starts", "twice", "log/starts"):
        (copy / name).unlink(missing_ok=True)
    (world.path / copy.name).symlink_to(copy)
    world.copies.append(copy)
    world.later(world.draw.uniform(0.5, 2), lambda: give_up(world, copy))


def overflow_inotify(world: World) -> None:
    """More events than inotify keeps, while svscan is stopped."""
    if any("overflow" in line for line in world.happened):
        return  # it takes a second, each time
    world.happened.append("overflow")
    os.kill(world.scan.process.pid, signal.SIGSTOP)
    try:
        for number in range(QUEUE // 2 + 50):
            name = world.path / f".{number}"
            name.touch()
            name.unlink()
    finally:
        os.kill(world.scan.process.pid, signal.SIGCONT)


def full_disk(world: World) -> None:
    """A disk is full, for a while."""
    for path in world.mounted:
        if not (path / "filler").exists():
            fill(path / "filler")
            world.later(world.draw.uniform(0.2, 1.5), (path / "filler").unlink)


def no_descriptors(world: World) -> None:
    """Svscan has no descriptor left, for a while."""
    number = world.scan.process.pid
    if world.is_taken():
        used = len(os.listdir(f"/proc/{number}/fd"))
        world.limit(number, resource.RLIMIT_NOFILE, used + world.draw.randint(-2, 3), 1)


def no_processes(world: World) -> None:
    """Svscan can start nothing, for a while; root always can."""
    world.limit(world.scan.process.pid, resource.RLIMIT_NPROC, 0, 1)


def send(path: Path, letters: bytes) -> None:
    """Send letters, if anybody listens."""
    try:
        scan.command(path, letters)
    except OSError:
        return


def is_processor(number: int, path: Path) -> bool:
    """Say whether a process is a processor of this world."""
    try:
        inside = os.readlink(f"/proc/{number}/cwd").startswith(str(path))
        return inside and Path(f"/proc/{number}/comm").read_text() in ("cat\n", "sleep\n", "sh\n")
    except OSError:
        return False


def no_fifos(directory: str, names: list[str]) -> list[str]:
    """Leave out what copytree cannot copy, and the log itself."""
    return [name for name in names if Path(directory, name).is_fifo() or name == "main"]


def give_up(world: World, copy: Path) -> None:
    """Remove a copy, and end what runs there, if svscan hears it."""
    (world.path / copy.name).unlink()
    for path in (copy, copy / "log"):
        send(path, b"dx")


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


ALL: dict[Event, int] = {  # how often, compared with the others
    kill_svscan: 3,
    kill_svscan_twice: 1,
    execute_anew: 2,
    stop_svscan: 1,
    kill_service: 6,
    stop_service: 1,
    kill_logger: 2,
    term_logger: 2,
    stop_logger: 1,
    kill_multilog: 2,
    term_multilog: 1,
    kill_processor: 2,
    command: 3,
    replace_run: 1,
    copy_service: 1,
    overflow_inotify: 1,
    full_disk: 2,
    no_descriptors: 1,
    no_processes: 1,
}
# Who of svscan and the loggers is killed, dies alone: what nobody has read lives in a pipe that one
# of service, svscan and logger holds.
ALONE = frozenset(
    (kill_svscan, kill_svscan_twice, kill_logger, term_logger, kill_multilog, term_multilog)
)
