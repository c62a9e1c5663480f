"""tidegate plot"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import complete
from tidegate.cli.options import names_in


def plot(
    what: Annotated[str, typer.Argument(help="gradients, memory or gates", autocompletion=complete.plots)],
    out: Annotated[Path, typer.Option(help="File to write: .svg, .pdf or .png.")],
    cells: Annotated[
        str, typer.Option(help="Cells, separated by commas.", autocompletion=complete.cell_list)
    ] = "rnn,lstm,gru",
    seed: Annotated[int, typer.Option(help="Random seed; with several networks, the first of their seeds.")] = 0,
    seeds: Annotated[int, typer.Option(help="Networks of each kind, for gradients and memory.")] = 3,
    no_title: Annotated[bool, typer.Option("--no-title", help="Leave the title out.")] = False,
) -> None:
    """Plot what happens in the cells, on a slide, without data.

    gradients: the gradient norm against the lag, with default and with chrono or orthogonal weights (seconds).

    memory: how far back networks learn to recall a symbol, with both kinds of weights (a minute or two).

    gates: every gate and state over a sequence, after training on the adding problem (seconds).

    Example: tidegate plot gradients --cells lstm,gru --out gradients.pdf
    """
    from tidegate.cli.progress import progress
    from tidegate.errors import ConfigError
    from tidegate.layers import check_cells
    from tidegate.probes import teaching
    from tidegate.report import plots
    from tidegate.report.drawing import ending_of

    names = names_in(cells)
    check_cells(names)
    if seeds < 1:
        raise ConfigError(got=f"{seeds} seeds", wanted="at least 1", do="correct --seeds")
    if seed < 0:
        raise ConfigError(got=f"the seed {seed}", wanted="a number from 0", do="correct --seed")
    if what not in complete.PLOTS:
        raise ConfigError(got=f"the plot {what!r}", wanted=f"one of {', '.join(complete.PLOTS)}", do="correct the name")
    ending_of(out)
    several = range(seed, seed + seeds)
    if what == "gradients":
        figure = plots.plot_gradients(teaching.gradients_by_lag(names, seeds=several), title=not no_title)
    elif what == "memory":
        with progress("training", "networks") as tell:
            found = teaching.recall_by_lag(names, seeds=several, tell=tell)
        figure = plots.plot_memory(found, teaching.UPDATES, title=not no_title)
    else:
        adders = {}
        with progress("training", "networks") as tell:
            for n, name in enumerate(names, 1):
                adders[name] = teaching.train_adder(name, seed=seed)
                tell(n, len(names), name.upper())
        figure = plots.plot_gates(adders, title=not no_title)
    plots.write_plot(figure, out)
    typer.echo(out)
