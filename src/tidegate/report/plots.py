"""Plots for slides that explain the cells, from measurements that need no data: gradients, memory and gates."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tidegate.cells.description import DESCRIPTIONS
from tidegate.files import write_whole
from tidegate.probes.teaching import Adder, Level
from tidegate.report.charts import DIVERGING, LOOK, SEQUENTIAL, STATES
from tidegate.report.drawing import ending_of
from tidegate.report.figures import GRAY

WEIGHTS = (
    "With default weights the gates start about half open, and the gradient halves every few steps; chrono weights "
    "(Tallec & Ollivier 2018) set the gate biases so that the cell starts by keeping its state over the lags to be "
    "remembered, and the gradient decays far more slowly."
)
"""Beside every plot of gradients against lag."""
SIZE = (12.8, 7.2)
"""A slide of 16 to 9, in inches."""
DASHES = {"solid": "-", "dash": "--", "dot": ":"}
MARKERS = {"circle": "o", "square": "s", "diamond": "D"}
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 16,
    "axes.titlesize": 18,
    "axes.labelsize": 17,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "lines.linewidth": 2.6,
    "lines.markersize": 9,
    "svg.fonttype": "path",
    "svg.hashsalt": "tidegate",
    "pdf.fonttype": 42,
}
LINE = 122
"""Characters of a caption that fit on a line."""
CHANCE = 100 / 8
"""Of the recall task, in percent."""


def plot_gradients(norms: Mapping[str, Mapping[str, np.ndarray]], title: bool = True) -> Figure:
    """The gradient norm against the lag, with default weights and with those for a long memory."""
    seeds, lags = next(iter(next(iter(norms.values())).values())).shape
    caption = f"Fresh layers over noise, geometric mean of {_networks(seeds)}. {WEIGHTS}"
    with _slide("Vanishing gradients" if title else "", caption) as figure:
        for axes, k in _two_panels(figure, list(norms)):
            for cell, by_weights in norms.items():
                mean = np.exp(np.log(np.maximum(list(by_weights.values())[k], 1e-30)).mean(axis=0))
                axes.plot(mean, label=cell.upper(), markevery=max(1, lags // 10), **_look(cell))
            axes.set_yscale("log")
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_locator(LogLocator(numticks=8))
            axes.set_xlabel("lag k (steps)")
        _name_cells(figure)
        figure.axes[0].set_ylabel("gradient norm, relative to lag 0\n‖∂h(T) / ∂state(T−k)‖")
    return figure


def plot_memory(found: Mapping[str, Mapping[str, Sequence[Level]]], updates: int, title: bool = True) -> Figure:
    """The accuracy of recall against the lag, with default weights and with those for a long memory."""
    levels = [level for by_weights in found.values() for chain in by_weights.values() for level in chain]
    lags = sorted({level.lag for level in levels})
    caption = (
        "The first step shows one of 8 symbols; after a lag of blank steps the network must name it. Mean and range of "
        f"{_networks(len(levels[0].accuracies))}, each trained with {updates} updates; a line ends at the first lag "
        "that no network solved (95 %). Chrono weights: Tallec & Ollivier 2018."
    )
    with _slide("How far back can a cell remember?" if title else "", caption) as figure:
        for axes, k in _two_panels(figure, list(found)):
            axes.axhline(CHANCE, color=GRAY, linewidth=1.5, linestyle=(0, (1, 3)))
            axes.text(lags[0], CHANCE - 2, "chance", color=GRAY, va="top", fontsize=14)
            for place, (cell, by_weights) in enumerate(found.items()):
                chain = list(by_weights.values())[k]
                scores = 100 * np.array([level.accuracies for level in chain])
                mean = scores.mean(axis=1)
                # Side by side, so that equal points do not hide each other.
                x = [level.lag * 1.06 ** (place - (len(found) - 1) / 2) for level in chain]
                spread = [mean - scores.min(axis=1), scores.max(axis=1) - mean]
                axes.errorbar(x, mean, yerr=spread, capsize=5, elinewidth=1.6, label=cell.upper(), **_look(cell))
            axes.set_xscale("log")
            axes.set_xticks(lags, [f"{lag:,}" for lag in lags])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set(xlabel="lag (steps)", xlim=(lags[0] / 1.3, 1.3 * lags[-1]), ylim=(0, 105))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
        _name_cells(figure)
        figure.axes[0].set_ylabel("recall accuracy")
    return figure


def plot_gates(adders: Mapping[str, Adder], title: bool = True) -> Figure:
    """Every gate and state over one sequence of the adding problem as heat maps, a column for each cell."""
    errors = ", ".join(f"{cell.upper()} {adder.error:.2g}" for cell, adder in adders.items())
    caption = (
        "Networks trained to add the marked (black) numbers (adding problem, Hochreiter & Schmidhuber 1997), over a "
        f"new sequence. Rows are hidden features, sorted by their last state. Mean absolute error: {errors}."
    )
    rows = max(len(adder.traces) for adder in adders.values())
    top, bottom, right = (0.86 if title else 0.93), 0.2, 0.88
    height, width = (top - bottom) / rows, right / len(adders)
    with _slide("Gates and states over a sequence" if title else "", caption, fitted=False) as figure:
        for column, (cell, adder) in enumerate(adders.items()):
            order = np.argsort(adder.traces.get("c", adder.traces["h"])[-1])[::-1]
            for row, (name, values) in enumerate(adder.traces.items()):
                place = (column * width + 0.095, top - (row + 1) * height, width - 0.1, 0.86 * height)
                axes = figure.add_axes(place, label=f"{cell} {name}")
                if name == "x":
                    _plot_input(axes, values)
                    axes.set_title(cell.upper(), fontweight="bold")
                else:
                    _heat_map(axes, values[:, order], is_state=name in STATES)
                axes.set_ylabel(_name_of(cell, name), rotation=0, ha="right", va="center", fontsize=14)
                last = row == len(adder.traces) - 1
                axes.tick_params(labelbottom=last)
                if last:
                    axes.set_xlabel("step")
        middle = (top + bottom) / 2
        for low, at, words in ((0, middle + 0.04, "gate"), (-1, bottom, "state")):
            colors = mpl.cm.ScalarMappable(mpl.colors.Normalize(low, 1), _colors(is_state=low < 0))
            axes = figure.add_axes((right + 0.02, at, 0.012, middle - bottom - 0.04))
            ticks = {0: "0 closed", 0.5: "0.5", 1: "1 open"} if low == 0 else {-1: "−1", 0: "0", 1: "1"}
            figure.colorbar(colors, cax=axes).set_ticks(list(ticks), labels=list(ticks.values()), fontsize=13)
            axes.set_title(words, fontsize=14, loc="left", pad=12)
    return figure


def write_plot(figure: Figure, path: Path) -> None:
    """Write a plot whole or not at all, in the format of the path's ending: .svg, .pdf or .png.

    Raises ConfigError for another ending, and RunError where the file cannot be written.
    """
    ending = ending_of(path)
    # The same plot is the same file.
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[ending]
    file = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(file, format=ending[1:], dpi=150, metadata=metadata)
    write_whole(path, file.getvalue())


@contextmanager
def _slide(title: str, caption: str, fitted: bool = True) -> Iterator[Figure]:
    """A slide with a title at the top, where there is one, and a caption at the bottom.

    Args:
        fitted: place the axes between the two.
    """
    with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
        figure = Figure(figsize=SIZE, facecolor="white", layout="constrained" if fitted else None)
        lines = textwrap.wrap(caption, LINE)
        if (engine := figure.get_layout_engine()) is not None:
            below, above = 0.04 + 0.033 * len(lines), 0.1
            engine.set(rect=(0.01, below, 0.98, 1 - below - above))  # type: ignore[call-arg]
        if title:
            figure.text(0.02, 0.965, title, fontsize=24, fontweight="bold", va="top")
        figure.text(0.02, 0.02, "\n".join(lines), fontsize=13, color="#333333", va="bottom", linespacing=1.3)
        yield figure


def _two_panels(figure: Figure, cells: Sequence[str]) -> Iterator[tuple[Axes, int]]:
    """Axes for default weights and for those for a long memory, with a common y axis."""
    first = figure.add_subplot(1, 2, 1)
    second = figure.add_subplot(1, 2, 2, sharey=first)
    first.set_title("default weights", loc="left")
    names = {"chrono": [c.upper() for c in cells if c != "rnn"], "orthogonal": [c.upper() for c in cells if c == "rnn"]}
    second.set_title(", ".join(f"{name} ({', '.join(who)})" for name, who in names.items() if who), loc="left")
    second.tick_params(labelleft=False)
    yield first, 0
    yield second, 1


def _name_cells(figure: Figure) -> None:
    """A legend for all panels, above them on the right."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.99, 0.99), ncols=len(labels))


