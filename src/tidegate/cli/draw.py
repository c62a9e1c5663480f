"""tidegate draw"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import complete


def draw(
    cell: Annotated[str, typer.Argument(help="rnn, lstm or gru", autocompletion=complete.cells)],
    unrolled: Annotated[bool, typer.Option("--unrolled", help="Three steps, with the state flowing.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .svg, .pdf or .png.  [default: SVG on standard output]")
    ] = None,
) -> None:
    """Draw a cell and its equations, as SVG, PDF or PNG."""
    from tidegate.report.drawing import draw_cell, write_drawing

    svg = draw_cell(cell, unrolled=unrolled)
    if out is None:
        typer.echo(svg, nl=False)
    else:
        write_drawing(svg, out)
