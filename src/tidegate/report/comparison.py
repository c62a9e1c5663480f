"""The page of a comparison: the verdict, the measurements beside the common claims, and what happens in the cells."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tidegate.cells.description import DESCRIPTIONS
from tidegate.compare import COMPARISON, FORMAT
from tidegate.compare.table import REFERENCES, ROWS
from tidegate.compare.verdict import is_share
from tidegate.errors import RunError
from tidegate.files import write_whole
from tidegate.layers import weights_called
from tidegate.report import charts
from tidegate.report.charts import Chart
from tidegate.report.drawing import draw_cell
from tidegate.report.measures import MEASURES
from tidegate.report.page import render
from tidegate.report.plots import WEIGHTS

MARKS = {"confirmed": "✓", "contradicted": "✗"}
ABOUT = {row.name: row for row in ROWS}


def write_comparison(comparison: dict[str, Any], folder: Path) -> Path:
    """Write `report.html` and `comparison.md` from the content of `comparison.json`; return the path of the page.

    Raises RunError where they cannot be written.
    """
    from plotly.offline import get_plotlyjs

    sections = _sections(comparison)
    drawn = {
        chart.id: {"data": chart.data, "layout": chart.layout} for s in sections for chart in s["charts"] if chart.data
    }
    table = f"{markdown(comparison)}\n{notes(comparison)}\n"
    write_whole(folder / "comparison.md", table, parents=True)
    html = render(
        "comparison.html.j2",
        title=f"Which cell for {comparison['data']}?" if comparison["data"] else "RNN, LSTM and GRU, measured",
        verdict=comparison["verdict"]["sentence"],
        setting=_setting(comparison),
        cells=comparison["cells"],
        rows=[_row(row, comparison) for row in comparison["rows"]],
        notes=notes(comparison),
        sections=sections,
        references=REFERENCES,
        facts=_facts(comparison),
        markdown=table,
        plotly=get_plotlyjs(),
        # In a script, "</" would end it.
        charts=json.dumps(drawn, separators=(",", ":")).replace("</", "<\\/"),
    )
    return write_whole(folder / "report.html", html)


def read_comparison(folder: Path) -> dict[str, Any]:
    """The content of a comparison's folder; RunError where it cannot be read."""
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

    >>> row = {"name": "gates", "unit": "gates", "agreement": "confirmed", "claim": {"gru": "2"},
    ...        "measured": {"gru": {"value": 2, "low": 2, "high": 2, "seeds": 3}}}
    >>> print(markdown({"cells": ["gru"], "rows": [row]}))
    | | GRU | agreement | literature |
    |---|---|---|---|
    | Gates | 2 gates (claim: 2) | confirmed | Hochreiter & Schmidhuber 1997; Gers et al. 2000; Cho et al. 2014 |
    <BLANKLINE>
    """
    cells = comparison["cells"]
    lines = [
        "| | " + " | ".join(cell.upper() for cell in cells) + " | agreement | literature |",
        "|---" * (len(cells) + 3) + "|",
    ]
    for row in comparison["rows"]:
        about = ABOUT[row["name"]]
        name = ": ".join(filter(None, [about.title, measure(row)]))
        texts = [_cell(row, cell) for cell in cells]
        lines.append(f"| {name} | {' | '.join(texts)} | {agreement(row)} | {about.sources} |")
    return "\n".join(lines) + "\n"


def notes(comparison: dict[str, Any]) -> str:
    """How the intervals in the table are made."""
    seeds = max(
        (entry["seeds"] for row in comparison["rows"] for entry in row["measured"].values() if entry), default=1
    )
    if seeds < 2:
        return "With one seed there are no intervals."
    return (
        f"In parentheses: for scores, gaps and half-lives the 95 % confidence interval of the mean over {seeds} seeds "
        "(Student's t), cut off where the measure ends, such as at 0 and 100 % for an accuracy; for the longest lag "
        f"recalled the smallest and the largest of the {seeds} seeds; for times the slowest and the fastest of {seeds} "
        "medians."
    )


def measure(row: dict[str, Any]) -> str:
    """The quantity of a row; empty where its title names it."""
    if row["name"] == "score" and row["unit"]:
        unit = row["unit"]
        return f"{MEASURES[unit].name if unit in MEASURES else unit} on the test set"
    if row["name"] == "generalization_gap":
        return "training accuracy minus test accuracy" if is_share(row["unit"]) else "test error over training error"
    return ABOUT[row["name"]].measure


LONGEST_HALF_LIFE = 2000
"""Ten times the longest lag at which gradients are followed: longer ones cannot be told apart."""


def agreement(row: dict[str, Any]) -> str:
    """Whether the measurement agrees with the claim: `undecided` where the intervals overlap, `no claim` where there is
    none.
    """
    measured = any(entry is not None and entry["value"] is not None for entry in row["measured"].values())
    if row["agreement"] != "not measured" or not measured:
        return str(row["agreement"])
    return "undecided" if any(row["claim"].values()) else "no claim"


def _cell(row: dict[str, Any], cell: str) -> str:
    claim = row["claim"][cell]
    return shown(row, cell) + (f" (claim: {claim})" if claim else "")


def shown(row: dict[str, Any], cell: str) -> str:
    """A measured value with its unit, and its interval in parentheses."""
    entry = row["measured"][cell]
    if entry is None:
        return "–"
    if "failed" in entry:
        return f"failed: {entry['failed']}"
    if entry["value"] is None:
        return "–"
    if "words" in entry:
        return str(entry["words"])
    if row["name"] == "memory_horizon":
        more = " or more" if entry["at_least"] else ""
        unit = f" steps{more} with {weights_called(entry['initialization'])} weights"
        return _with_interval(entry, unit, lambda value: f"{value:,.0f}")
    form, unit = _form(row)
    return _with_interval(entry, unit, form)


def _with_interval(entry: dict[str, Any], unit: str, form: Callable[[float], str]) -> str:
    value, low, high = (form(entry[name]) for name in ("value", "low", "high"))
    return f"{value}{unit}" + (f" ({low}–{high})" if low != high else "")


def _form(row: dict[str, Any]) -> tuple[Callable[[float], str], str]:
    """How a row's numbers are written, and the unit behind them."""
    share = is_share(row["unit"])
    match row["name"]:
        case "gates":
            return "{:.0f}".format, " gates"
        case "macs_per_step":
            return "{:,.0f}".format, " multiply-adds"
        case "parameters":
            return "{:,.0f}".format, " parameters"
        case "gradient_half_life":
            return lambda value: _three_digits(min(value, LONGEST_HALF_LIFE)), " steps"
        case "training_speed":
            return _three_digits, " sequences/s"
        case "streaming_latency":
            return "{:.3g}".format, " µs"
        case "generalization_gap" if share:
            return lambda value: f"{100 * min(1.0, max(-1.0, value)):.1f}", " points"
        case "generalization_gap":
            return lambda value: f"{10**value:.3g}", "×"
        case "score" if share:
            return lambda value: f"{100 * min(1.0, max(0.0, value)):.1f}", " %" if row["unit"] == "accuracy" else ""
        case "score":
            return lambda value: f"{max(0.0, value):.3g}", ""
    return "{:.3g}".format, ""


