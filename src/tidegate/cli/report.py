"""tidegate report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run or of a comparison, or folders of several runs")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Page to write.  [default: report.html in the folder; of several runs, comparison-of-runs.html in the "
            "folder that holds them]"
        ),
    ] = None,
) -> None:
    """Write the page of a finished run or comparison again, or one page that compares several runs of a task."""
    from tidegate.compare import COMPARISON
    from tidegate.errors import ConfigError, RunError
    from tidegate.report.comparison import read_comparison, write_comparison
    from tidegate.report.run import write_report
    from tidegate.report.runs import write_runs
    from tidegate.tasks.run import open_run

    comparisons = [folder for folder in runs if (folder / COMPARISON).exists()]
    if comparisons and len(runs) > 1:
        raise RunError(
            got=f"{comparisons[0]}, a comparison of cells, among several folders",
            wanted="runs",
            do="report it by itself",
        )
    if comparisons:
        if out is not None:
            raise ConfigError(got="--out for a comparison of cells", wanted="its folder alone", do="leave --out out")
        page = write_comparison(read_comparison(runs[0]), runs[0])
    elif len(runs) == 1:
        page = write_report([open_run(runs[0])], out or runs[0] / "report.html")
    else:
        page = write_runs([open_run(folder) for folder in runs], out)
    typer.echo(str(page))
