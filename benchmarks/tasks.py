"""The tasks on text and sound: what each scores with its defaults, and how long a training step takes.

    python -m benchmarks.tasks FOLDER [--what scores,steps] [--tasks language,translation,digits,speech]

FOLDER holds the data sets as `USES` names them. `scores` trains each with the command that the page shows, once for
each seed; `--finished TASK=RUN` adds a run that the command has made already. `steps` takes one training step of the
same network on the same batches with our kernels and with torch.nn's, in turns. Rows are added to results/tasks.jsonl,
and the page docs/measured/tasks.md is written from all that it holds; of what was measured more than once, the last row
counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.rows import REPOSITORY, RESULTS, Recorder, Row, beside_load, names, read_file, times, use_threads
from tidegate import use_backend
from tidegate.preparation import Reading
from tidegate.probes.race import Entry, race
from tidegate.tasks.load import TASKS
from tidegate.tasks.run import Run, fit_run, open_run
from tidegate.training.data import Batch, RecurrentData
from tidegate.training.settings import Plan

PAGE, ROWS = REPOSITORY / "docs" / "measured" / "tasks.md", RESULTS / "tasks.jsonl"
CELLS = ("rnn", "lstm", "gru")
BATCHES = 4
"""That a step is timed over, one after the other."""


@dataclass(frozen=True)
class Use:
    """A task on a data set."""

    task: str
    title: str
    score: str
    """The metric of the test part."""
    command: str
    """As a person types it."""
    open: Callable[[Path, Path], str]
    """From the folder of data and one to unpack into, to the source."""
    reading: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


def shakespeare(data: Path, into: Path) -> str:
    return str(data / "tinyshakespeare" / "input.txt")


def multi30k(data: Path, into: Path) -> str:
    return str(data / "multi30k")


def fsdd(data: Path, into: Path) -> str:
    """The recordings in folders by part: numbers 0 to 4 of each speaker and digit are the test part."""
    with zipfile.ZipFile(data / "fsdd" / "fsdd-v1.0.10.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".wav"):
                number = int(Path(name).stem.rpartition("_")[2])
                target = into / ("test" if number <= 4 else "train") / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    return str(into)


def an4(data: Path, into: Path) -> str:
    with zipfile.ZipFile(data / "an4" / "an4_feat.zip") as archive:
        archive.extractall(into)
    return str(next(path.parent for path in into.rglob("etc") if path.is_dir()))


USES = {
    "language": Use(
        "language", "tiny Shakespeare, characters, the last 10 %", "nats_per_character",
        "tidegate fit language input.txt", shakespeare,
    ),
    "translation": Use(
        "translation", "Multi30k, English to German, test 2016", "bleu",
        "tidegate fit translation multi30k --source en --target de", multi30k, {"source": "en", "target": "de"},
    ),
    "digits": Use(
        "classification", "FSDD, spoken digits, recordings 0 to 4", "accuracy",
        "tidegate fit classification fsdd", fsdd,
    ),
    "speech": Use(
        "speech", "AN4, its test part", "wer",
        "tidegate fit speech an4", an4,
    ),
}  # fmt: skip
SCORES = {
    "nats_per_character": ("nats a character", "{:.3f}"),
    "bleu": ("BLEU", "{:.1f}"),
    "accuracy": ("accuracy", "{:.2%}"),
    "wer": ("word error rate", "{:.2%}"),
}
"""What a metric is called, and how it is written."""


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.tasks", description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", help="of the data (default: none, to write the page alone)")
    options.add_argument("--what", type=names, default=["scores", "steps"], help="of scores,steps (default: both)")
    options.add_argument("--tasks", type=names, default=list(USES), help=f"of {','.join(USES)} (default: all)")
    options.add_argument("--cells", type=names, help="of rnn,lstm,gru (default: each task's own; all for steps)")
    options.add_argument("--seeds", type=int, default=1, help="trainings of each (default: %(default)s)")
    options.add_argument("--steps", type=int, help="of training (default: each task's own)")
    options.add_argument("--seconds", type=float, default=30.0, help="of rounds a step (default: %(default)s)")
    options.add_argument("--threads", type=int, help="(default: one a core)")
    options.add_argument(
        "--finished", type=names, default=[], help="TASK=RUN: finished runs with all defaults, whose scores are added"
    )
    options.add_argument("--out", type=Path, default=ROWS, help="rows are added to this file")
    options.add_argument("--page", type=Path, default=PAGE, help="is written from the rows (default: %(default)s)")
    given = options.parse_args(arguments)
    for option, known in (("tasks", USES), ("what", ("scores", "steps")), ("cells", CELLS)):
        if unknown := set(getattr(given, option) or ()) - set(known):
            raise SystemExit(f"got --{option} {', '.join(sorted(unknown))}; wanted some of {', '.join(known)}")
    if given.folder is not None:
        use_threads(given.threads)
        recorder = Recorder(given.out)
        for name in given.tasks:
            with opened(USES[name], given.folder) as source:
                if "scores" in given.what:
                    score(name, source, given, recorder)
                if "steps" in given.what:
                    step(name, source, given, recorder)
    for pair in given.finished:
        name, _, folder = pair.partition("=")
        if name not in USES:
            raise SystemExit(f"got --finished {pair}; wanted TASK=RUN, TASK of {', '.join(USES)}")
        add(name, open_run(Path(folder)), Recorder(given.out))
    given.page.write_text(page(read_file(given.out)))


@contextmanager
def opened(use: Use, folder: Path) -> Iterator[str]:
    """The source of a use, unpacked for as long as it is needed."""
    with tempfile.TemporaryDirectory() as into:
        yield use.open(folder, Path(into))


def score(name: str, source: str, given: argparse.Namespace, recorder: Recorder) -> None:
    """Train with all defaults, a row for each cell and seed."""
    use = USES[name]
    own = TASKS[use.task]().cell
    for cell in given.cells or [own]:
        for seed in range(given.seeds):
            parameters = {**use.parameters, "cell": cell, "seed": seed}
            if given.steps:
                parameters["steps"] = given.steps
            begun = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                reading = Reading(**use.reading)
                run = fit_run(use.task, source, parameters, Path(folder) / "run", reading=reading, progress=False)
                assert run is not None
                record(name, run, time.perf_counter() - begun, recorder)


def add(name: str, run: Run, recorder: Recorder) -> None:
    """Add a run that was made before; SystemExit where it is not one with all defaults."""
    use = USES[name]
    own = TASKS[use.task](**use.parameters, cell=run.parameters["cell"], seed=run.parameters["seed"])
    defaults = json.loads(json.dumps(own.parameters_as_json()))
    if run.parameters["steps"] is not None and own.settings().steps == run.parameters["steps"]:
        defaults["steps"] = run.parameters["steps"]
    if run.parameters != defaults:
        raise SystemExit(f"got {run.folder} with other parameters; wanted the defaults; do train it again")
    record(name, run, run.metrics["seconds"], recorder)


def record(name: str, run: Run, seconds: float, recorder: Recorder) -> None:
    """Add a row with the scores of a run, and print it."""
    metrics, cell, seed = run.metrics, run.parameters["cell"], run.parameters["seed"]
    score = round(float(metrics["test"][USES[name].score]), 5)
    recorder.add(
        name, "task", "tidegate", cell=cell, seed=seed, score=score, seconds=round(seconds, 1),
        steps=metrics["kept"]["step"], parameters=metrics["parameters"], n=metrics["test"]["n"],
    )  # fmt: skip
    print(f"{name:<12}{cell:<5} seed {seed}  {USES[name].score} {score:.4f}  {seconds:.0f} s", flush=True)


def step(name: str, source: str, given: argparse.Namespace, recorder: Recorder) -> None:
    """Time a training step with our kernels and with torch.nn's, in turns; a row for each."""
    use = USES[name]
    for cell in given.cells or CELLS:
        estimator = TASKS[use.task](**use.parameters, cell=cell)
        material = estimator.material(estimator, source, Reading(**use.reading), None, {})
        train, _ = material.set_up(estimator)
        settings = estimator._settings_of(train)
        data = RecurrentData(train, train, Plan.of(settings, len(train)), settings)
        batches = [data.training_batch(n) for n in range(BATCHES)]
        learner = estimator.learner()
        learner.network.train()
        optimizer = torch.optim.AdamW(learner.network.parameters(), lr=0.0, fused=True)
        entries = {
            backend: Entry(stepper(learner, optimizer, batches, ours), lambda found: {})
            for backend, ours in (("tidegate", "auto"), ("torch", "torch"))
        }
        found = race(entries, seconds=given.seconds, rounds=50)
        for backend, seconds in found.items():
            recorder.add(name, "task step", backend, cell=cell, **times([one / BATCHES for one in seconds]))
        ours, theirs = (1000 * statistics.median(found[one]) / BATCHES for one in ("tidegate", "torch"))
        print(f"{name:<12}{cell:<5} {theirs:.1f} ms by torch.nn, {ours:.1f} ms: {theirs / ours:.2f}x", flush=True)