def _three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def _row(row: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    agrees = agreement(row)
    about = ABOUT[row["name"]]
    remark = row["remark"]
    if row["name"] == "score" and comparison["baselines"]:
        remark = "baselines: " + ", ".join(
            f"{name} {100 * value:.1f} %" if is_share(row["unit"]) else f"{name} {value:.3g}"
            for name, value in comparison["baselines"].items()
        )
    return row | {
        "title": about.title,
        "measure": measure(row),
        "sources": about.sources,
        "how": about.how,
        "shown": {cell: shown(row, cell) for cell in comparison["cells"]},
        "mark": f"{MARKS.get(agrees, '–')} {agrees}",
        "remark": remark,
    }


def _setting(comparison: dict[str, Any]) -> str:
    settings, machine = comparison["settings"], comparison["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
    if not comparison["data"]:
        return f"Without data: layers of {settings['layer']['hidden_size']} hidden features. {where}."
    if "train" in settings:
        data = (
            f"{settings['train']:,} training sequences and {settings['test']:,} test sequences of "
            f"{settings['steps_of_a_sequence']} steps and {settings['channels']} channels"
        )
    else:
        data = settings["data"]
    steps, seeds = f"{settings['steps']:,} optimizer steps", f"{len(settings['seeds'])} seeds"
    return f"{comparison['task'].capitalize()}: {data}; {steps}, {seeds}. {where}."


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
            "Each point is one training with its own seed. Horizontal lines are the baselines.",
            [
                charts.scores(details["scores"], comparison["baselines"], metric),
                charts.learning_curves(details["curves"], details.get("curve_metric") or metric),
                charts.gaps(details["gaps"], metric) if details["gaps"] else None,
            ],
        )
    add(
        "Memory",
        "The first step shows one of 8 symbols; after a lag of blank steps the cell must name it. Marks are the median "
        "over seeds, lines their range, and triangles the longest lag tried. “torch” is torch.nn's default "
        "initialization.",
        [charts.horizons(details["horizons"])],
    )
    add(
        "Gradients through time",
        f"How strongly the last output depends on the state k steps earlier. {WEIGHTS}",
        [charts.gradients(details["inside"], state) for state in ("untrained", "trained")],
    )
    add(
        "Gates and states over one test sequence",
        "x is the input; rows are features, columns are steps. Gates run from 0 (yellow, closed) to 1 (blue, open), "
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
                svg=draw_cell(cell, title=False),
                shape="drawing narrow",
            )
            for cell in cells
        ],
    )
    add(
        "Speed on this machine",
        "Bars are medians, lines run from the slowest to the fastest round.",
        [charts.bars(rows[name]) for name in ("training_speed", "streaming_latency")],
    )
    return sections
