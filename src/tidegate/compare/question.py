"""What is compared, checked, and kept so that a comparison can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tidegate import __version__
from tidegate.compare.budget import budget_of
from tidegate.data import is_built_in
from tidegate.errors import ConfigError, RunError
from tidegate.layers import check_cells
from tidegate.tasks.run import check_free, start_folder, task_of

FORMAT = 1
SETTINGS, TRIALS = "compare.json", "trials"
CELLS = ("rnn", "lstm", "gru")


@dataclass(frozen=True)
class Question:
    """What is compared."""

    task: str | None
    data: str | None
    cells: tuple[str, ...]
    seeds: int
    budget: str
    first_seed: int = 0

    def __post_init__(self) -> None:
        if (self.task is None) != (self.data is None):
            raise ConfigError(
                got=f"the task {self.task!r} without data", wanted="a task and data, or neither", do="name the data"
            )
        if self.task is not None:
            task_of(self.task)
        check_cells(self.cells)
        if self.seeds < 1:
            raise ConfigError(got=f"{self.seeds} seeds", wanted="at least 1, better 3", do="correct --seeds")
        budget_of(self.budget)

    def open(self, folder: Path, fingerprint: str | None, resume: bool) -> None:
        """Start a folder for this question, or check that the one to resume was started for it.

        Args:
            folder: of the comparison.
            fingerprint: of the data, if there is any.
            resume: whether the folder may exist.
        """
        asked = asdict(self) | {"cells": list(self.cells), "format": FORMAT, "data_fingerprint": fingerprint}
        if self.data is not None and not is_built_in(self.data):
            asked["data"] = str(Path(self.data).resolve())
        path = folder / SETTINGS
        if not (resume and path.exists()):
            check_free(folder)
            start_folder(folder, SETTINGS, asked)
            start_folder(folder / TRIALS, "about.json", {"tidegate": __version__})
            return
        try:
            started = json.loads(path.read_text())
        except (OSError, ValueError):
            raise RunError(
                got=f"{path} that cannot be read", wanted="a comparison's", do="pass another --out"
            ) from None
        for name, value in asked.items():
            if started.get(name) != value:
                raise RunError(
                    got=f"{name}={value!r} for a comparison that began with {started.get(name)!r}",
                    wanted="the command and the data that it began with",
                    do="leave that out, or pass another --out",
                )
