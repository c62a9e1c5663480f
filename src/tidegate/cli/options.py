"""Options that several commands share: how a table is read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

TABLES = "Tables"
HELP = {
    "id": "Column with the sequence id.  [default: id]",
    "time": "Column with the time of a step.  [default: time, else the order of rows]",
    "target": "Column of the label or target, several targets separated by commas, or a file of translations.  "
    "[default: y]",
    "channels": "Input columns, separated by commas.  [default: all others]",
    "categorical": "Numeric columns to treat as categories, separated by commas.  [default: none]",
    "source": "For translation, the file or column of source texts.  [default: detected]",
    "future": "For forecasting, columns known in advance, separated by commas.  [default: none]",
    "time_format": "Date format, such as %d.%m.%Y.  [default: detected]",
    "layout": "long: one row per step; wide: one row per sequence.  [default: detected]",
    "target_per": "For regression, whether a sequence or every step has a target.  [default: detected]",
    "separator": "Column separator: a character, tab, comma, semicolon or space.  [default: detected]",
    "decimal": "Decimal separator, . or ,  [default: detected]",
    "sample_rate": "Sampling rate in Hz to resample audio to.  [default: that of most files, at most 16,000]",
    "mel_bins": "Mel filters per audio frame.  [default: 40]",
    "encoding": "Text encoding, such as utf-8 or cp1252.  [default: detected]",
}
"""Of each field of `tidegate.preparation.Reading`."""


Beam = Annotated[int | None, typer.Option(help="Beam size, for speech and translation.  [default: that of the model]")]
Scorer = Annotated[
    Path | None, typer.Option(help="For speech, a language-model run used in beam search.  [default: none]")
]
"""The options of how texts are found."""


def decoding(beam: int | None, language_model: Path | None) -> dict[str, Any]:
    """What was said of how texts are found."""
    said = {"beam": beam, "language_model": language_model}
    return {name: value for name, value in said.items() if value is not None}


def table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how a table is read; it gets them as one argument `reading`."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "reading"]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option(f"--{name.replace('_', '-')}", help=text, rich_help_panel=TABLES)
            ],
        )
        for name, text in HELP.items()
    ]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        said = {name: given.pop(name) for name in HELP}
        command(**given, reading=_reading(said))

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + shared
    del wrapped.__wrapped__
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped


def _reading(said: dict[str, Any]) -> Any:
    """What was said of a table, or none."""
    if all(value is None for value in said.values()):
        return None
    from tidegate.preparation import Reading

    target = said.get("target")
    if target is not None and Path(target).expanduser().is_file():
        # A file, whose name may hold commas.
        return replace(Reading(**{**said, "target": None}), target=(target,))
    return Reading(**said)


def names_in(text: str) -> list[str]:
    """The names in a text that separates them by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def say(line: str) -> None:
    """A line for a person, on standard error."""
    typer.echo(line, err=True)


def source_of(data: str | None, reading: Any) -> tuple[str, Any]:
    """The source and what is said of it; two files of pairs are the source and what is said of the other side."""
    from tidegate.errors import ConfigError

    if data is not None:
        return data, reading
    if reading is None or reading.source is None:
        raise ConfigError(got="no data", wanted="a name, a file or a folder", do="name it after the task")
    if reading.target is None:
        raise ConfigError(got="--source without --target", wanted="both files", do="pass --target too")
    return reading.source, replace(reading, source=None)
