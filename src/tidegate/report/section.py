"""What the pages of all tasks with a material of their own begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.preparation import Reading
from tidegate.report.page import facts
from tidegate.tasks.run import Run


def opened(run: Run) -> tuple[Any, Any, list[str]]:
    """The kept model, the run's data as its task sees it, and a note where that has changed since."""
    model = run.model()
    material = model.material(model, run.data, Reading(**run.reading), None, None)
    changed = material.fingerprint != run.data_fingerprint
    note = f"{run.data} has changed since the model was trained; the figures show it as it is now"
    return model, material, [note] * changed


def chosen_by(metrics: dict[str, Any]) -> str:
    """Whose loss chose the kept weights."""
    return "training data" if metrics["kept_by"] == "training data" else "validation"


def section(
    run: Run, title: str, metrics: dict[str, Any], history: Sequence[dict[str, float]], task: str, **own: Any
) -> dict[str, Any]:
    """What the template takes: what is the same for every task, and what this one has of its own."""
    shared = {
        "title": title,
        "task": task,
        "folder": str(run.folder),
        "classes": {},
        "classes_of": "",
        "parameters": run.parameters,
        "reading": run.reading,
        "facts": facts(metrics, history),
    }
    return {**shared, **own}
