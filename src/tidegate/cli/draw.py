"""tidegate draw"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.errors import ConfigError


def draw(
    cell: Annotated[str, typer.Argument(help="rnn, lstm or gru")],
    unrolled: Annotated[bool, typer.Option("--unrolled", help="Three steps, with the state flowing.")] = False,
    out: Annotated[Path | None, typer.Option(help="SVG file to write; without it, standard output.")] = None,
) -> None:
    """Draw a cell and its equations as SVG."""
    from tidegate.report.drawing import draw_cell

    svg = draw_cell(cell, unrolled=unrolled)
    if out is None:
        typer.echo(svg, nl=False)
        return
    if out.is_dir():
        raise ConfigError(got=f"the folder {out}", wanted="a file to write", do="add a file name to --out")
    writing = out.with_name(f".{out.name}.writing")
    try:
        writing.write_text(svg, encoding="utf-8")
        writing.replace(out)
    except OSError as error:
        raise ConfigError(
            got=f"{out}, which cannot be written ({error.strerror})", wanted="a writable path", do="pass another --out"
        ) from None
