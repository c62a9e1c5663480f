"""Charts that answer to the pointer, as plotly takes them: a color, a dash and a sign for every cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.compare.verdict import is_share
from tidegate.report.figures import BLUE, GRAY, GREEN, ORANGE

LOOK: dict[str, dict[str, str]] = {
    "rnn": {"color": BLUE, "dash": "solid", "symbol": "circle"},
    "lstm": {"color": ORANGE, "dash": "dash", "symbol": "square"},
    "gru": {"color": GREEN, "dash": "dot", "symbol": "diamond"},
}
STATES = ("h", "c", "g", "n")
"""Traces from −1 to 1; the others are gates, from 0 to 1."""
MOST_POWERS = 8
"""Labels of powers of ten beside an axis, about."""


@dataclass(frozen=True)
class Chart:
    """A figure of a page: plotly's data and layout, or a finished drawing."""

    id: str
    title: str
    alt: str
    """What it shows, for someone who does not see it."""
    data: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    svg: str = ""
    height: int = 340
    shape: str = ""


def scores(by_setting: dict[str, Any], baselines: dict[str, float], metric: str) -> Chart:
    """Every seed's test score in both settings, with the baselines as lines."""
    scale = 100 if is_share(metric) else 1
    cells = list(next(iter(by_setting.values())))
    data: list[dict[str, Any]] = []
    for k, cell in enumerate(cells):
        x, y, text = [], [], []
        for n, by_cell in enumerate(by_setting.values()):
            found = by_cell[cell]
            for seed, score in enumerate(found["scores"]):
                x.append(n + 0.25 * (k - (len(cells) - 1) / 2) + 0.05 * (seed - (len(found["scores"]) - 1) / 2))
                y.append(scale * score)
                size = f"{found['hidden_size']} hidden, {found['parameters']:,} parameters"
                text.append(f"{size}, learning rate {found['learning_rate']:g}")
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": cell.upper(), "x": x, "y": y, "text": text,
                "marker": {"color": LOOK[cell]["color"], "symbol": LOOK[cell]["symbol"], "size": 9},
                "hovertemplate": "%{y:.4g}<br>%{text}",
            }
        )  # fmt: skip
    dashes = ("dash", "dot", "dashdot")
    for (name, score), dash in zip(baselines.items(), dashes, strict=False):
        data.append(
            {
                "type": "scatter", "mode": "lines", "name": f"baseline: {name}",
                "hoverinfo": "name+y", "x": [-0.5, len(by_setting) - 0.5],
                "y": [scale * score] * 2, "line": {"color": GRAY, "dash": dash, "width": 1.5},
            }
        )  # fmt: skip
    layout = _layout("", f"test {metric} (%)" if is_share(metric) else metric)
    layout["xaxis"].update({"tickvals": list(range(len(by_setting))), "ticktext": list(by_setting), "showgrid": False})
    if is_share(metric):
        # The baselines may lie far below; the points are what is looked at.
        seen = [scale * s for by_cell in by_setting.values() for cell in by_cell.values() for s in cell["scores"]]
        seen += [scale * max(baselines.values(), default=0)]
        room = max(1.0, 0.15 * (max(seen) - min(seen)))
        layout["yaxis"]["range"] = [max(0, min(seen) - room), min(100.5, max(seen) + room)]
    else:
        layout["yaxis"]["type"] = "log"
    means = {
        setting: ", ".join(f"{c.upper()} {scale * np.mean(v['scores']):.4g}" for c, v in by_cell.items())
        for setting, by_cell in by_setting.items()
    }
    alt = f"Mean {metric}: " + "; ".join(f"at {setting} {says}" for setting, says in means.items())
    alt += "; baselines " + ", ".join(f"{name} {scale * score:.4g}" for name, score in baselines.items()) + "."
    return Chart("scores", "Test score by cell", alt, data, layout, shape="wide")


def learning_curves(curves: dict[str, list[list[list[float]]]], metric: str) -> Chart:
    """The validation score by step: the mean over seeds, and a band from the worst to the best."""
    scale = 100 if is_share(metric) else 1
    data, says = [], []
    for cell, by_seed in curves.items():
        steps = [step for step, _ in by_seed[0]]
        values = scale * np.array([[score for _, score in curve] for curve in by_seed])
        data += _band(cell, steps, values)
        says.append(f"{cell.upper()} ends at {values[:, -1].mean():.4g}")
    layout = _layout("optimizer step", f"validation {metric} (%)" if is_share(metric) else f"validation {metric}")
    if not is_share(metric):
        layout["yaxis"]["type"] = "log"
    return Chart("curves", "Learning curves, with bands over seeds", ", ".join(says) + ".", data, layout)


