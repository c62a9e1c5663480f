"""The page of a comparison: the verdict, the table beside what is said, and what can be seen inside the cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidegate.compare import COMPARISON, FORMAT
from tidegate.errors import RunError
from tidegate.report import charts
from tidegate.report.charts import Chart
from tidegate.report.page import render, write_whole

MARKS = {"confirmed": "✓", "contradicted": "✗", "not measured": "–"}
COUNTS = ("gates", "macs_per_step", "parameters", "training_speed")


def write_comparison(comparison: dict[str, Any], folder: Path) -> Path:
    """Write `report.html` and `comparison.md` from what `comparison.json` holds; return the page's path.

    Raises RunError where they cannot be written.
    """
    from plotly.offline import get_plotlyjs

    sections = _sections(comparison)
    drawn = {
        chart.id: {"data": chart.data, "layout": chart.layout} for s in sections for chart in s["charts"] if chart.data
    }
    table = markdown(comparison)
    write_whole(folder / "comparison.md", table)
    html = render(
        "comparison.html.j2",
        title=f"Which cell for {comparison['data']}?" if comparison["data"] else "RNN, LSTM and GRU, measured",
        verdict=comparison["verdict"]["sentence"],
        setting=_setting(comparison),
        cells=comparison["cells"],
        rows=[_row(row, comparison) for row in comparison["rows"]],
        sections=sections,
        facts=_facts(comparison),
        markdown=table,
        plotly=get_plotlyjs(),
        # In a script, "</" would end it.
        charts=json.dumps(drawn, separators=(",", ":")).replace("</", "<\\/"),
    )
    return write_whole(folder / "report.html", html)


def read_comparison(folder: Path) -> dict[str, Any]:
    """What a comparison left in its folder; RunError where it cannot be read."""
    path = folder / COMPARISON
    try:
        comparison = json.loads(path.read_text())
        if comparison["format"] != FORMAT:
            raise RunError(
                got=f"{path} of format {comparison['format']}", wanted=f"format {FORMAT}", do="install that version"
            )
        return comparison
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            got=f"{path} that cannot be read ({type(error).__name__})",
            wanted="a finished comparison",
            do="finish it with --resume",
        ) from None


def markdown(comparison: dict[str, Any]) -> str:
    """The table, to paste.

    >>> row = {"name": "gates", "title": "Gates", "unit": "gates", "agreement": "confirmed",
    ...        "claim": {"gru": "2"}, "measured": {"gru": {"value": 2, "low": 2, "high": 2, "seeds": 3}}}
    >>> print(markdown({"cells": ["gru"], "rows": [row]}))
    | | GRU | agreement |
    |---|---|---|
    | Gates (gates) | 2 (said: 2) | confirmed |
    <BLANKLINE>
    """
    cells = comparison["cells"]
    lines = [
        "| | " + " | ".join(cell.upper() for cell in cells) + " | agreement |",
        "|---" * (len(cells) + 2) + "|",
    ]
    for row in comparison["rows"]:
        name = f"{row['title']} ({row['unit']})" if row["unit"] else row["title"]
        texts = [_cell(row, cell) for cell in cells]
        lines.append(f"| {name} | {' | '.join(texts)} | {row['agreement']} |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], cell: str) -> str:
    said = row["claim"][cell]
    return shown(row, cell) + (f" (said: {said})" if said else "")


def shown(row: dict[str, Any], cell: str) -> str:
    """A measured value in words."""
    entry = row["measured"][cell]
    if entry is None:
        return "–"
    if "failed" in entry:
        return f"failed: {entry['failed']}"
    value, low, high = entry["value"], entry["low"], entry["high"]
    if value is None:
        return "–"
    if "words" in entry:
        return entry["words"]
    if row["name"] == "memory_horizon":
        more = " or more" if entry["at_least"] else ""
        return f"{value:,}{more} ({entry['initialization']})"
    spread = low != high
    if row["unit"] == "accuracy":
        return f"{100 * value:.1f} %" + (f" ({100 * low:.1f}–{100 * high:.1f})" if spread else "")
    form = ",.0f" if row["name"] in COUNTS else ".3g"
    return f"{value:{form}}" + (f" ({low:{form}}–{high:{form}})" if spread else "")


def _row(row: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "shown": {cell: shown(row, cell) for cell in comparison["cells"]},
        "mark": MARKS[row["agreement"]],
    }


def _setting(comparison: dict[str, Any]) -> str:
    settings, machine = comparison["settings"], comparison["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
    if not comparison["data"]:
        return f"Probes alone: layers of {settings['layer']['hidden_size']} hidden features. {where}."
    return (
        f"{comparison['task'].capitalize()}: {settings['train']:,} sequences to train with and {settings['test']:,} to "
        f"test, of {settings['steps_of_a_sequence']} steps and {settings['channels']} channels; "
        f"{settings['steps']:,} optimizer steps, {len(settings['seeds'])} seeds. Intervals are 95 %. {where}."
    )


def _facts(comparison: dict[str, Any]) -> dict[str, str]:
    facts = {name.replace("_", " "): json.dumps(value) for name, value in comparison["settings"].items()}
    return facts | {name: str(value) for name, value in comparison["machine"].items()}


def _sections(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    details, cells = comparison["details"], comparison["cells"]
    rows = {row["name"]: row for row in comparison["rows"]}
    trained = [cell for cell in cells if cell in details["curves"]]
    metric = rows["score"]["unit"]
    sections: list[dict[str, Any]] = []

    def add(title: str, text: str, shown: Sequence[Chart | None]) -> None:
        if present := [chart for chart in shown if chart is not None]:
            sections.append({"title": title, "text": text, "charts": present})

    if trained:
        add(
            "Scores",
            "Every point is a training with another seed; lines are the baselines that a recurrent network must beat.",
            [
                charts.scores(details["scores"], comparison["baselines"], metric),
                charts.learning_curves(details["curves"], metric),
                charts.gaps(details["gaps"], metric),
            ],
        )
    add(
        "What is remembered",
        "One of 8 symbols is shown, then silence; the lag is how long the cell can wait and still tell it.",
        [charts.horizons(details["horizons"])],
    )
    add(
        "What learning can reach",
        "How much of the last state still depends on the state k steps before it.",
        [charts.gradients(details["inside"], state) for state in ("untrained", "trained")],
    )
    add(
        "Inside, over one real test sequence",
        "Rows are hidden features, columns are steps. Gates run from 0 (shut) to 1 (open), states from −1 to 1.",
        [charts.traces(cell, details["inside"][cell]) for cell in trained],
    )
    add("Speed on this machine", "", [charts.bars(rows[name]) for name in ("training_speed", "streaming_latency")])
    return sections
