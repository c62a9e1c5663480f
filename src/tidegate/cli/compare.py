"""tidegate compare"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli import complete
from tidegate.cli.interrupt import resumable
from tidegate.cli.options import names_in, source_of, table_options


@table_options
def compare(
    task: Annotated[
        str | None,
        typer.Argument(
            help=f"{', '.join(complete.TASKS[:-1])} or {complete.TASKS[-1]}; without one, only the probes run",
            autocompletion=complete.tasks,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(help="As for fit: a built-in name or a path", autocompletion=complete.datasets),
    ] = None,
    cells: Annotated[
        str, typer.Option(help="Cells, separated by commas.", autocompletion=complete.cell_list)
    ] = "rnn,lstm,gru",
    seeds: Annotated[int, typer.Option(help="Number of seeds a score is averaged over.")] = 3,
    first_seed: Annotated[int, typer.Option(help="First seed.")] = 0,
    budget: Annotated[str, typer.Option(help="quick, normal or thorough.", autocompletion=complete.budgets)] = "normal",
    jobs: Annotated[int | None, typer.Option(help="Parallel jobs.  [default: one per core]")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder.  [default: runs/compare-DATA]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted comparison.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    missing: Annotated[
        str,
        typer.Option(help="Missing values: refuse, interpolate, or mask (fill and add an indicator)."),
    ] = "refuse",
    horizon: Annotated[int | None, typer.Option(help="Steps ahead to forecast.  [default: read from the file]")] = None,
    reading: Any = None,
) -> None:
    """Compare RNN, LSTM and GRU on your data, or without data by what they remember, cost and pass back.

    Example: tidegate compare classification recordings.csv --id recording --target activity
    """
    from tidegate.cli.progress import progress
    from tidegate.compare import compare as run
    from tidegate.report.comparison import markdown, notes, write_comparison

    if data is None and reading is not None and reading.source is not None:
        data, reading = source_of(data, reading)
    folder = out or Path("runs") / f"compare-{Path(data).stem if data else 'probes'}"
    with resumable(folder, "compare.json"), progress("comparing", "units") as tell:
        comparison = run(
            task,
            data,
            folder=folder,
            reading=reading,
            missing=missing,
            parameters={} if horizon is None else {"horizon": horizon},
            cells=names_in(cells),
            seeds=seeds,
            first_seed=first_seed,
            budget=budget,
            jobs=jobs if jobs is not None else os.cpu_count(),
            resume=resume,
            tell=tell,
        )
    page = write_comparison(comparison, folder)
    if as_json:
        typer.echo(json.dumps(comparison))
    else:
        typer.echo(f"{markdown(comparison)}\n{notes(comparison)}\n\n{comparison['verdict']['sentence']}\n{page}")