def gaps(by_cell: dict[str, Any], metric: str) -> Chart:
    """Training and test score against the number of training sequences."""
    scale = 100 if is_share(metric) else 1
    data, says = [], []
    for cell, by_share in by_cell.items():
        rows = sorted(by_share.values(), key=lambda row: row["trained_on"])
        n = [row["trained_on"] for row in rows]
        for part, opacity in (("test", 1.0), ("train", 0.45)):
            values = [scale * float(np.mean(row[part])) for row in rows]
            data.append(
                {
                    "type": "scatter", "mode": "lines+markers", "name": f"{cell.upper()} {part}", "x": n, "y": values,
                    "opacity": opacity, "line": {"color": LOOK[cell]["color"], "dash": LOOK[cell]["dash"]},
                    "marker": {
                        "symbol": LOOK[cell]["symbol"] + ("-open" if part == "train" else ""),
                        "color": LOOK[cell]["color"], "size": 8,
                    },
                }
            )  # fmt: skip
        gap = abs(np.mean(rows[0]["train"]) - np.mean(rows[0]["test"])) * scale
        says.append(f"with {n[0]} sequences the {cell.upper()}'s training and test score are {gap:.3g} apart")
    layout = _layout("training sequences", f"{metric} (%)" if is_share(metric) else metric)
    layout["xaxis"].update({"type": "log", "tickvals": n, "ticktext": [f"{k:,}" for k in n]})
    if not is_share(metric):
        layout["yaxis"]["type"] = "log"
    return Chart(
        "gaps", "Training score (open) and test score (filled) by amount of data", "; ".join(says) + ".", data, layout
    )


def horizons(by_cell: dict[str, Any]) -> Chart:
    """The longest lag solved, for every cell and initialization: the median seed, and the range."""
    data, says, names = [], [], []
    for cell, by_initialization in by_cell.items():
        x, y, low, high, text, open_ = [], [], [], [], [], []
        for name, chains in by_initialization.items():
            reached = sorted(max((a["lag"] for a in chain if a["solved"]), default=1) for chain in chains)
            middle = reached[(len(reached) - 1) // 2]
            label = f"{cell.upper()}, {name}"
            tried = max(a["lag"] for chain in chains for a in chain)
            beyond = all(chain[-1]["solved"] for chain in chains)
            names.append(label)
            x.append(middle)
            y.append(label)
            low.append(middle - reached[0])
            high.append(reached[-1] - middle)
            open_.append(beyond)
            solved = f"{middle:,}" if middle > 1 else "none"
            text.append(f"solved {solved}; longest tried {tried:,}")
            says.append(f"{label} {solved}{' or more' if beyond else ''}")
        symbols = ["triangle-right" if beyond else LOOK[cell]["symbol"] for beyond in open_]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": cell.upper(), "x": x, "y": y, "text": text,
                "hovertemplate": "%{y}: %{text}",
                "marker": {"color": LOOK[cell]["color"], "symbol": symbols, "size": 11},
                "error_x": {"type": "data", "symmetric": False, "array": high, "arrayminus": low, "thickness": 1.5},
            }
        )  # fmt: skip
    layout = _layout("longest lag solved (steps)", "")
    layout["xaxis"].update({"type": "log", "range": [-0.1, 4.7], "dtick": 1})
    layout["yaxis"].update({"categoryorder": "array", "categoryarray": names[::-1], "automargin": True})
    title = "Memory horizon by cell and initialization"
    return Chart("horizons", title, "; ".join(says) + ".", data, layout, height=120 + 34 * len(names), shape="wide")


def gradients(inside: dict[str, list[dict[str, Any]]], state: str) -> Chart | None:
    """The norm of the gradient against the lag, mean over seeds; none where it was not measured."""
    data, says = [], []
    for cell, looks in inside.items():
        if any(state not in look["gradients"] for look in looks):
            continue
        values = np.maximum(np.array([look["gradients"][state] for look in looks]), 1e-30)
        data += _band(cell, list(range(values.shape[1])), values, mean=lambda v: np.exp(np.log(v).mean(axis=0)))
        life = np.exp(np.mean([np.log(max(look["half_life"][state], 1e-2)) for look in looks]))
        says.append(f"{cell.upper()} halves every {life:.3g} steps")
    if not data:
        return None
    layout = _layout("lag k (steps)", "‖∂h(T)/∂s(T−k)‖, relative")
    least = min(min(filter(None, line["y"]), default=1.0) for line in data)
    # A label for every power of ten, as long as they fit.
    every = max(1, round(-math.log10(least) / MOST_POWERS))
    layout["yaxis"].update(
        {"type": "log", "exponentformat": "power", "dtick": every, "minor": {"showgrid": every == 1}}
    )
    titles = {"untrained": "Gradient against lag, before training", "trained": "Gradient against lag, after training"}
    return Chart(f"gradients-{state}", titles[state], ", ".join(says) + ".", data, layout)


