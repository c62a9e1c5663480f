"""The page of a comparison: the verdict, the table beside what is said, and what can be seen inside the cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidegate.cells.description import DESCRIPTIONS
from tidegate.compare import COMPARISON, FORMAT
from tidegate.compare.verdict import is_share
from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.report import charts
from tidegate.report.charts import Chart
from tidegate.report.drawing import draw_cell
from tidegate.report.page import render

MARKS = {"confirmed": "✓", "contradicted": "✗"}
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
    write_whole(folder / "comparison.md", table, parents=True)
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
        lines.append(f"| {name} | {' | '.join(texts)} | {agreement(row)} |")
    return "\n".join(lines) + "\n"


def agreement(row: dict[str, Any]) -> str:
    """Whether what was measured agrees with what is said: `undecided` where the intervals overlap, `no claim` where
    nothing is said.
    """
    measured = any(entry is not None and entry["value"] is not None for entry in row["measured"].values())
    if row["agreement"] != "not measured" or not measured:
        return str(row["agreement"])
    return "undecided" if any(row["claim"].values()) else "no claim"


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
    if row["name"] == "score":
        low, high = max(low, 0.0), min(high, 1.0) if is_share(row["unit"]) else high
    spread = low != high
    if is_share(row["unit"]):
        percent = " %" if row["unit"] == "accuracy" else ""
        return f"{100 * value:.1f}{percent}" + (f" ({100 * low:.1f}–{100 * high:.1f})" if spread else "")
    if row["name"] == "training_speed":
        value, low, high = (float(f"{number:.3g}") for number in (value, low, high))
    form = ",.0f" if row["name"] in COUNTS else ".3g"
    return f"{value:{form}}" + (f" ({low:{form}}–{high:{form}})" if spread else "")


def _row(row: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    agrees = agreement(row)
    mark = f"{MARKS.get(agrees, '–')} {agrees}"
    remark = row["remark"]
    if row["name"] == "score" and comparison["baselines"]:
        remark = "baselines: " + ", ".join(
            f"{name} {100 * value:.1f} %" if is_share(row["unit"]) else f"{name} {value:.3g}"
            for name, value in comparison["baselines"].items()
        )
    cells = comparison["cells"]
    return row | {"shown": {cell: shown(row, cell) for cell in cells}, "mark": mark, "remark": remark}


def _setting(comparison: dict[str, Any]) -> str:
    settings, machine = comparison["settings"], comparison["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
    if not comparison["data"]:
        return f"Probes alone: layers of {settings['layer']['hidden_size']} hidden features. {where}."
    if "train" in settings:
        data = (
            f"{settings['train']:,} sequences to train with and {settings['test']:,} to test, of "
            f"{settings['steps_of_a_sequence']} steps and {settings['channels']} channels"
        )
    else:
        data = settings["data"]
    steps, seeds = f"{settings['steps']:,} optimizer steps", f"{len(settings['seeds'])} seeds"
    return f"{comparison['task'].capitalize()}: {data}; {steps}, {seeds}. Intervals are 95 %. {where}."


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
                charts.learning_curves(details["curves"], details.get("curve_metric") or metric),
                charts.gaps(details["gaps"], metric) if details["gaps"] else None,
            ],
        )
    add(
        "What is remembered",
        "One of 8 symbols is shown, then silence; the lag is how long the cell can wait and still tell it. A mark is "
        "the median over seeds, a line their range, and a triangle the longest lag that was tried.",
        [charts.horizons(details["horizons"])],
    )
    add(
        "What learning can reach",
        "How much of the last state still depends on the state k steps before it.",
        [charts.gradients(details["inside"], state) for state in ("untrained", "trained")],
    )
    add(
        "Inside, over one real test sequence",
        "x is the sequence; rows are features, columns are steps. Gates run from 0 (yellow, shut) to 1 (blue, open), "
        "states from −1 (orange) to 1 (purple).",
        [charts.traces(cell, details["inside"][cell]) for cell in trained if "traces" in details["inside"][cell][0]],
    )
    add(
        "The cells",
        "",
        [
            Chart(
                f"drawing-{cell}",
                DESCRIPTIONS[cell].title,
                DESCRIPTIONS[cell].core_operation,
                svg=draw_cell(cell),
                shape="drawing narrow",
            )
            for cell in cells
        ],
    )
    add("Speed on this machine", "", [charts.bars(rows[name]) for name in ("training_speed", "streaming_latency")])
    return sections
