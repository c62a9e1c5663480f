"""tidegate predict"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model")],
    input: Annotated[str, typer.Argument(help=".npz, .npy, .csv, .parquet, an image or a folder of images")],
    out: Annotated[Path | None, typer.Option(help="CSV file to write, instead of standard output.")] = None,
) -> None:
    """Predict for every sequence of a file, as CSV."""
    from tidegate.files import write_whole
    from tidegate.tasks.run import predict as predict_run

    header, rows = predict_run(run, input)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if out is None:
        typer.echo(text.getvalue(), nl=False)
        return
    write_whole(out, text.getvalue())
