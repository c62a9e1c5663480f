"""tidegate draw"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def draw(
    cell: Annotated[str, typer.Argument(help="rnn, lstm or gru")],
    unrolled: Annotated[bool, typer.Option("--unrolled", help="Three steps, with the state flowing.")] = False,
    out: Annotated[Path | None, typer.Option(help="SVG file to write; without it, standard output.")] = None,
) -> None:
    """Draw a cell and its equations as SVG."""
    from tidegate.files import write_whole
    from tidegate.report.drawing import draw_cell

    svg = draw_cell(cell, unrolled=unrolled)
    if out is None:
        typer.echo(svg, nl=False)
        return
    write_whole(out, svg)
