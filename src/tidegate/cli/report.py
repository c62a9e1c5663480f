"""tidegate report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="Run folder")]) -> None:
    """Draw the report of a finished run again."""
    from tidegate.report.run import write_report
    from tidegate.tasks.run import open_run

    typer.echo(str(write_report([open_run(run)], run / "report.html")))
