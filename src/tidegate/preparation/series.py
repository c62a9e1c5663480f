"""Tables, .tsf files and arrays as series on a grid of regular steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.data import TableFolder, open_source
from tidegate.data.m4 import is_m4, read_m4
from tidegate.data.read import is_built_in
from tidegate.data.table import Table
from tidegate.data.tsf import read_tsf
from tidegate.errors import DataError
from tidegate.preparation.columns import LIKE_ID, LIKE_TIME, find_column, folded
from tidegate.preparation.frequency import Frequency, find_frequency
from tidegate.preparation.panel import Panel, as_panel, trimmed
from tidegate.preparation.reading import Reading
from tidegate.preparation.table import MOST_CATEGORIES, Frame, NamedColumns
from tidegate.preparation.time import DAY, HOUR, Times, read_times

if TYPE_CHECKING:
    import pandas

Tell = Callable[[int, int], None]
TIMES = ("time", *LIKE_TIME, "month", "week", "quarter", "year", "day")
IDS = ("id", "unique_id", "series_id", *LIKE_ID)
PARTS = ("year", "month", "day", "hour", "minute")
M4 = {
    "yearly": Frequency("month", 12),
    "quarterly": Frequency("month", 3),
    "monthly": Frequency("month", 1),
    "weekly": Frequency("fixed", 7 * DAY),
    "daily": Frequency("fixed", DAY),
    "hourly": Frequency("fixed", HOUR),
}
TSF = {
    **M4,
    "half_hourly": Frequency("fixed", HOUR // 2),
    "10_minutes": Frequency("fixed", HOUR // 6),
    "minutely": Frequency("fixed", HOUR // 60),
    "4_seconds": Frequency("fixed", 4 * 10**9),
}
FILLED = "filled with the value before, and not learned as targets"


@dataclass(frozen=True)
class PanelRead:
    """A source as series, and how it was understood."""

    train: Panel
    reading: Reading
    notes: tuple[str, ...] = ()
    test: list[np.ndarray] | None = None
    """What comes after in each series, where the source has it in a file of its own."""
    horizon: int | None = None
    """What the source says is to be forecast."""
    name: str = "data"


def read_panel(source: Any, reading: Reading | None = None, *, tell: Tell | None = None) -> PanelRead:
    """Return the series of a table, a `.tsf` file, a DataFrame or arrays, with how they were understood.

    Args:
        source: a path, a DataFrame, a Series, or arrays as `as_panel` takes them.
        reading: what is said of the columns: id, time, target, future, channels (known in the past), layout.

    Raises DataError where the series cannot be understood, have no regular step, or repeat a time.
    """
    reading = reading or Reading()
    if isinstance(source, Panel):
        return PanelRead(source, reading)
    if hasattr(source, "to_frame") and not hasattr(source, "columns"):
        name = str(source.name) if source.name is not None else "y"
        source, reading = source.to_frame(name), replace(reading, target=(name,))
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        if source.index.names == [None] and source.index.dtype.kind == "M":
            source = source.rename_axis("time")
        return _of_table(Frame(source), reading, "the DataFrame", "DataFrame")
    if not isinstance(source, (str, Path)):
        return PanelRead(as_panel(source), reading)
    if is_built_in(str(source)):
        raise DataError(
            got=f"the built-in dataset {source}", wanted="series to forecast", do="pass a table or a .tsf file"
        )
    path = Path(source).expanduser()
    if path.suffix.lower() == ".tsf" and path.is_file():
        return _of_tsf(path, reading)
    if is_m4(path) and reading.layout != "long":
        return _of_m4(path, reading)
    opened = open_source(str(source), reading.format)
    if isinstance(opened, TableFolder) or not isinstance(opened, Table):
        raise DataError(got=f"{source}, which is no table", wanted="a table or a .tsf file", do="check the path")
    return _of_table(opened, reading, str(path), path.name.split(".")[0], tell)


def _of_m4(path: Path, reading: Reading) -> PanelRead:
    """A file of the M4 competition, and its test part beside it."""
    ids, series = read_m4(path)
    name = path.name.split(".")[0]
    read = _of_rows(ids, series, replace(reading, layout="wide"), str(path), name)
    beside = path.with_name(path.name.replace("train", "test").replace("Train", "Test"))
    if beside == path or not beside.exists():
        return read
    names, after = read_m4(beside)
    order = {one: n for n, one in enumerate(names.tolist())}
    if set(order) != set(read.train.ids.tolist()):
        raise DataError(
            got=f"other series in {beside} than in {path}", wanted="the same in both", do="correct or move one of them"
        )
    test = [after[order[one]] for one in read.train.ids.tolist()]
    return replace(
        read,
        test=test,
        notes=(*read.notes, f"{beside.name} beside {path.name} is the test part"),
        horizon=min(map(len, test)),
    )


def _of_tsf(path: Path, reading: Reading) -> PanelRead:
    found = read_tsf(path)
    frequency = TSF.get((found.frequency or "").lower())
    id_name, date_name = found.first(str), found.first(np.datetime64)
    n = len(found.series)
    ids = np.array(found.attributes[id_name] if id_name else np.arange(n), dtype=object)
    starts = np.zeros(n, dtype=np.int64)
    if date_name is not None and frequency is not None:
        begin = np.array(found.attributes[date_name]).astype(np.int64)
        if frequency.kind == "fixed":
            frequency = replace(frequency, offset=int(begin[0] % frequency.step))
        elif frequency.step > 1:
            offset = begin[0].astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % frequency.step
            frequency = replace(frequency, offset=int(offset))
        starts = frequency.steps(begin)
    seasons = frequency.seasons if frequency else ()
    panel = Panel(
        found.series, starts, ids, frequency if date_name else None, source=str(path), seasons=seasons,
        id_name=id_name or "series",
    )  # fmt: skip
    panel, empty = trimmed(panel)
    notes = _gap_notes(panel, empty)
    if found.frequency and frequency is None:
        notes += (f"the frequency {found.frequency} is not known: no seasons are looked for",)
    horizon = found.horizon
    if horizon is None and "horizon" in found.attributes:
        horizon = int(max(found.attributes["horizon"]))
    return PanelRead(panel, reading, notes, horizon=horizon, name=path.stem)


def _of_table(table: NamedColumns, reading: Reading, source: str, name: str, tell: Tell | None = None) -> PanelRead:
    columns = list(table.columns)
    notes: list[str] = []
    id_name = _named(columns, reading.id, IDS, "id", source)
    time_name = _named(columns, reading.time, TIMES, "time", source)
    if reading.layout == "wide" or (reading.layout is None and _numbered(columns) and time_name is None):
        return _of_wide(table, replace(reading, layout="wide"), source, name, id_name)
    text = [one for one in (id_name, time_name) if one is not None]
    frame = table.read(text=text, tell=tell)
    if len(frame) == 0:
        raise DataError(got=f"{source} without rows", wanted="a row a step", do="check the file")
    parts = [one for one in PARTS if one in map(folded, columns)]
    if reading.time is None and parts[:3] == list(PARTS[:3]) and folded(time_name or "year") in PARTS:
        by_name = {folded(one): one for one in columns}
        frame, time_name, dropped = _from_parts(frame, {part: by_name[part] for part in parts})
        notes.append(f"the time of a row is in its columns {', '.join(dropped)}")
        columns = list(frame.columns)
    if reading.time is None and time_name is not None:
        notes.append(f"the column {time_name!r} is taken for the time")
    targets = _targets(frame, columns, reading, [one for one in (id_name, time_name) if one], source, notes)
    if len(targets) > 1:
        if id_name is not None or time_name is None:
            raise DataError(
                got=f"{len(targets)} targets in {source}, a table {'with an id' if id_name else 'without a time'}",
                wanted="one target, or a series in each column under one time",
                do="name one with --target, or leave out --id",
            )
        frame = frame.melt([time_name], list(targets), "series", "y")
        id_name, columns = "series", ["series", time_name, "y"]
        reading = replace(reading, channels=(), future=None)
        target = "y"
    else:
        target = targets[0]
    return _of_long(frame, table, reading, source, name, id_name, time_name, target, tuple(targets), notes)


def _of_long(
    frame: pandas.DataFrame,
    table: NamedColumns,
    reading: Reading,
    source: str,
    name: str,
    id_name: str | None,
    time_name: str | None,
    target: str,
    targets: tuple[str, ...],
    notes: list[str],
) -> PanelRead:
    """A row a step: sorted out by series, put on the grid of their times."""
    numbers_of = _target_numbers(frame, target, table, source)
    groups, ids = _groups(frame, id_name, table, source)
    frequency = None
    if time_name is None:
        notes.append("no column of times: the order of the rows counts")
        steps = [np.arange(len(rows)) for rows in groups]
    else:
        times = read_times(frame[time_name], table.place, reading.time_format)
        if times.note:
            notes.append(times.note)
        _refuse_unlike_steps(times, time_name, source)
        groups = _in_order(times.values, groups, ids, id_name is not None, frame[time_name], table, source)
        frequency = find_frequency(
            [times.values[rows] for rows in groups], times.kind == "date", f"the column {time_name!r} of {source}"
        )
        steps = [frequency.steps(times.values[rows]) for rows in groups]
    beside = [one for one in frame.columns if one not in (id_name, time_name, target)]
    future_names = _listed(reading.future, beside, "future", source)
    chosen = None if reading.channels is None else _listed(reading.channels, beside, "channels", source)
    reading = replace(reading, channels=chosen, future=None if reading.future is None else future_names)
    if chosen is not None:
        beside = [*chosen, *future_names]
    arrays, categories, left = _columns(frame, list(dict.fromkeys(beside)), reading, table, source)
    if left:
        notes.append(f"left out: {', '.join(left)}")
    static_names = [one for one in arrays if one not in future_names and _is_static(arrays[one], groups)]
    past_names = [one for one in arrays if one not in (*future_names, *static_names)]

    def on_grid(values: np.ndarray) -> list[np.ndarray]:
        return [_on_grid(values[rows], at - at[0]) for rows, at in zip(groups, steps, strict=True)]

    def together(names: Sequence[str]) -> list[np.ndarray]:
        return on_grid(np.stack([arrays[one] for one in names], axis=1)) if names else []

    panel = Panel(
        on_grid(numbers_of),
        np.array([one[0] for one in steps], dtype=np.int64),
        ids,
        frequency,
        together(past_names),
        together(future_names),
        np.array([[arrays[one][rows[0]] for one in static_names] for rows in groups]) if static_names else None,
        tuple(past_names),
        tuple(future_names),
        tuple(static_names),
        categories,
        target,
        id_name or "series",
        time_name or "step",
        frequency.seasons if frequency else (),
        source,
        named=id_name is not None,
    )
    panel, empty = trimmed(panel)
    notes += _gap_notes(panel, empty)
    reading = replace(
        reading, id=id_name if len(targets) == 1 else None, time=time_name if time_name in table.columns else None,
        target=targets,
    )  # fmt: skip
    return PanelRead(panel, reading, tuple(notes), name=name)


def _groups(
    frame: pandas.DataFrame, id_name: str | None, table: NamedColumns, source: str
) -> tuple[list[np.ndarray], np.ndarray]:
    """The rows of each series, and the names of the series."""
    import pandas as pd

    if id_name is None:
        return [np.arange(len(frame))], np.array(["series"], dtype=object)
    missing = np.flatnonzero(frame[id_name].isna().to_numpy())
    if len(missing):
        raise DataError(
            got=f"an empty cell in {table.place(int(missing[0]))}, column {id_name!r} of {source}",
            wanted="the name of the series in every row",
            do="fill it, or leave the row out",
        )
    codes, found = pd.factorize(frame[id_name])
    groups = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return list(groups), np.array(found.tolist(), dtype=object)


def _refuse_unlike_steps(times: Times, time_name: str, source: str) -> None:
    """Raise DataError where times cannot be put on a grid of regular steps."""
    if times.unit == "us":
        raise DataError(
            got=f"dates before 1678 or after 2261 in the column {time_name!r} of {source}",
            wanted="dates that nanoseconds reach",
            do="number the steps",
        )
    if times.kind not in ("date", "number") or times.values.dtype.kind == "f":
        raise DataError(
            got=f"{times.describe()} in the column {time_name!r} of {source}",
            wanted="dates or whole numbers",
            do="write dates, or number the steps",
        )


def _in_order(
    values: np.ndarray,
    groups: list[np.ndarray],
    ids: np.ndarray,
    named: bool,
    column: pandas.Series,
    table: NamedColumns,
    source: str,
) -> list[np.ndarray]:
    """The rows of each series by time; DataError where a time repeats or rows go backwards."""
    ordered = [rows[np.argsort(values[rows], kind="stable")] for rows in groups]
    for rows, of in zip(ordered, ids, strict=True):
        same = np.flatnonzero(np.diff(values[rows]) == 0)
        if len(same):
            again = int(rows[same[0] + 1])
            raise DataError(
                got=f"the time {column.iloc[again]} twice{f' of the series {of}' if named else ''} in {source}, "
                f"the second in {table.place(again)}",
                wanted="one row for each series and time",
                do="remove one" if named else "remove one, or name the series with --id",
            )
    backward = sum(bool((np.diff(values[rows]) < 0).any()) for rows in groups)
    if backward:
        raise DataError(
            got=f"times that go backwards in the column {column.name!r} of {source}"
            + (f", in {backward} of {len(groups)} series" if named else ""),
            wanted="rows in the order of time",
            do="sort the table by it" if named else "sort the table by it, or name the series with --id",
        )
    return ordered


def _is_static(values: np.ndarray, groups: list[np.ndarray]) -> bool:
    """Whether a column holds one value for each of several series."""
    return len(groups) > 1 and all(bool((values[rows] == values[rows[0]]).all()) for rows in groups)


def _on_grid(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values [n, …] at the steps `at` of a grid, NaN between them."""
    grid = np.full((int(at[-1]) + 1, *values.shape[1:]), np.nan)
    grid[at] = values
    return grid


