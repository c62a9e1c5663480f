"""What the program understands of a source, before anything is trained on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.data import Sequences
from tidegate.preparation.encode import constant_channels
from tidegate.preparation.panel import Panel
from tidegate.preparation.read import Source
from tidegate.preparation.series import PanelRead
from tidegate.preparation.split import labels_of, with_test

SHOWN = 12


def describe(source: Source, task: str | None = None) -> dict[str, Any]:
    """Sequences, lengths, time, channels with kind, range and share missing, target, classes and split, as JSON."""
    dataset = with_test(source.dataset)
    whole = source.dataset.train
    test_is = "none" if dataset.test is None else "a fixed fifth" if source.dataset.test is None else "its own"
    reading = source.reading.to_config()
    return {
        "name": dataset.name,
        "task": task,
        "sequences": len(whole),
        "steps": int(whole.lengths.sum()),
        "length": {
            "shortest": int(whole.lengths.min()),
            "median": float(np.median(whole.lengths)),
            "longest": whole.longest,
        },
        "id": reading.get("id"),
        "time": _time(source),
        "layout": reading.get("layout"),
        "channels": _channels(whole),
        "target": _target(whole, reading),
        "split": {
            "training": len(dataset.train),
            "test": 0 if dataset.test is None else len(dataset.test),
            "test_is": test_is,
        },
        "constant": constant_channels(whole),
        "notes": list(dataset.notes),
    }


def _time(source: Source) -> dict[str, Any] | None:
    """The column, how it was read, and the step between two rows."""
    if source.times is None:
        return None
    return {
        "column": source.reading.time,
        "kind": source.times.kind,
        "format": source.reading.time_format,
        "step": source.times.step,
        "regular": source.times.regular,
    }


def _channels(sequences: Sequences) -> list[dict[str, Any]]:
    names = sequences.channels or [str(k) for k in range(sequences.n_channels)]
    channels = []
    for k, name in enumerate(names):
        column = sequences.values[:, k]
        real = column[~np.isnan(column)]
        missing = 1 - len(real) / len(column)
        found: dict[str, Any] = {"name": name, "missing": missing}
        if name in sequences.categories:
            found |= {"kind": "text", "categories": list(sequences.categories[name])}
        else:
            low, high = (float(real.min()), float(real.max())) if len(real) else (None, None)
            found |= {"kind": "number", "lowest": low, "highest": high}
        channels.append(found)
    return channels


def _target(sequences: Sequences, reading: dict[str, Any]) -> dict[str, Any] | None:
    y = sequences.y
    if y is None:
        return None
    named = {"column": reading.get("target")}
    labels = labels_of(sequences)
    if labels is not None and not (labels.dtype.kind == "f" and len(np.unique(labels)) > len(labels) / 2):
        classes, counts = np.unique(labels, return_counts=True)
        return named | {
            "kind": "a label a sequence",
            "classes": {str(label): int(count) for label, count in zip(classes, counts, strict=True)},
        }
    per = "step" if sequences.per_step else "sequence"
    outputs = 1 if y.ndim == 1 else y.shape[1]
    return named | {
        "kind": f"a number a {per}" if outputs == 1 else f"{outputs} numbers a {per}",
        "lowest": float(y.min()),
        "highest": float(y.max()),
    }


def describe_series(read: PanelRead) -> dict[str, Any]:
    """Series, lengths, times, gaps and what is known beside them, as JSON."""
    panel = read.train
    values = np.concatenate(panel.y)
    first, last = _span(panel)
    return {
        "name": read.name,
        "task": "forecasting",
        "series": len(panel),
        "steps": int(panel.lengths.sum()),
        "length": {"shortest": int(panel.lengths.min()), "longest": int(panel.lengths.max())},
        "time": panel.time_name if panel.frequency else None,
        "step": panel.frequency.name if panel.frequency else None,
        "first": first,
        "last": last,
        "seasons": list(panel.seasons),
        "target": panel.target,
        "lowest": float(np.nanmin(values)),
        "highest": float(np.nanmax(values)),
        "missing": float(np.isnan(values).mean()),
        "known in the past": list(panel.past_names),
        "known ahead": list(panel.future_names),
        "static": list(panel.static_names),
        "notes": list(read.notes),
    }


def short_panel(read: PanelRead, panel: Panel) -> str:
    """Series in one line."""
    low, high = int(panel.lengths.min()), int(panel.lengths.max())
    span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    parts = [f"{len(panel):,} series of {span} steps"]
    if panel.frequency is not None:
        parts.append("a step a {}, {} to {}".format(panel.frequency.name, *_span(panel)))
    beside = {"known in the past": panel.past_names, "known ahead": panel.future_names, "static": panel.static_names}
    parts += [f"{kind}: {', '.join(names)}" for kind, names in beside.items() if names]
    parts.append(f"target {panel.target!r}")
    return f"{read.name}: {'; '.join(parts)}"


def _span(panel: Panel) -> tuple[str | None, str | None]:
    """The first and the last time of all series, as people write them."""
    if panel.frequency is None:
        return None, None
    ends = np.array([panel.starts.min(), (panel.starts + panel.lengths).max() - 1])
    first, last = (str(time).split(".")[0] for time in panel.frequency.dates(ends))
    return first.removesuffix("T00:00:00").replace("T", " "), last.removesuffix("T00:00:00").replace("T", " ")


def short(found: dict[str, Any]) -> str:
    """A description in one line."""
    n, length = found["sequences"], found["length"]
    span = (
        f"{length['shortest']:,}"
        if length["shortest"] == length["longest"]
        else (f"{length['shortest']:,} to {length['longest']:,}")
    )
    parts = [f"{n:,} sequence{'s'[: n != 1]} of {span} step{'s'[: length['longest'] != 1]}"]
    if found["id"]:
        parts[0] += f" by {found['id']!r}"
    if found["time"]:
        time = found["time"]
        kind = time["kind"] + (f", {time['format']}" if time["format"] else "")
        parts.append(
            f"in order of {time['column']!r} ({kind}; {'every' if time['regular'] else 'about every'} {time['step']})"
        )
    elif found["layout"] == "long" and length["longest"] > 1:
        parts.append("in the order of the rows")
    parts.append(_short_channels(found["channels"]))
    if found["target"]:
        parts.append(_short_target(found["target"]))
    split = found["split"]
    parts.append(f"{split['training']:,} to train, {split['test']:,} to test" if split["test"] else "no test part")
    return f"{found['name']}: {'; '.join(parts)}"


def _short_channels(channels: list[dict[str, Any]]) -> str:
    named = [
        f"{channel['name']} (text, {_counted(len(channel['categories']), 'category', 'categories')})"
        if channel["kind"] == "text"
        else channel["name"]
        for channel in channels[:SHOWN]
    ]
    if all(channel["name"] == str(k) for k, channel in enumerate(channels)):
        return f"{len(channels)} channel{'s'[: len(channels) != 1]}"
    more = f", and {len(channels) - SHOWN} more" if len(channels) > SHOWN else ""
    holes = max(channel["missing"] for channel in channels)
    gaps = f" ({100 * holes:.2g} % missing at most)" if holes else ""
    return f"channel{'s'[: len(channels) != 1]} {', '.join(named)}{more}{gaps}"


def _short_target(target: dict[str, Any]) -> str:
    name = f"target {', '.join(target['column'])!r}, " if target["column"] else ""
    if "classes" not in target:
        return f"{name}{target['kind']}, {target['lowest']:.4g} to {target['highest']:.4g}"
    classes = [f"{label} ({count:,})" for label, count in list(target["classes"].items())[:SHOWN]]
    more = ", …" if len(target["classes"]) > SHOWN else ""
    return f"{name}{_counted(len(target['classes']), 'class', 'classes')}: {', '.join(classes)}{more}"


def _counted(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"