def stepper(learner: Any, optimizer: Any, batches: list[Batch], backend: str) -> Callable[[], None]:
    """What takes one step on each batch; the weights stay as they are."""

    def run() -> None:
        with use_backend(backend):
            for batch in batches:
                losses = [learner.losses(learner.output(part), part) for part in batch.parts]
                optimizer.zero_grad()
                (sum(losses[1:], losses[0]) * batch.weight).backward()
                optimizer.step()

    return run


def page(rows: list[Row]) -> str:
    """The page of these rows."""
    last: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: row["when"]):
        last[row["mode"], row["what"], row["cell"], row.get("seed"), row["backend"]] = row
    sections = [HEAD]
    if last:
        places = {
            f"{row['cpu']}, {row['cores']} cores, {row['threads']} threads, torch {row['torch']}, commit "
            f"{row['commit']}{', changed' if row['dirty'] else ''}{beside_load(row)}"
            for row in last.values()
        }
        sections.append("Measured on " + "; ".join(sorted(places)) + ".")
    for section in (scores([row for row in last.values() if row["mode"] == "task"]), steps(last)):
        if section:
            sections.append(section)
    return "\n\n".join(sections) + "\n"


HEAD = """# Text and sound, measured

This page is written by `python -m benchmarks.tasks FOLDER` from the rows in `benchmarks/results/tasks.jsonl`."""