def _of_wide(table: NamedColumns, reading: Reading, source: str, name: str, id_name: str | None) -> PanelRead:
    """A table with a row a series: its name, then its values."""
    columns = list(table.columns)
    first = id_name or columns[0]
    frame = table.read(text=[first])
    rest = [one for one in columns if one != first]
    for one in rest:
        if frame[one].dtype.kind not in "iuf" and not frame[one].isna().all():
            raise DataError(
                got=f"text in the column {one!r} of {source}, a table with a row a series",
                wanted="a name in the first column and numbers in the others",
                do="pass --layout long where a row is a step",
            )
    ids = frame[first].to_numpy(dtype=object)
    return _of_rows(ids, list(frame[rest].to_numpy(dtype=np.float64, na_value=np.nan)), reading, source, name)


def _of_rows(ids: np.ndarray, series: list[np.ndarray], reading: Reading, source: str, name: str) -> PanelRead:
    if len(set(ids.tolist())) < len(ids):
        raise DataError(got=f"a series named twice in {source}", wanted="a name for each", do="rename one")
    named = next((word for word in M4 if name.lower().startswith(word)), None)
    seasons = M4[named].seasons if named else ()
    panel = Panel(series, np.zeros(len(ids), dtype=np.int64), ids, source=source, seasons=seasons)
    panel, empty = trimmed(panel)
    panel = replace(panel, starts=np.zeros(len(panel), dtype=np.int64))
    notes = ["a row a series, without times", *_gap_notes(panel, empty)]
    if named:
        notes.append(f"{named}, by the name of the file")
    return PanelRead(panel, replace(reading, layout="wide"), tuple(notes), name=name)


