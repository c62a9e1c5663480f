"""The commands together."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tidegate.cli import bench, compare, describe, draw, evaluate, fit, generate, info, plot, predict, report
from tidegate.cli.interrupt import Stopped

# Wherever typer takes click from, this is click's ClickException.
UsageError: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")


class Command(TyperCommand):
    """A command whose help texts are text: `[default: 3]` in one is no markup."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = text.replace("[", r"\[")  # type: ignore[attr-defined]


class Commands(TyperGroup):
    """Commands that pass a KeyboardInterrupt on, where click would end the program in words of its own."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped from None


app = typer.Typer(
    name="tidegate",
    cls=Commands,
    help="Recurrent networks for sequences: train, evaluate, predict, compare.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    fit.fit,
    evaluate.evaluate,
    predict.predict,
    generate.generate,
    compare.compare,
    report.report,
    draw.draw,
    plot.plot,
    bench.bench,
    describe.describe,
    info.info,
):
    app.command(cls=Command)(command)


def _version(value: bool) -> None:
    if value:
        from tidegate import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Recurrent networks for sequences: train, evaluate, predict, compare."""
