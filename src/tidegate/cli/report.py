"""tidegate report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="Folder of a run or of a comparison")]) -> None:
    """Draw the report of a finished run or comparison again."""
    from tidegate.compare import COMPARISON
    from tidegate.report.comparison import read_comparison, write_comparison
    from tidegate.report.run import write_report
    from tidegate.tasks.run import open_run

    if (run / COMPARISON).exists():
        page = write_comparison(read_comparison(run), run)
    else:
        page = write_report([open_run(run)], run / "report.html")
    typer.echo(str(page))