def _gap_notes(panel: Panel, empty: int) -> tuple[str, ...]:
    notes = []
    holes = [int(np.isnan(y).sum()) for y in panel.y]
    if any(holes):
        several = f" of {sum(n > 0 for n in holes):,} series" if len(panel) > 1 else ""
        notes.append(f"{sum(holes):,} of {int(panel.lengths.sum()):,} steps{several} are missing: {FILLED}")
    if empty:
        notes.append(f"{empty:,} series without a value are left out")
    return tuple(notes)


def _named(columns: list[str], said: str | None, likely: tuple[str, ...], option: str, source: str) -> str | None:
    if said is not None:
        return find_column(said, columns, source, option)
    by_name = {folded(name): name for name in reversed(columns)}
    return next((by_name[name] for name in likely if name in by_name), None)


def _listed(said: Sequence[str] | None, columns: list[str], option: str, source: str) -> tuple[str, ...]:
    return tuple(str(find_column(one, columns, source, option)) for one in said or ())


def _numbered(columns: list[str]) -> bool:
    """Whether columns are V1, V2, … or the like: of a table with a row a series."""
    found = [re.fullmatch(r"(.*?)_?(\d+)", name) for name in columns[1:]]
    return len(columns) > 4 and all(found) and len({hit[1] for hit in found if hit}) == 1


