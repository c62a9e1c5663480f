"""tidegate describe"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tidegate.cli.complete import TASKS, tasks
from tidegate.cli.options import source_of, table_options


@table_options
def describe(
    data: Annotated[str | None, typer.Argument(help="As for fit: a built-in name or a path.")] = None,
    task: Annotated[
        str | None, typer.Option(help="As for fit.  [default: inferred from the target]", autocompletion=tasks)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    reading: Any = None,
) -> None:
    """Show how a data source is read, without training on it."""
    from tidegate.cli.progress import reading_progress
    from tidegate.errors import ConfigError
    from tidegate.preparation import read_source
    from tidegate.preparation.describe import describe as describe_source
    from tidegate.preparation.describe import describe_series
    from tidegate.preparation.series import read_panel

    if task is not None and task not in TASKS:
        raise ConfigError(got=f"the task {task!r}", wanted=f"one of {', '.join(TASKS)}", do="correct the name")
    data, reading = source_of(data, reading)
    with reading_progress(data) as tell:
        if task == "forecasting":
            found = describe_series(read_panel(data, reading, tell=tell))
        elif task == "language":
            from tidegate.preparation.texts import describe_texts

            found = describe_texts(data, reading)
        elif task == "translation":
            from tidegate.preparation.pairs import describe_pairs

            found = describe_pairs(data, reading)
        elif task == "speech":
            from tidegate.tasks.speech_material import describe_recordings

            found = describe_recordings(data, reading)
        else:
            found = describe_source(read_source(data, task, reading, tell=tell), task)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, text in LINES.get(task or "", lines)(found):
        typer.echo(f"{name:<10}{text}")


def series_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A description of series as names and texts."""
    length = found["length"]
    rows = [
        ("source", found["name"]),
        ("series", f"{found['series']:,}"),
        ("steps", f"{found['steps']:,} in all; {length['shortest']:,} to {length['longest']:,} a series"),
    ]
    if found["step"]:
        rows.append(("time", f"{found['time']!r}; a step a {found['step']}, {found['first']} to {found['last']}"))
    rows.append(("seasons", ", ".join(f"{m} steps" for m in found["seasons"]) or "none known"))
    missing = f"; {100 * found['missing']:.2g} % missing" if found["missing"] else ""
    rows.append(("target", f"{found['target']!r}, {found['lowest']:.6g} to {found['highest']:.6g}{missing}"))
    rows += [("beside", f"{kind}: {', '.join(found[kind])}") for kind in BESIDE if found[kind]]
    return [*rows, *(("note", note) for note in found["notes"])]


def text_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A description of a text as names and texts."""
    split = found["split"]
    held = f", {split['validation']:,} to choose the kept weights" if split["validation"] else ""
    size = f"{found['characters']:,} characters, {found['different']:,} different; {found['words']:,} words"
    return [
        ("source", found["name"]),
        ("documents", f"{found['documents']:,}"),
        ("text", f"{size}, {found['lines']:,} lines"),
        ("split", f"{split['training']:,} characters to train{held}, {split['test']:,} to test ({split['test_is']})"),
        *(("note", note) for note in found["notes"]),
    ]


def pair_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A description of pairs as names and texts."""
    split = found["split"]
    held = f", {split['validation']:,} to choose the kept weights" if split["validation"] else ""
    rows = [("source", found["name"]), ("pairs", f"{found['pairs']:,}")]
    for side in ("source", "target"):
        one = found[side]
        about = f"{one['words']:,} words, {one['different']:,} different; {one['words_a_text']:g} a text in the median"
        rows.append((f"{side}s", f"{about}, {one['longest']:,} at most; the first: {one['first'][:80]!r}"))
    rows.append(("split", f"{split['training']:,} pairs to train{held}, {split['test']:,} to test"))
    return [*rows, *(("note", note) for note in found["notes"])]


def speech_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A description of recordings as names and texts."""
    split = found["split"]
    held = f", {split['validation']:,} to choose the kept weights" if split["validation"] else ""
    rates = ", ".join(f"{int(rate):,} Hz ({count:,})" for rate, count in found["sample_rates"].items())
    return [
        ("source", found["name"]),
        ("files", f"{found['recordings']:,}, {rates or 'of ready features'}"),
        ("text", f"{found['words']:,} words, {found['different']:,} different; written with {found['signs']!r}"),
        ("split", f"{split['training']:,} to train{held}, {split['test']:,} to test ({split['test_is']})"),
        *(("note", note) for note in found["notes"]),
    ]


BESIDE = ("known in the past", "known ahead", "static")


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A description as names and texts."""
    length, split, time = found["length"], found["split"], found["time"]
    rows = [
        ("source", found["name"]),
        ("sequences", f"{found['sequences']:,}" + (f", by the column {found['id']!r}" if found["id"] else "")),
        ("steps", f"{found['steps']:,} in all; {length['shortest']:,} to {length['longest']:,} a sequence, "
                  f"median {length['median']:,g}"),
    ]  # fmt: skip
    if time:
        kind = time["kind"] + (f", {time['format']}" if time["format"] else "")
        rows.append(("time", f"{time['column']!r} ({kind}); step {time['step']}, "
                             f"{'regular' if time['regular'] else 'not regular'}"))  # fmt: skip
    for k, channel in enumerate(found["channels"][:50]):
        rows.append(("channels" if k == 0 else "", _channel(channel)))
    if len(found["channels"]) > 50:
        rows.append(("", f"and {len(found['channels']) - 50:,} more"))
    rows.append(("target", _target(found["target"])))
    test = f"{split['test']:,} to test ({split['test_is']})" if split["test"] else "none to test"
    rows.append(("split", f"{split['training']:,} sequences to train, {test}"))
    rows += [("note", note) for note in found["notes"]]
    if found["constant"]:
        rows.append(("note", f"constant: {', '.join(found['constant'][:20])}"))
    return rows


def _channel(channel: dict[str, Any]) -> str:
    if channel["kind"] == "text":
        names = channel["categories"]
        kind = f"text: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
    elif channel["lowest"] is None:
        kind = "no values"
    else:
        kind = f"{channel['lowest']:.6g} to {channel['highest']:.6g}"
    missing = f"; {100 * channel['missing']:.2g} % missing" if channel["missing"] else ""
    return f"{channel['name']}: {kind}{missing}"


def _target(target: dict[str, Any] | None) -> str:
    if target is None:
        return "none"
    name = f"{', '.join(target['column'])!r}: " if target["column"] else ""
    if "classes" not in target:
        return f"{name}{target['kind']}, {target['lowest']:.6g} to {target['highest']:.6g}"
    classes = [f"{label} ({count:,})" for label, count in target["classes"].items()]
    return f"{name}{len(classes)} classes: {', '.join(classes[:50])}{', …' if len(classes) > 50 else ''}"


LINES = {"forecasting": series_lines, "language": text_lines, "translation": pair_lines, "speech": speech_lines}
"""How the description of a task's source is written, where it is no description of sequences."""
