"""tidegate evaluate"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model")],
    data: Annotated[str | None, typer.Argument(help="Other data than the run's own test set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Score a trained model."""
    from tidegate.tasks.run import evaluate as evaluate_run

    scores = evaluate_run(run, data)
    if as_json:
        typer.echo(json.dumps(scores))
    else:
        for name, value in scores["test"].items():
            typer.echo(f"test {name}: {value:.6g}")