def _look(cell: str) -> dict[str, Any]:
    look = LOOK[cell]
    return {"color": look["color"], "linestyle": DASHES[look["dash"]], "marker": MARKERS[look["symbol"]]}


def _networks(n: int) -> str:
    return f"{n} networks" if n > 1 else "one network"


def _name_of(cell: str, symbol: str) -> str:
    """A gate or state in words with its symbol, on two lines where that is long."""
    blocks = {block.symbol: block.name for block in DESCRIPTIONS[cell].blocks if block.symbol not in ("h", "c")}
    name = {"x": "input", "h": "hidden state", "c": "cell state", **blocks}[symbol]
    return f"{name} {symbol}".replace(" ", "\n", 1) if len(name) > 9 else f"{name} {symbol}"


def _plot_input(axes: Axes, values: np.ndarray) -> None:
    """The numbers as bars, the marked ones dark."""
    steps = np.arange(len(values))
    marked = values[:, 1] > 0.5
    axes.bar(steps, values[:, 0], color=np.where(marked, "#000000", "#c8c8c8"), width=0.8)
    axes.set(xlim=(-0.5, len(values) - 0.5), ylim=(0, 1), yticks=[])
    axes.grid(False)


def _heat_map(axes: Axes, values: np.ndarray, is_state: bool) -> None:
    low = -1 if is_state else 0
    axes.imshow(values.T, aspect="auto", cmap=_colors(is_state), vmin=low, vmax=1, interpolation="nearest")
    axes.set_yticks([])
    axes.grid(False)


def _colors(is_state: bool) -> LinearSegmentedColormap:
    scale = DIVERGING if is_state else SEQUENTIAL
    return LinearSegmentedColormap.from_list("states" if is_state else "gates", scale)
