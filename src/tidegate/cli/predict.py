"""tidegate predict"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.complete import datasets
from tidegate.cli.options import say, table_options


@table_options
def predict(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model")],
    input: Annotated[
        str,
        typer.Argument(
            help="A table, .npz, .npy, .ts, an image, or a folder of tables or images", autocompletion=datasets
        ),
    ],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="The probability of every class.  [default: of the label]")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="CSV file to write.  [default: standard output]")] = None,
    reading: Any = None,
) -> None:
    """Predict for every sequence of a source, as CSV with its ids and times.

    Columns are those of the training data; they need not be named again.
    """
    from tidegate.errors import ConfigError
    from tidegate.files import write_whole
    from tidegate.tasks.run import predict as predict_run

    if out is not None and out.exists() and Path(input).exists() and out.samefile(input):
        raise ConfigError(got=f"--out {out}, the input itself", wanted="another file", do="choose another --out")
    header, rows = predict_run(run, input, reading=reading, probabilities=probabilities, say=say)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if out is None:
        typer.echo(text.getvalue(), nl=False)
        return
    write_whole(out, text.getvalue())
