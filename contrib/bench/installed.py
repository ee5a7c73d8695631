"""This checkout, installed by pip for a benchmark: an editable installation starts more slowly."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def install(where: Path) -> str:
    """Install this checkout, from a copy: setuptools leaves its build directory in the source.

    Args:
        where: an empty directory.

    Raises:
        OSError: a step failed, and has said why.

    Returns:
        The directory of the commands.
    """
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("pysvscan", "service.d"):
        shutil.copytree(ROOT / part, where / "source" / part, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, where / "source")
    python = str(where / "venv/bin/python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    source, venv = str(where / "source"), str(where / "venv")
    run([os.path.realpath(sys.executable), "-I", "-m", "venv", "--without-pip", venv])
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(where), source])
    wheel = str(next(where.glob("*.whl")))
    run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel])
    return str(where / "venv/bin")


def run(argv: list[str]) -> None:
    """Run a step of the installation."""
    if subprocess.run(argv, stdout=subprocess.DEVNULL).returncode:
        raise OSError(0, f"unable to install: {' '.join(argv)}")
