"""The plots for slides: they show what was measured, and everything on them can be read."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from tidegate.cli import run
from tidegate.probes.teaching import Adder, Level
from tidegate.report.plots import CHANCE, plot_gates, plot_gradients, plot_memory, write_plot

CELLS = ("rnn", "lstm", "gru")
TRACES = {"rnn": "h", "lstm": "ifgoch", "gru": "rznh"}
LONG = {"rnn": "orthogonal", "lstm": "chrono", "gru": "chrono"}
BEGINS = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG\r\n"}


def norms(cells=CELLS, lags=20):
    k = np.arange(lags + 1)
    return {
        cell: {"torch": np.stack([10.0 ** (-k / (n + 2))] * 3), LONG[cell]: np.stack([0.99**k] * 3)}
        for n, cell in enumerate(cells)
    }


def levels(cells=CELLS):
    solved, lost = Level(10, (1.0, 0.95, 1.0), 3), Level(30, (0.1, 0.3, 0.2), 0)
    return {cell: {"torch": [solved, lost], LONG[cell]: [solved, Level(30, (1.0, 0.5, 1.0), 2)]} for cell in cells}


def adders(cells=CELLS):
    noise = np.random.default_rng(0)
    x = np.stack([noise.random(30), np.arange(30) % 13 == 5], axis=1)
    return {
        cell: Adder({"x": x} | {name: noise.random((30, 8)) for name in TRACES[cell]}, x[:, 0], x[:, 0], 0.05)
        for cell in cells
    }


FIGURES = {
    "gradients": lambda cells, title=True: plot_gradients(norms(cells), title),
    "memory": lambda cells, title=True: plot_memory(levels(cells), 300, title),
    "gates": lambda cells, title=True: plot_gates(adders(cells), title),
}


@pytest.fixture(params=FIGURES)
def name(request):
    return request.param


def texts(figure):
    """Everything written on a figure that is not empty, with where it stands in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return {text: text.get_window_extent(renderer) for text in found if text not in beyond_the_axes(figure)}


def beyond_the_axes(figure):
    """The labels of ticks that are not drawn."""
    labels = []
    for axis in itertools.chain.from_iterable((axes.xaxis, axes.yaxis) for axes in figure.axes):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.majorTicks, *axis.minorTicks):
            labels += [] if low <= tick.get_loc() <= high else [tick.label1, tick.label2]
    return labels


@pytest.mark.parametrize("cells", [CELLS, ("lstm",), ("gru", "rnn")], ids="-".join)
@pytest.mark.parametrize("title", [True, False], ids=["title", "no title"])
def test_no_text_lies_on_another_or_beside_the_slide(name, cells, title):
    figure = FIGURES[name](cells, title)
    found = texts(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in found.items():
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text
    for (one, a), (other, b) in itertools.combinations(found.items(), 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, (one.get_text(), other.get_text())


def test_all_text_is_large_enough_for_a_slide(name):
    assert min(text.get_fontsize() for text in texts(FIGURES[name](CELLS))) >= 11


def test_cells_differ_without_color_too():
    for figure in (plot_gradients(norms()), plot_memory(levels(), 300)):
        lines = [line for line in figure.axes[0].get_lines() if line.get_marker() in "osD"]
        assert len({line.get_linestyle() for line in lines}) == len({line.get_marker() for line in lines}) == 3


@pytest.mark.parametrize("scale", ["gates", "states"])
def test_heat_maps_are_read_without_color_vision(scale):
    """Gates darken from closed to open; the ends of the states differ in more than their hue."""
    image = next(
        axes.images[0] for axes in plot_gates(adders()).axes if axes.images and axes.images[0].cmap.name == scale
    )
    gray = [np.dot(to_rgb(image.cmap(value)), (0.299, 0.587, 0.114)) for value in np.linspace(0, 1, 11)]
    if scale == "gates":
        assert (np.diff(gray) < 0).all()
    else:
        assert gray[0] - gray[-1] > 0.15


def test_gradients_have_a_logarithmic_axis_and_two_kinds_of_weights():
    figure = plot_gradients(norms())
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    assert [axes.get_title("left") for axes in figure.axes] == [
        "default weights",
        "chrono (LSTM, GRU), orthogonal (RNN)",
    ]
    assert "steps" in figure.axes[0].get_xlabel()
    drawn_norms = figure.axes[0].get_lines()[0].get_ydata()
    assert drawn_norms == pytest.approx(norms()["rnn"]["torch"][0])


def test_memory_shows_the_mean_accuracy_and_chance():
    axes = plot_memory(levels(), 300).axes[0]
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert lines[0].get_ydata() == pytest.approx([100 * 2.95 / 3, 20])
    assert any(np.allclose(line.get_ydata(), CHANCE) for line in axes.get_lines())


def test_gates_show_every_gate_and_state_of_every_cell():
    shown = {axes.get_label() for axes in plot_gates(adders()).axes}
    assert {f"{cell} {name}" for cell in CELLS for name in f"x{TRACES[cell]}"} <= shown


@pytest.mark.parametrize("ending", BEGINS)
def test_the_same_plot_is_the_same_file(tmp_path, ending):
    for n in range(2):
        write_plot(plot_gradients(norms()), tmp_path / f"{n}.{ending}")
    files = [(tmp_path / f"{n}.{ending}").read_bytes() for n in range(2)]
    assert files[0].startswith(BEGINS[ending])
    assert files[0] == files[1]


def test_the_command_writes_a_slide(tmp_path, capsys):
    path = tmp_path / "gradients.png"
    assert run(["plot", "gradients", "--cells", "gru", "--seeds", "1", "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    with Image.open(path) as image:
        assert image.size == (1920, 1080)


def test_another_seed_is_another_plot(tmp_path):
    files = []
    for seed in ("0", "0", "1"):
        path = tmp_path / f"{len(files)}.svg"
        assert run(["plot", "gradients", "--cells", "rnn", "--seeds", "1", "--seed", seed, "--out", str(path)]) == 0
        files.append(path.read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gradient"], "the plot 'gradient'"),
        (["gates", "--cells", "lstn"], "the cell 'lstn'"),
        (["gates", "--cells", "gru,gru"], "each cell once"),
        (["gates", "--cells", ""], "each cell once"),
        (["memory", "--seeds", "0"], "0 seeds"),
        (["gates", "--seed", "-1"], "the seed -1"),
    ],
)
def test_what_cannot_be_plotted_is_refused_in_a_line(tmp_path, capsys, arguments, says):
    assert run(["plot", *arguments, "--out", str(tmp_path / "x.svg")]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused_before_the_work(tmp_path, capsys):
    assert run(["plot", "memory", "--out", str(tmp_path / "x.jpg")]) == 2
    assert "ends in .svg, .pdf or .png" in capsys.readouterr().err
