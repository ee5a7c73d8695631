"""fsync off the loop: what hangs holds its own file only."""

import os
import select
import tempfile
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from pysvscan import sync as sync_module
from pysvscan.cyclog import Cyclog
from pysvscan.sync import THREADS, Job, Sync
from tests.cyclogs import PATIENCE_S

OWNERS = [cast("Cyclog", f"log {number}") for number in range(10)]


class SlowDisk:
    """The module os, where fsync of one file waits until it is let go."""

    def __init__(self, file: int) -> None:
        self.slow = os.fstat(file).st_ino
        self.go = threading.Event()
        self.hanging = threading.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        """Return a name of os."""
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        """Wait if it is that file."""
        if os.fstat(fd).st_ino == self.slow:
            self.hanging.release()
            self.go.wait(PATIENCE_S)


@pytest.fixture
def sync() -> Iterator[Sync]:
    """Give a Sync, and see to its end."""
    sync = Sync()
    yield sync
    while sync.pending:
        collect(sync)
    sync.close()


@pytest.fixture
def file() -> Iterator[int]:
    """Give an open file."""
    with tempfile.TemporaryFile() as opened:
        yield opened.fileno()


def collect(sync: Sync) -> list[Cyclog]:
    """Wait for the next ones, as a loop would."""
    assert select.select([sync.fd], [], [], PATIENCE_S)[0]
    return sync.collect()


def test_sync_tells_when_a_file_is_on_the_disk(sync: Sync, file: int) -> None:
    """Its descriptor turns readable, the owner is named once, and the job is done only then."""
    assert not select.select([sync.fd], [], [], 0)[0]
    job = sync.start(OWNERS[0], file)
    assert select.select([sync.fd], [], [], PATIENCE_S)[0]
    assert not job.is_done
    assert sync.collect() == [OWNERS[0]]
    assert (job.is_done, job.error, sync.collect()) == (True, None, [])
    assert not select.select([sync.fd], [], [], 0)[0]


def test_sync_works_on_a_descriptor_of_its_own(sync: Sync) -> None:
    """The owner may close the file at once, and descriptors do not become more."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with tempfile.TemporaryFile() as opened:
            job = sync.start(OWNERS[0], opened.fileno())
        assert collect(sync) == [OWNERS[0]]
        assert job.error is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_sync_hands_on_errors(sync: Sync) -> None:
    """What cannot be brought to a disk fails as it does without a thread."""
    ends = os.pipe()
    job = sync.start(OWNERS[0], ends[1])
    collect(sync)
    assert isinstance(job.error, OSError)
    for fd in ends:
        os.close(fd)


def test_sync_forgets_those_who_wait_no_more(sync: Sync, file: int) -> None:
    """A log that was closed meanwhile is not named."""
    sync.start(OWNERS[0], file).owner = None
    assert collect(sync) == []


@pytest.mark.parametrize("hanging", range(1, THREADS))
def test_sync_that_hangs_holds_its_own_file_only(
    sync: Sync, file: int, monkeypatch: pytest.MonkeyPatch, hanging: int
) -> None:
    """As long as not all threads hang, others are served; in the end all are."""
    with tempfile.TemporaryFile() as slow:
        disk = SlowDisk(slow.fileno())
        monkeypatch.setattr(sync_module, "os", disk)
        stuck = [sync.start(owner, slow.fileno()) for owner in OWNERS[:hanging]]
        for _ in stuck:
            assert disk.hanging.acquire(timeout=PATIENCE_S)
        for owner in OWNERS[hanging:]:
            sync.start(owner, file)
        served: list[Cyclog] = []
        while len(served) < len(OWNERS) - hanging:
            served += collect(sync)
        assert sorted(map(str, served)) == sorted(map(str, OWNERS[hanging:]))
        assert not any(job.is_done for job in stuck)
        disk.go.set()
        while sync.pending:
            collect(sync)
        assert all(job.is_done for job in stuck)
        assert sync.threads <= THREADS


def test_sync_queues_when_all_threads_hang(
    sync: Sync, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no more threads than allowed: the next ones wait, and are served later."""
    disk = SlowDisk(file)
    monkeypatch.setattr(sync_module, "os", disk)
    jobs = [sync.start(owner, file) for owner in OWNERS]
    for _ in range(THREADS):
        assert disk.hanging.acquire(timeout=PATIENCE_S)
    assert (sync.threads, sync.collect()) == (THREADS, [])
    disk.go.set()
    while sync.pending:
        collect(sync)
    assert all(job.is_done for job in jobs)


def test_sync_does_without_threads(sync: Sync, file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be had, it takes its time, and is done."""

    class NoThread:
        """A thread that cannot be started."""

        def __init__(self, **_: Any) -> None:
            pass

        def start(self) -> None:
            """Fail."""
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading, "Thread", NoThread)
    sync.start(OWNERS[0], file)
    assert (collect(sync), sync.threads) == ([OWNERS[0]], 0)


def test_turns_go_round(sync: Sync) -> None:
    """One at a time, first come, first served; who waits no more is passed over."""
    first, second, third = (sync.turns.take(owner) for owner in OWNERS[:3])
    assert (first.is_done, second.is_done, third.is_done) == (True, False, False)
    sync.turns.give_back(second)
    sync.turns.give_back(first)
    assert collect(sync) == [OWNERS[2]]
    assert third.is_done
    sync.turns.give_back(third)
    assert sync.turns.take(OWNERS[0]).is_done


def test_turn_that_was_handed_on_is_not_lost(sync: Sync) -> None:
    """A log that is closed between its turn and collect() gives it back."""
    first, second = (sync.turns.take(owner) for owner in OWNERS[:2])
    sync.turns.give_back(first)
    sync.turns.give_back(second)
    assert collect(sync) == []
    assert sync.turns.take(OWNERS[2]).is_done


def test_job_is_no_threads_work_without_a_descriptor() -> None:
    """A turn has none."""
    assert Job(OWNERS[0]).fd == -1
