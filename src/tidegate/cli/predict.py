"""tidegate predict"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.complete import datasets
from tidegate.cli.options import Beam, Scorer, decoding, say, table_options


@table_options
def predict(
    run: Annotated[Path, typer.Argument(help="Run folder or saved model")],
    input: Annotated[
        str | None,
        typer.Argument(
            help="A table, .npz, .npy, .ts, an image, or a folder of tables or images; a text to translate, a file of "
            "texts, or - for standard input; audio; for forecasts, nothing continues the training data",
            autocompletion=datasets,
        ),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities", help="Write the probability of every class.  [default: of the predicted label]"
        ),
    ] = False,
    beam: Beam = None,
    language_model: Scorer = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Transcribe while audio arrives; - reads WAV from standard input.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="CSV file to write, or for forecasts also Parquet.  [default: standard output]"),
    ] = None,
    reading: Any = None,
) -> None:
    """Predict labels or targets, forecast series, translate texts or transcribe speech.

    Columns are matched to the training data by name.
    """
    from tidegate.errors import ConfigError
    from tidegate.files import write_whole
    from tidegate.tasks.load import task_in
    from tidegate.tasks.run import predict as predict_run
    from tidegate.tasks.run import stream as stream_run

    if out is not None and input is not None and _is_same(out, input):
        raise ConfigError(got=f"--out {out}, the input itself", wanted="another file", do="choose another --out")
    how = decoding(beam, language_model)
    if stream:
        content = _streamed(stream_run(run, input or "-", decoding=how), out is None)
        if out is None:
            return
    elif task_in(run) == "forecasting" or input is None:
        content = _forecast(run, input, reading, out)
    else:
        header, rows = predict_run(run, input, reading=reading, probabilities=probabilities, say=say, decoding=how)
        content = _lines(rows) if len(header) == 1 else _csv(header, rows)
    if out is None:
        typer.echo(content, nl=False)
        return
    write_whole(out, content)


def _is_same(out: Path, input: str) -> bool:
    """Whether the output would be written over the input, which may be a text and no path."""
    try:
        return out.samefile(Path(input).expanduser())
    except (OSError, ValueError, RuntimeError):
        return False


def _streamed(words: Iterator[str], at_once: bool) -> str:
    """Words as a line, written as they come where wanted."""
    found: list[str] = []
    for word in words:
        if at_once:
            typer.echo(f"{' ' if found else ''}{word}", nl=False)
        found.append(word)
    if at_once:
        typer.echo()
    return " ".join(found) + "\n"


def _lines(rows: list[list[Any]]) -> str:
    """A single column of texts, line n for line n of the input."""
    return "".join(f"{text}\n" for (text,) in rows)


def _csv(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _forecast(run: Path, input: str | None, reading: Any, out: Path | None) -> Any:
    """Forecasts as text, or as the bytes of a Parquet file."""
    from tidegate.tasks.run import forecast

    table = forecast(run, input, reading=reading, say=say)
    if out is not None and out.suffix.lower() in (".parquet", ".pq"):
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        return content.getvalue()
    return table.to_csv(index=False, lineterminator="\n")
