"""tidegate generate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def generate(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model of the task language")],
    prompt: Annotated[
        str, typer.Option(help="What the text begins with.  [default: nothing]", show_default=False)
    ] = "",
    length: Annotated[int, typer.Option(help="Characters, bytes or subwords to make.")] = 500,
    temperature: Annotated[
        float, typer.Option(help="Below 1 the text is more probable, above 1 more varied; 0 takes the most probable.")
    ] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Draw from the most probable units that together have this share.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same text.")] = 0,
) -> None:
    """Go on with a text, on standard output as it is made."""
    from tidegate.errors import ConfigError
    from tidegate.tasks.load import load

    model = load(run)
    if model.task != "language":
        raise ConfigError(
            got=f"a model for {model.task}", wanted="one that was trained by tidegate fit language", do="use predict"
        )
    pieces = model.stream(prompt, length, temperature, top_p, seed)
    typer.echo(prompt, nl=False)
    for piece in pieces:
        typer.echo(piece, nl=False)
    typer.echo()
