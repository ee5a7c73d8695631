"""Optional parts in C: found, missing, broken, refused."""

import sys
from pathlib import Path

import pytest

import pysvscan
from pysvscan import accelerators

PARTS = {"_good": "answer = 42\n", "_broken": "import pysvscan.no_such\n"}


@pytest.fixture(autouse=True)
def _parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two parts in the package, as far as the import knows."""
    for name, text in PARTS.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(pysvscan, "__path__", [str(tmp_path)])
    monkeypatch.delenv("PYSVSCAN_PURE", raising=False)
    monkeypatch.setattr(pysvscan, "_good", None, raising=False)
    monkeypatch.delitem(sys.modules, "pysvscan._good", raising=False)


def test_load_imports_a_part() -> None:
    """What was built is found by its name."""
    found = accelerators.load("_good")
    assert found is not None
    assert found.answer == 42


@pytest.mark.parametrize("name", ["_missing", "_broken"])
def test_load_does_without(name: str) -> None:
    """What was not built, or cannot be loaded, is None."""
    assert accelerators.load(name) is None


@pytest.mark.parametrize(("pure", "is_found"), [("1", False), ("0", True), ("", True)])
def test_load_obeys_pysvscan_pure(
    monkeypatch: pytest.MonkeyPatch, pure: str, is_found: bool
) -> None:
    """PYSVSCAN_PURE=1 refuses all parts; no other value does."""
    monkeypatch.setenv("PYSVSCAN_PURE", pure)
    assert (accelerators.load("_good") is not None) == is_found
