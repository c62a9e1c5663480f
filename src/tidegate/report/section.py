"""A section of a page: one run, as scores, figures, tables and code to copy, in the order in which they are read."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from tidegate.data import is_built_in
from tidegate.preparation import Reading
from tidegate.report.figures import Picture
from tidegate.report.measures import MEASURES, PARTS
from tidegate.report.settings import explained
from tidegate.tasks.run import Run

WIDEST_HEAD = 44
"""Characters above the columns of a confusion matrix that fit on a phone."""


class Score(NamedTuple):
    """A number with its name, its unit and what it was measured on."""

    name: str
    value: str
    about: str = ""


@dataclass(frozen=True)
class Pictures:
    """Figures side by side, as many as fit."""

    kind: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]


class Panel(NamedTuple):
    """One of many small figures: its caption as text, which wraps, and its drawing."""

    caption: str
    drawing: str
    """SVG or an img element."""


@dataclass(frozen=True)
class Panels:
    """Small figures of one kind."""

    kind: ClassVar[str] = "panels"
    title: str
    about: str
    panels: Sequence[Panel]
    width: str = "14rem"
    """Of a panel, at least, where there is room."""
    min_width: str = ""
    """Of a drawing, which scrolls sideways where there is less room."""
    legend: Sequence[tuple[str, str, str]] = ()
    """Of each line its name, its color and its CSS border style."""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first `texts` columns are text, the others numbers."""

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    about: str = ""
    texts: int = 1
    own: int | None = None
    """The row of this run."""
    footer: int = 0
    """Rows at the end that summarize the others."""


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix as a table whose cells are the darker, the larger their share of the row."""

    kind: ClassVar[str] = "confusion"
    title: str
    about: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]
    shares: Sequence[Sequence[float]]

    @property
    def upright(self) -> bool:
        """Whether the labels above the columns are turned, since they would make the columns wide."""
        return sum(max(4, len(label) + 1) for label in self.labels) > WIDEST_HEAD

    @staticmethod
    def color(share: float) -> str:
        """A blue that is the darker, the larger a share is."""
        return f"hsl(205 75% {96 - 62 * share**0.5:.0f}%)"


@dataclass(frozen=True)
class Texts:
    """Texts under a title, each with a caption."""

    kind: ClassVar[str] = "texts"
    title: str
    about: str
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Passage:
    """A text of colored pieces, each with `text`, `color` and `about`."""

    kind: ClassVar[str] = "passage"
    title: str
    about: str
    signs: Sequence[Any]


@dataclass(frozen=True)
class Usage:
    """Code to copy, which runs as it stands in the directory in which the page was written."""

    python: str
    console: Sequence[str]


@dataclass(frozen=True)
class Section:
    """What the page shows of one run."""

    title: str
    subtitle: str
    verdict: str
    better: bool | None
    """Whether the model is better than its baselines; none where there are none."""
    scores: Sequence[Sequence[Score]]
    """Of the test set, and of the training set."""
    facts: Sequence[Score]
    blocks: Sequence[Any]
    settings: Sequence[tuple[str, str, str]]
    """Of each setting its name, its value and what it does."""
    usage: Usage
    notes: Sequence[str] = field(default_factory=tuple)


def opened(run: Run) -> tuple[Any, Any, list[str]]:
    """The best checkpoint, the run's data as its task sees it, and a note where that has changed since."""
    model = run.model()
    material = model.material(model, run.data, Reading(**run.reading), None, None)
    return model, material, changed(run, material.fingerprint != run.data_fingerprint)


def changed(run: Run, is_changed: bool) -> list[str]:
    """A note where the data is not what the run was trained on."""
    return [f"{run.data} has changed since the model was trained; the figures show the data as it is now"] * is_changed


def chosen_by(metrics: dict[str, Any]) -> str:
    """Whose loss chose the best checkpoint: validation, or training where no data was held out."""
    return "training" if metrics["kept_by"] == "training data" else "validation"


def facts(metrics: dict[str, Any], history: Sequence[dict[str, float]], monitor: str) -> list[Score]:
    """What a section says of any finished run beside its scores.

    Args:
        monitor: the metric that chose the best checkpoint.
    """
    if chosen_by(metrics) == "training":
        chosen = f"best {monitor} on the training data; no validation data was held out"
    else:
        chosen = f"best {monitor} on {metrics['kept_by']}"
    seconds = metrics["seconds"]
    return [
        Score("best checkpoint", f"step {metrics['kept']['step']:,} of {int(history[-1]['step']):,}", chosen),
        Score("trainable parameters", f"{metrics['parameters']:,}"),
        Score("training time", duration(seconds), "wall time"),
    ]


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.4), duration(42), duration(754), duration(5000)
    ('0.4 s', '42 s', '12 min 34 s', '1 h 23 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def scores_of(metrics: dict[str, Any], keys: Sequence[str], units: dict[str, str] | None = None) -> list[Score]:
    """The scores of every part, each with its unit and how much it was measured on.

    Args:
        units: of those scores that have one of the data.
    """
    units = units or {}
    return [
        Score(
            f"{called} {MEASURES[key].name}",
            MEASURES[key].shown(metrics[part][key]),
            (f"in units of {units[key]}, " if key in units else "of ") + MEASURES[key].counted(metrics[part]),
        )
        for part, called in PARTS.items()
        for key in keys
        if metrics.get(part, {}).get(key) is not None
    ]


def section(
    run: Run,
    model: Any,
    metrics: dict[str, Any],
    history: Sequence[dict[str, float]],
    monitor: str,
    *,
    title: str,
    subtitle: str,
    verdict: tuple[bool | None, str],
    scores: Sequence[Score],
    blocks: Sequence[Any],
    usage: Usage,
    more_facts: Sequence[Score] = (),
    notes: Sequence[str] = (),
) -> Section:
    """A section, with what is the same for every task."""
    better, sentence = verdict
    return Section(
        title=title,
        subtitle=subtitle,
        verdict=sentence,
        better=better,
        scores=[[one for one in scores if one.name.startswith("training") is train] for train in (False, True)],
        facts=[*facts(metrics, history, monitor), *more_facts],
        blocks=blocks,
        settings=explained(run, model, history),
        usage=usage,
        notes=[*run.notes, *notes],
    )


def path_to(path: str | Path) -> str:
    """A path as it is typed: relative to the current directory where it lies below it.

    >>> path_to("digits")
    'digits'
    """
    if is_built_in(str(path)):
        return str(path)
    try:
        return os.fspath(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path)


def python(run: Run, *lines: str) -> str:
    """Lines of Python that begin with the loaded model."""
    return "\n".join(["import tidegate as tg", "", f"model = tg.load({path_to(run.folder)!r})", *lines])


def console(run: Run, command: str, *arguments: str) -> str:
    """A command on a run, quoted for a shell."""
    return shlex.join(["tidegate", command, path_to(run.folder), *arguments])