def traces(cell: str, looks: list[dict[str, Any]]) -> Chart | None:
    """Every gate and state of a trained cell over one sequence, as heat maps one below the other."""
    found = looks[0].get("traces")
    if not found:
        return None
    n = len(found)
    data: list[dict[str, Any]] = []
    layout = _layout("", "")
    del layout["xaxis"], layout["yaxis"]
    gap = 0.05
    for k, (name, values) in enumerate(found.items()):
        suffix = "" if k == 0 else str(k + 1)
        top = 1 - k * (1 + gap) / (n + gap * (n - 1))
        bottom = max(0.0, top - 1 / (n + gap * (n - 1)))
        is_state = name in STATES
        scale = {} if name == "x" else {"zmin": -1 if is_state else 0, "zmax": 1}
        data.append(
            {
                "type": "heatmap", "z": values, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "name": name,
                **scale, "colorscale": DIVERGING if is_state else SEQUENTIAL, "showscale": False,
                "hovertemplate": f"{name} of feature %{{y}} at step %{{x}}: %{{z}}<extra></extra>",
            }
        )  # fmt: skip
        layout[f"yaxis{suffix}"] = {"domain": [bottom, top], "title": {"text": name}, "showticklabels": False}
        layout[f"xaxis{suffix}"] = {"anchor": f"y{suffix}", "showticklabels": k == n - 1, "matches": "x" if k else None}
        if k == n - 1:
            layout[f"xaxis{suffix}"]["title"] = {"text": "step"}
    layout["xaxis"].pop("matches")
    layout["showlegend"] = False
    saturated = looks[0]["saturated"]
    says = [f"{name} is shut or open {100 * share:.0f} % of the time" for name, share in saturated.items()]
    alt = ", ".join(says) + "." if says else "A single state."
    title = f"{cell.upper()}: gates and states"
    return Chart(f"traces-{cell}", title, alt, data, layout, height=60 + 85 * n, shape="narrow")


def bars(row: dict[str, Any]) -> Chart:
    """A measured row of the table as bars with their range."""
    data, says = [], []
    for cell, entry in row["measured"].items():
        if entry is None or entry["value"] is None:
            continue
        value, low, high = entry["value"], entry["low"], entry["high"]
        data.append(
            {
                "type": "bar", "name": cell.upper(), "x": [cell.upper()], "y": [value],
                "marker": {"color": LOOK[cell]["color"]}, "hovertemplate": "%{y:,.4g}<extra></extra>",
                "error_y": {"type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low]},
            }
        )  # fmt: skip
        says.append(f"{cell.upper()} {value:,.4g}")
    layout = _layout("", row["unit"])
    layout["showlegend"] = False
    return Chart(row["name"], row["title"], f"{', '.join(says)} {row['unit']}.", data, layout, height=280)


def _band(cell: str, x: Sequence[float], values: np.ndarray, mean: Any = None) -> list[dict[str, Any]]:
    """The mean over seeds as a line, and the range as a band below it."""
    look = LOOK[cell]
    middle = values.mean(axis=0) if mean is None else mean(values)
    band = [*map(_short, values.max(axis=0)), *map(_short, values.min(axis=0)[::-1])]
    return [
        {
            "type": "scatter", "mode": "lines", "x": [*x, *x[::-1]], "y": band, "fill": "toself", "hoverinfo": "skip",
            "fillcolor": look["color"], "opacity": 0.15, "line": {"width": 0}, "showlegend": False, "legendgroup": cell,
        },
        {
            "type": "scatter", "mode": "lines", "name": cell.upper(), "x": list(x), "y": [*map(_short, middle)],
            "line": {"color": look["color"], "dash": look["dash"], "width": 2.2}, "legendgroup": cell,
            "hovertemplate": "%{y:.4g}",
        },
    ]  # fmt: skip


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def _layout(x: str, y: str) -> dict[str, Any]:
    axis = {"gridcolor": "#dddddd", "zeroline": False, "automargin": True}
    return {
        "margin": {"l": 55, "r": 12, "t": 10, "b": 45},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {**axis, "title": {"text": x}},
        "yaxis": {**axis, "title": {"text": y, "standoff": 12}},
    }


# Dark is more, told apart without color vision: cividis (Nuñez et al. 2018), and purple against orange.
SEQUENTIAL = [(0.0, "#fdea45"), (0.25, "#bcaf6f"), (0.5, "#7c7b78"), (0.75, "#3b496c"), (1.0, "#00224e")]
DIVERGING = [(0.0, "#b35806"), (0.25, "#fdb863"), (0.5, "#f7f7f7"), (0.75, "#b2abd2"), (1.0, "#542788")]
