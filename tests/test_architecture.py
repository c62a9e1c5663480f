"""The house: a room imports only from rooms above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tidegate"

ORDER = [
    "errors", "files", "cells", "kernels", "layers", "data", "preparation", "training", "bundle",
    "tasks", "probes", "compare", "report", "cli", "__main__",
]  # fmt: skip


def imported_rooms(path: Path) -> set[str]:
    """The rooms a file imports from, type-checking imports included."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "tidegate":
            rooms |= {alias.name for alias in node.names} & set(ORDER)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tidegate."):
            rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("tidegate.")}
    return rooms


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_from_rooms_above_it(path):
    room = room_of(path)
    if room == "__init__":
        return
    above = ORDER[: ORDER.index(room) + 1]
    assert imported_rooms(path) <= set(above)


def test_only_training_imports_lightning():
    users = {room_of(path) for path in SOURCE.rglob("*.py") if "import lightning" in path.read_text()}
    assert users <= {"training"}


@pytest.mark.parametrize("heavy", ["torch", "lightning", "pandas", "matplotlib", "sklearn"])
def test_the_package_itself_loads_nothing_heavy(heavy):
    code = f"import sys, tidegate; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
