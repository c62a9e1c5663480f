"""The commands together."""

from __future__ import annotations

from typing import Any

import typer

from tidegate.cli import compare, evaluate, fit, info, predict, report

# Wherever typer takes click from, this is click's ClickException.
UsageError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

app = typer.Typer(
    name="tidegate",
    help="Recurrent networks: train, evaluate, use.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (fit.fit, compare.compare, evaluate.evaluate, predict.predict, report.report, info.info):
    app.command()(command)


def _version(value: bool) -> None:
    if value:
        from tidegate import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Recurrent networks: train, evaluate, use."""
