"""tidegate fit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fit(
    task: Annotated[str, typer.Argument(help="classification or regression")],
    data: Annotated[
        str,
        typer.Argument(help="digits, mnist, recall, curve, adding; a folder of IDX files, .npz, .csv, .parquet, .ts"),
    ],
    cell: Annotated[str | None, typer.Option(help="rnn, lstm or gru.  [default: lstm]")] = None,
    hidden_size: Annotated[int | None, typer.Option(help="Features of the recurrent state.  [default: 128]")] = None,
    num_layers: Annotated[int | None, typer.Option(help="Recurrent layers.  [default: 1]")] = None,
    bidirectional: Annotated[bool | None, typer.Option(help="Read every sequence from both ends.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of features dropped.  [default: 0]")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.  [default: 1,000 steps, at least 10 epochs]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps, instead of epochs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the schedule.  [default: 6e-3]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Sequences a step.  [default: 128]")] = None,
    shift: Annotated[
        int | None,
        typer.Option(help="Pixels by which training images are moved at random.  [default: 2 for 28x28 images]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness.  [default: 0]")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.  [default: runs/DATA-CELL]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped, if it has begun.")] = False,
) -> None:
    """Train a model and write a run folder with its scores, its history and a report."""
    given = {
        "cell": cell,
        "hidden_size": hidden_size,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "dropout": dropout,
        "epochs": epochs,
        "steps": steps,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "shift": shift,
        "seed": seed,
    }
    from tidegate.report.run import summary, write_report
    from tidegate.tasks.run import fit_run

    folder = out or Path("runs") / f"{Path(data).stem}-{cell or 'lstm'}"
    parameters = {name: value for name, value in given.items() if value is not None}
    try:
        run = fit_run(task, data, parameters, folder, resume=resume)
    except KeyboardInterrupt:
        if (folder / "checkpoints" / "last.ckpt").exists():
            typer.echo(f"stopped; the same command with --resume goes on from {folder}", err=True)
        raise
    if run is not None:
        page = write_report([run], folder / "report.html")
        typer.echo(f"{summary(run)}\n{page}")
