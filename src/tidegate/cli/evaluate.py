"""tidegate evaluate"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.complete import datasets
from tidegate.cli.options import Beam, Scorer, decoding, say, source_of, table_options


@table_options
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model")],
    data: Annotated[
        str | None,
        typer.Argument(help="Other data than the run's test set, or its new location", autocompletion=datasets),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output.  [default: lines]")
    ] = False,
    beam: Beam = None,
    language_model: Scorer = None,
    reading: Any = None,
) -> None:
    """Score a trained model on the test set of its run, or on other data."""
    from tidegate.report.measures import lines
    from tidegate.tasks.run import evaluate as evaluate_run

    if data is None and reading is not None and reading.source is not None:
        data, reading = source_of(data, reading)
    scores = evaluate_run(run, data, reading, say, decoding(beam, language_model))
    if as_json:
        typer.echo(json.dumps(scores))
        return
    for line in lines(scores):
        typer.echo(line)
