"""What has to change is what differs, and no more."""

import pytest

from pysvscan.core import changes
from pysvscan.core.changes import Change, Present, plan
from pysvscan.core.instance import Composed, Files

TOML = b"[run]\nnice = 1\n[log]\nscript = './main'\n"
FILES: Files = {
    "run": (b"r", 0o755),
    "env/A": (b"a", 0o644),
    "log/run": (b"l", 0o755),
    "service.toml": (TOML, 0o644),
    "instance.toml": (b"m", 0o644),
}


def with_toml(data: bytes) -> Files:
    """Have another service.toml."""
    return FILES | {"service.toml": (data, 0o644)}


def compared(wanted: Files, present: Files, is_changing: bool = False) -> Change | None:
    """Compare one instance."""
    return changes.compare("x", Composed(wanted, None), Present(present, "", is_changing))


def test_plan_starts_changes_and_stops() -> None:
    """Sorted within each; what is of another table stays."""
    wanted = {name: Composed(FILES, None) for name in ("b", "a", "same", "other")}
    present = {
        "same": Present(FILES, "/t"),
        "other": Present({}, "/t"),
        "gone": Present(FILES, "/t"),
        "theirs": Present(FILES, "/u"),
        "created": Present(FILES),
    }
    shown = [(it.verb, it.service) for it in plan(wanted, present, "/t")]
    assert shown == [("start", "a"), ("start", "b"), ("change", "other"), ("stop", "gone")]
    assert [it.service for it in plan({}, present, "")] == []


@pytest.mark.parametrize(
    ("wanted", "restarts", "reopens", "shown"),
    [
        (FILES | {"run": (b"s", 0o755)}, True, False, "change x: run (restart)"),
        (FILES | {"run": (b"r", 0o644)}, True, False, "change x: run (restart)"),
        (FILES | {"env/B": (b"", 0o644)}, True, False, "change x: env/B (restart)"),
        (
            {path: it for path, it in FILES.items() if path != "env/A"},
            True,
            False,
            "change x: env/A (restart)",
        ),
        (FILES | {"log/run": (b"k", 0o755)}, False, True, "change x: log/run"),
        (FILES | {"instance.toml": (b"n", 0o644)}, False, False, "change x: unfinished"),
        (with_toml(TOML + b"# more"), False, False, "change x: service.toml"),
        (with_toml(TOML + b"user = 'l'"), False, True, "change x: service.toml"),
        (with_toml(TOML.replace(b"1", b"2")), True, False, "change x: service.toml (restart)"),
        (with_toml(b"="), True, True, "change x: service.toml (restart)"),
    ],
)
def test_a_change_concerns_the_service_or_its_log(
    wanted: Files, restarts: bool, reopens: bool, shown: str
) -> None:
    """What the service gets restarts it, what the log gets has it read that anew."""
    change = compared(wanted, FILES)
    assert change
    assert (change.restarts, change.reopens, change.shown()) == (restarts, reopens, shown)


def test_a_change_holds_what_differs() -> None:
    """Files to write, and files to remove."""
    change = compared({"run": (b"s", 0o755), "new": (b"", 0o644)}, {"run": (b"r", 0o755)})
    assert change
    assert (sorted(change.files), change.gone) == (["new", "run"], [])
    change = compared({}, {"run": (b"r", 0o755)})
    assert change
    assert (change.files, change.gone) == ({}, ["run"])


def test_what_was_interrupted_goes_on() -> None:
    """All files are right, but nobody was told."""
    assert compared(FILES, FILES) is None
    change = compared(FILES, FILES, is_changing=True)
    assert change
    assert (change.restarts, change.reopens, change.shown()) == (
        True,
        True,
        "change x: unfinished (restart)",
    )


def test_start_and_stop_are_shown() -> None:
    """By their verb and name."""
    assert Change("x", changes.STOP).shown() == "stop x"
