"""tidegate draw"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import complete


def draw(
    cell: Annotated[str, typer.Argument(help="rnn, lstm or gru", autocompletion=complete.cells)],
    unrolled: Annotated[bool, typer.Option("--unrolled", help="Draw three steps over time instead of one.")] = False,
    no_equations: Annotated[bool, typer.Option("--no-equations", help="Leave the equations out.")] = False,
    no_title: Annotated[bool, typer.Option("--no-title", help="Leave the title out.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .svg, .pdf or .png.  [default: SVG on standard output]")
    ] = None,
) -> None:
    """Draw a cell with a legend and its equations, as SVG, PDF or PNG.

    Example: tidegate draw lstm --no-equations --out lstm.pdf
    """
    from tidegate.report.drawing import draw_cell, write_drawing

    svg = draw_cell(cell, unrolled, equations=not no_equations, title=not no_title)
    if out is None:
        typer.echo(svg, nl=False)
    else:
        write_drawing(svg, out)