def scores(rows: list[Row]) -> str:
    """A line for each use and cell."""
    lines = []
    for name, use in USES.items():
        for cell in CELLS:
            found = [row for row in rows if (row["what"], row["cell"]) == (name, cell)]
            if not found:
                continue
            metric, form = SCORES[use.score]
            values = [row["score"] for row in found]
            shown = form.format(statistics.mean(values))
            if len(values) > 1:
                shown += f" ({form.format(min(values))} to {form.format(max(values))}, {len(values)} seeds)"
            minutes = statistics.mean(row["seconds"] for row in found) / 60
            size = f"{found[0]['parameters'] / 1e6:.1f} M"
            lines.append([use.title, f"`{use.command}`", cell.upper(), size, f"{metric} {shown}", f"{minutes:.1f}"])
    if not lines:
        return ""
    head = ["data", "command", "cell", "parameters", "test", "minutes"]
    return "## Scores with all defaults\n\n" + table(head, lines, left=2)


def steps(last: dict[tuple[Any, ...], Row]) -> str:
    """A line for each use and cell that both backends were timed on."""
    lines = []
    for name, use in USES.items():
        for cell in CELLS:
            ours, theirs = (last.get(("task step", name, cell, None, backend)) for backend in ("tidegate", "torch"))
            if ours and theirs:
                ms = [row["ms"]["p50"] for row in (theirs, ours)]
                lines.append([use.title, cell.upper(), *(f"{one:.1f} ms" for one in ms), f"{ms[0] / ms[1]:.2f}×"])
    if not lines:
        return ""
    about = (
        "One step of training (forward, loss, backward, update) of the same network on the same batches, in turns: the "
        "rest of the step, such as the output layer, is the same for both."
    )
    head = ["data", "cell", "torch.nn", "tidegate", ""]
    return f"## A training step\n\n{about}\n\n" + table(head, lines, left=2)


def table(head: list[str], lines: list[list[str]], left: int) -> str:
    """A table of Markdown, its first columns to the left."""
    marks = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, marks, *lines))


if __name__ == "__main__":
    main()
