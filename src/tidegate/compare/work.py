"""Doing units of work: side by side through joblib, each result kept as soon as it is there."""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tidegate.compare.units import Unit
from tidegate.data import Dataset
from tidegate.errors import RunError
from tidegate.tasks.run import write_json


class Work:
    """Runs units, and remembers in a folder what they gave.

    Args:
        folder: where a result is kept as `KEY.json`; a unit whose result is there is not run again.
        dataset: what the units work on.
        jobs: units at once, as joblib's `n_jobs`: none for one, or for what `joblib.parallel_config` says.
        tell: called after each unit with its title.
    """

    def __init__(self, folder: Path, dataset: Dataset | None, jobs: int | None, tell: Callable[[str], None]) -> None:
        self.folder, self.dataset, self.jobs, self.tell = folder, dataset, jobs, tell

    def do(self, units: Sequence[Unit]) -> list[dict[str, Any]]:
        """The results, in the order of the units."""
        from joblib import Parallel, delayed

        missing = {unit.key: unit for unit in units if self.kept(unit.key) is None}
        for unit in units:
            if unit.key not in missing:
                self.tell(unit.title)
        # A worker is handed a few megabytes once, through joblib's memory maps, not with every unit.
        calls = (delayed(run)(unit, self.dataset) for unit in missing.values())
        with warnings.catch_warnings(), ExitStack() as stack:
            # An idle one, after five minutes; loky starts another when there is work.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
            # Of what is left undone where the work is stopped.
            warnings.filterwarnings("ignore", message=".* tasks (which were|have been)")
            with _deaf_to_ctrl_c():
                parallel = Parallel(n_jobs=self.jobs, return_as="generator_unordered")
                running = stack.enter_context(closing(parallel(calls)))
            for key, result in running:
                self.keep(key, result)
                self.tell(missing[key].title)
        results = [self.kept(unit.key) for unit in units]
        return [result for result in results if result is not None]

    def kept(self, key: str) -> dict[str, Any] | None:
        """The result of an earlier run; none where there is none."""
        path = self.folder / f"{key}.json"
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RunError(
                got=f"{path} that cannot be read ({type(error).__name__})",
                wanted="a result as it was written",
                do="delete that file and pass --resume",
            ) from None

    def keep(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result, whole or not at all."""
        write_json(self.folder / f"{key}.json", result)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start workers that Ctrl-C leaves alone: a terminal sends it to all, and this process ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Processes of multiprocessing's and loky's own, which lift the block where they start in between.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    with suppress(ImportError):
        from joblib.externals.loky.backend import resource_tracker as lokys

        lokys.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(unit: Unit, dataset: Dataset | None) -> tuple[str, dict[str, Any]]:
    """What a worker does."""
    return unit.key, unit.run(dataset)  # type: ignore[arg-type]
