"""tidegate generate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def generate(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model of the task language")],
    prompt: Annotated[str, typer.Option(help="Text to continue.  [default: none]", show_default=False)] = "",
    length: Annotated[int, typer.Option(help="Number of characters, bytes or subwords to generate.")] = 500,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 for greedy decoding.")] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Nucleus sampling: draw from the smallest set of tokens with this probability.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
) -> None:
    """Generate text with a language model, streamed to standard output."""
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