def _targets(
    frame: pandas.DataFrame, columns: list[str], reading: Reading, taken: list[str], source: str, notes: list[str]
) -> list[str]:
    """The columns that are forecast."""
    if reading.target is not None:
        return list(_listed(reading.target, columns, "target", source))
    rest = [one for one in columns if one not in taken]
    for one in rest:
        if folded(one) in ("y", "target", "value"):
            if folded(one) != "y":
                notes.append(f"the column {one!r} is forecast")
            return [one]
    beside = {folded(one) for one in (*(reading.future or ()), *(reading.channels or ()))}
    numeric = [one for one in rest if frame[one].dtype.kind in "iuf" and folded(one) not in beside]
    others = [one for one in rest if folded(one) not in beside]
    if not numeric and len(others) == 1:
        numeric = others  # what is no number in it, is refused by its place
    if len(numeric) != 1:
        shown = ", ".join(numeric[:10]) or "none"
        raise DataError(
            got=f"{len(numeric)} columns of numbers in {source} that could be forecast ({shown})",
            wanted="to know which one",
            do="name it with --target, or several by commas where each is a series",
        )
    notes.append(f"the column {numeric[0]!r} is forecast")
    return numeric


def _target_numbers(frame: pandas.DataFrame, target: str, table: NamedColumns, source: str) -> np.ndarray:
    import pandas as pd

    column = frame[target]
    if column.dtype.kind in "iuf" or str(column.dtype) in ("Int64", "Float64"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    as_numbers = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero((as_numbers.isna() & column.notna()).to_numpy())
    if len(bad):
        raise DataError(
            got=f"{column.iloc[bad[0]]!r} in {table.place(int(bad[0]))}, column {target!r} of {source}",
            wanted="numbers to forecast",
            do="correct it, or name another column with --target",
        )
    return as_numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _columns(
    frame: pandas.DataFrame, names: list[str], reading: Reading, table: NamedColumns, source: str
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], list[str]]:
    """Columns as numbers or as categories by number, and those that are neither."""
    arrays, categories, left = {}, {}, []
    for name in names:
        column = frame[name]
        categorical = name in (reading.categorical or ())
        chosen = categorical or name in (*(reading.channels or ()), *(reading.future or ()))
        if column.dtype.kind in "iufb" and not categorical:
            array = column.to_numpy(dtype=np.float64, na_value=np.nan)
            if not chosen and len(array) > 3 and (np.diff(array) == 1).all():
                left.append(f"{name} (it counts the rows)")
                continue
            if np.isinf(array).any():
                raise DataError(
                    got=f"infinity in {table.place(int(np.isinf(array).argmax()))}, column {name!r} of {source}",
                    wanted="finite numbers",
                    do="correct it, or name the columns to use with --channels",
                )
            arrays[name] = array
            continue
        text = column.astype(str).where(column.notna(), None)
        found = sorted(set(text.dropna()))
        if len(found) > MOST_CATEGORIES:
            if chosen:
                raise DataError(
                    got=f"{len(found)} categories in the column {name!r} of {source}",
                    wanted=f"{MOST_CATEGORIES} at most",
                    do="leave it out",
                )
            left.append(f"{name} (text of {len(found)} kinds)")
            continue
        place = {one: float(n) for n, one in enumerate(found)}
        arrays[name] = np.array([place.get(one, np.nan) for one in text.tolist()])
        categories[name] = tuple(found)
    return arrays, categories, left


def _from_parts(frame: pandas.DataFrame, parts: dict[str, str]) -> tuple[pandas.DataFrame, str, list[str]]:
    """Years, months, days and hours in columns of their own as one column of times."""
    import pandas as pd

    together = frame[list(parts.values())].rename(columns={name: part for part, name in parts.items()})
    try:
        times = pd.to_datetime(together)
    except (ValueError, TypeError):
        raise DataError(
            got=f"columns {', '.join(parts.values())} that make no dates", wanted="numbers", do="name one with --time"
        ) from None
    rest = frame.drop(columns=list(parts.values()))
    rest.insert(0, "time", times)
    return rest, "time", list(parts.values())
