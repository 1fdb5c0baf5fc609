"""What the tests in environments of their own share: building wheels, and running what is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of a package into a folder."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


def install(environment: Path, *arguments: str | Path) -> None:
    pip(environment, "install", *arguments)


def uninstall(environment: Path, *distributions: str) -> None:
    pip(environment, "uninstall", "--yes", *distributions)


def pip(environment: Path, command: str, *arguments: str | Path) -> None:
    process = run(environment, environment, ["python", "-m", "pip", command, *map(str, arguments)])
    assert process.returncode == 0, process.stdout + process.stderr


def run(
    environment: Path, folder: Path, command: list[str], variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, the environment's programs first on the path, and no way to the source tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MINIDL"))}
    kept["PATH"] = f"{environment / 'bin'}:{kept['PATH']}"
    program = environment / "bin" / command[0]
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={**kept, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
