"""A table's named columns to sequences: a row a step (long), or a row a sequence (wide)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tidegate.data.cells import COMMA_NUMBER, MISSING, THOUSANDS
from tidegate.data.labels import as_labels, labels_from_text
from tidegate.data.sequences import Sequences, refuse_infinite
from tidegate.errors import DataError
from tidegate.preparation.columns import (
    INDEX,
    NUMBERED,
    UNNAMED,
    Roles,
    as_options,
    beside_steps,
    folded,
    likely_options,
    numbered,
    refuse_unclaimed,
    roles_of,
    run_of,
)
from tidegate.preparation.reading import Reading
from tidegate.preparation.steps import refuse_misread, step_of
from tidegate.preparation.time import Times, read_times

if TYPE_CHECKING:
    import pandas

MOST_CATEGORIES = 100
DECORATED = re.compile(r"([^\w\s]*)\s*[\d.,:'’/\s-]*\d[\d.,:'’/\s-]*(.*)")
"""A number with signs before it or something behind it."""
PLAIN_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number as it is written where it is no code, such as 007."""
LEAST_COUNTED = 4
"""Steps; fewer may all go up by one by chance."""
LEAST_SHUFFLED = 10
"""Rows; fewer may all be different by chance."""
LEAST_RISING = 8
"""Steps; fewer may all go up by chance."""
Tell = Callable[[int, int], None]


class NamedColumns(Protocol):
    """A table that was opened, and not read yet; `data.table.Table` is one."""

    @property
    def columns(self) -> list[str]: ...

    @property
    def written(self) -> bool:
        """Whether cells are text that was written, which may mean numbers."""
        ...

    def read(
        self, *, text: Collection[str] = (), columns: Sequence[str] | None = None, tell: Tell | None = None
    ) -> pandas.DataFrame: ...

    def place(self, row: int) -> str: ...


@dataclass(frozen=True)
class Frame:
    """A DataFrame as a table: the named levels of its index are columns."""

    frame: pandas.DataFrame
    columns: list[str] = field(init=False)
    written: bool = False

    def __post_init__(self) -> None:
        import pandas as pd

        frame = self.frame
        levels = [name for name in frame.index.names if name is not None]
        if 0 < len(levels) < frame.index.nlevels or None in frame.index.names[1:] or frame.columns.nlevels > 1:
            raise DataError(
                got="a DataFrame with an index of levels without names, or columns of several levels",
                wanted="a name for each level, and one level of columns",
                do='name them, with frame.rename_axis(["id", "time"]) for one',
            )
        if repeated := [name for name in levels if name in frame.columns]:
            raise DataError(
                got=f"a DataFrame with {repeated[0]!r} in its index and its columns",
                wanted="one of them",
                do="drop one, with frame.reset_index(drop=True) for one",
            )
        if levels:
            frame = frame.reset_index(level=levels)
        elif not isinstance(frame.index, pd.RangeIndex) and not pd.api.types.is_integer_dtype(frame.index.dtype):
            raise DataError(
                got=f"a DataFrame with an index of {frame.index.dtype} that has no name",
                wanted="to know what it is",
                do='name it, with frame.rename_axis("time") for one, or drop it with reset_index(drop=True)',
            )
        frame = frame.reset_index(drop=True).rename(columns=str)
        if repeated := frame.columns[frame.columns.duplicated()].tolist():
            raise DataError(
                got=f"a DataFrame with two columns {repeated[0]!r}", wanted="each name once", do="rename one"
            )
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "columns", list(frame.columns))

    def read(
        self, *, text: Collection[str] = (), columns: Sequence[str] | None = None, tell: Tell | None = None
    ) -> pandas.DataFrame:
        return self.frame[list(columns)] if columns is not None else self.frame.copy(deep=False)

    def place(self, row: int) -> str:
        return f"row {row}"


@dataclass(frozen=True)
class TimeColumn:
    """How the column that orders the steps was read."""

    kind: str
    """number, date, time of day or duration."""
    step: str
    """The usual distance of two steps, with its unit."""
    regular: bool
    """Whether all steps of all sequences are as far apart."""

    @classmethod
    def of(cls, times: Times, order: np.ndarray, starts: np.ndarray) -> TimeColumn:
        """Look at the first thousand sequences."""
        parts = np.split(times.values[order], starts[1:1001])[:1000]
        steps = [step_of(part, times.kind, times.unit or "ns") for part in parts if len(part) > 1]
        if not steps:
            return cls(times.kind, "one step", True)
        words = [word for word, _ in steps]
        usual = max(set(words), key=words.count)
        return cls(times.kind, usual, all(regular and word == usual for word, regular in steps))


@dataclass
class TableRead:
    """Sequences of a table, and how it was understood."""

    sequences: Sequences
    reading: Reading
    """What was said and found, with which the next table of the kind is read."""
    notes: list[str]
    times: TimeColumn | None = None


def read_table(
    table: NamedColumns,
    reading: Reading,
    source: str,
    *,
    task: str | None,
    predicting: bool = False,
    tell: Tell | None = None,
) -> TableRead:
    """Read a table as sequences.

    Args:
        table: opened, as by `tidegate.data.table.open_table`.
        reading: what was said of it.
        source: its name in messages.
        task: classification, regression, or none to go by the target.
        predicting: the data is to predict for: targets are not looked at, and only the channels must be there.
        tell: called with bytes read and bytes in all.

    Raises DataError, with the row and the column, for what cannot be understood.
    """
    if predicting and not table.columns:
        raise DataError(got=f"{source} without columns", wanted="a table", do="check the file")
    roles = roles_of(table.columns, reading, source, strict=not predicting)
    wanted = [name for name in (roles.id, roles.time, *roles.target, *roles.channels) if name is not None]
    if predicting:
        wanted = [name for name in wanted if name not in roles.target]
        roles = replace(roles, target=())
    if reading.categorical is not None:
        by_name = {folded(name): name for name in roles.channels}
        known = set(roles.channels)
        spelled = [name if name in known else by_name.get(folded(name), name) for name in reading.categorical]
        reading = replace(reading, categorical=spelled)
    text = {name for name in (roles.id, roles.time, *roles.target, *(reading.categorical or ())) if name}
    frame = table.read(text=text, columns=[name for name in table.columns if name in wanted], tell=tell)
    some = frame.notna().any(axis=1).to_numpy()
    # Rows without a single cell, as programs leave them at the end.
    frame = frame.iloc[: len(some) - int(some[::-1].argmax())] if some.any() else frame.iloc[:0]
    if len(frame) == 0:
        raise DataError(got=f"{source} with 0 rows", wanted="at least one", do="check the file")
    return _Reader(table, frame, roles, reading, source, task, predicting).read()


class _Reader:
    def __init__(
        self,
        table: NamedColumns,
        frame: pandas.DataFrame,
        roles: Roles,
        reading: Reading,
        source: str,
        task: str | None,
        predicting: bool,
    ) -> None:
        self.table, self.frame, self.roles, self.reading = table, frame, roles, reading
        self.source, self.task, self.predicting = source, task, predicting
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.counters: list[str] = []
        for name in frame.columns:
            first = (
                next((cell for cell in frame[name] if cell is not None), None) if frame[name].dtype == object else None
            )
            if isinstance(first, (list, tuple, dict, set, np.ndarray)):
                raise DataError(
                    got=f"lists or other containers in the column {name!r} of {source}",
                    wanted="numbers or text",
                    do="write each part as a column of its own, or name the channels with --channels",
                )
            self._refuse_truth_among_numbers(frame[name])

    def read(self) -> TableRead:
        for name in self.reading.categorical or ():
            if name not in self.roles.channels:
                raise DataError(
                    got=f"{name!r} of --categorical, no channel of {self.source}",
                    wanted=f"one of {', '.join(self.roles.channels)}",
                    do="correct --categorical",
                )
        self._leave_out_unnamed()
        self._leave_out_known()
        self.codes, self.ids = self._sequences_of_rows()
        self._leave_out_row_numbers_of_wide()
        layout = self._layout()
        if self.predicting and self.roles.id is None and self.reading.id is not None:
            one = "all rows are one sequence" if layout == "long" else "each row is a sequence"
            self.notes.append(f"no column {self.reading.id!r}: {one}")
        if layout == "wide":
            return self._wide()
        asks_target = not self.predicting and self.task is not None
        refuse_unclaimed(self.roles, self.source, asks_target)
        if self.roles.id is None and self.task == "classification" and not self.predicting:
            raise self._without_id()
        return self._long()

    # What is no channel

    def _leave_out_known(self) -> None:
        """What was left out in training."""
        known = set(map(folded, self.reading.left_out or ()))
        for name in self.roles.channels:
            if folded(name) in known and not self.roles.chosen:
                self._leave_out(name, "so it was in training")

    def _leave_out_unnamed(self) -> None:
        """Row numbers that a program wrote as a column of their own."""
        if self.roles.chosen:
            return
        for name in self.roles.channels:
            column = self.frame[name]
            unnamed = UNNAMED.fullmatch(name) is not None
            if not unnamed and (name.casefold() not in INDEX or self.reading.left_out is not None):
                continue
            if column.isna().all():
                self._leave_out(name, "it is empty")
            elif column.dtype.kind in "iu" and (unnamed or _counts(column.to_numpy())):
                self._leave_out(name, "it holds row numbers")
            elif unnamed:
                raise DataError(
                    got=f"{self.source} with a column without a name that holds {column.dropna().iloc[0]!s}",
                    wanted="a name for each column",
                    do='name it in the header, or pass --time "" or --id "" if it is one of these',
                )

    @property
    def _looks_for_row_numbers(self) -> bool:
        """A model's channels were found in training, whatever another table holds."""
        return not (self.roles.chosen or self.predicting or self.reading.left_out is not None)

    def _leave_out_row_numbers_of_wide(self) -> None:
        """Row numbers beside the steps of a wide table."""
        if not self._looks_for_row_numbers or self.reading.layout == "long":
            return
        runs = Counter(map(run_of, self.roles.channels))
        counters = [
            name
            for name in self.roles.channels
            if (run_of(name) is None or runs[run_of(name)] < 3)
            and self.frame[name].dtype.kind in "iuf"
            and _counts_up(self.frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
        ]
        rest = [name for name in self.roles.channels if name not in counters]
        if self.reading.layout == "wide" or numbered(rest, gaps=True) is not None:
            for name in counters:
                self._leave_out_counter(name, "the rows of the file")

    def _leave_out_row_numbers(self, order: np.ndarray, starts: np.ndarray) -> None:
        """Numbers that count the rows, of the whole table or of each sequence, tell sequences or steps apart alone."""
        if not self._looks_for_row_numbers:
            return
        for name in self.roles.channels:
            column = self.frame[name]
            if column.dtype.kind not in "iuf" or column.isna().any():
                continue
            numbers = column.to_numpy(dtype=np.float64)
            up = np.diff(numbers[order])[np.diff(self.codes[order]) == 0]
            if (counted := _what_counts(numbers, order, starts, up)) is not None:
                self._leave_out_counter(name, counted)
            elif len(up) >= LEAST_RISING and (up > 0).all():
                self.notes.append(
                    f"the channel {name!r} rises in every sequence: leave it out with --channels if it counts rows or "
                    "time"
                )

    def _leave_out_counter(self, name: str, what: str) -> None:
        self.counters.append(name)
        self._leave_out(name, f"it counts {what} (name the channels with --channels to keep it)")

    def _leave_out(self, name: str, reason: str) -> None:
        channels = tuple(channel for channel in self.roles.channels if channel != name)
        self.roles = replace(self.roles, channels=channels)
        del self.frame[name]
        self.left_out.append(name)
        named = f"the column {name!r}" if name else "the column without a name"
        self.notes.append(f"{named} is left out: {reason}")

    # Numbers that stayed text

    def _with_points(self, column: pandas.Series) -> pandas.Series:
        """A text column of numbers with decimal commas, with points for them; any other as it is."""
        given = self.reading.decimal
        if not self.table.written or _is_number(column) or given == ".":
            return column
        known = given == "," or "decimal comma" in getattr(self.table, "found", "")
        codes, found = column.astype(str).factorize()
        if not known and not any("," in text for text in found):
            return column
        commas = np.array([re.match(COMMA_NUMBER, text) is not None for text in found])
        points = np.array(["." in text for text in found])
        if not all(comma or _parses(text) for comma, text in zip(commas, found, strict=True)):
            return column
        if known:
            odd = points
            wanted = f"numbers with decimal commas, as {'--decimal , says' if given else 'in other columns'}"
            do = "correct the cells, pass --decimal . or, for dates, --time-format"
        elif points.any():
            return column
        else:
            odd = commas if all(re.match(THOUSANDS, text) for text in found[commas]) else points
            wanted = "cells that tell decimals from thousands, not every comma before three digits"
            do = "pass --decimal , if the comma is a decimal sign, or else write thousands without it"
        if odd.any():
            row = int(odd[codes].argmax())
            raise DataError(
                got=f"{column.iloc[row]!r} in {self.source}, {self.table.place(row)}, column {column.name!r}",
                wanted=wanted,
                do=do,
            )
        if commas.any():
            self.notes.append(f"the commas of the column {column.name!r} are decimal signs")
        return column.astype(str).str.replace(",", ".", regex=False)

    def _refuse_no_channels(self) -> None:
        if self.roles.channels:
            return
        if self.counters:
            shown = " and ".join(map(repr, self.counters))
            one = len(self.counters) == 1
            what = f"column that could be a channel, {shown}, counts" if one else f"columns, {shown}, count"
            raise DataError(
                got=f"{self.source}, where the only {what} the rows",
                wanted="a channel to learn from",
                do=f"name it with {as_options({'channels': self.counters[0]})} if it is a reading",
            )
        raise DataError(
            got=f"{self.source} with {len(self.frame)} row{'s'[: len(self.frame) != 1]} and no column besides id, "
            "time and target",
            wanted="at least one column besides those",
            do="add the columns of the channels, or correct --id, --time and --target",
        )

    # Which rows are a sequence

    def _sequences_of_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The number of its sequence for each row, and the ids; in order of id, or of appearance to predict for."""
        name = self.roles.id
        if name is None:
            return np.zeros(len(self.frame), dtype=np.int64), np.array([0])
        column = self.frame.pop(name)
        self._refuse_empty(column, "an id", "fill it, or leave the row out")
        codes, found = column.factorize()
        ids = np.asarray(found.astype(object) if hasattr(found, "categories") else found)
        if not self.predicting:
            keys = labels_from_text(np.asarray(ids, dtype=str)) if ids.dtype.kind in "OTU" else ids
            order = np.argsort(keys, kind="stable")
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            codes, ids = rank[codes], ids[order]
        return codes, ids

    def _layout(self) -> str:
        said = self.reading.layout
        if said is not None:
            if said == "wide" and self.roles.id is not None and len(self.ids) < len(self.frame):
                raise DataError(
                    got=f"{self.source} with several rows of one {self.roles.id!r}",
                    wanted="a row a sequence, as --layout wide says",
                    do="leave --layout out",
                )
            return said
        channels = [name for name in self.roles.channels if self.frame[name].dtype.kind in "iuf"]
        one_row_each = self.roles.id is not None and len(self.ids) == len(self.frame)
        a_row_each = one_row_each and (len(self.frame) > 1 or numbered(self.roles.channels) is not None)
        no_order = self.roles.time is None and self.roles.id is None and len(self.frame) > 1
        if self.roles.time is not None and not a_row_each:
            return "long"
        if not a_row_each and not (no_order and (self.task == "classification" or numbered(self.roles.channels))):
            return "long"
        steps = numbered(self.roles.channels)
        if steps is not None and len(channels) == len(steps) and self.task != "regression":
            self.notes.append(
                f"read as a wide table: a row a sequence, its columns {steps[0]!r} to {steps[-1]!r} the "
                f"{len(steps)} steps of one channel (--layout long for a row a step)"
            )
            return "wide"
        if self.roles.id is None and self.task == "classification":
            raise self._without_id()
        if a_row_each or steps is not None:
            what = f"each {self.roles.id!r} in one row" if a_row_each else "numbered columns, no id and no time"
            raise DataError(
                got=f"{self.source} with {what}",
                wanted="to know whether a row is a sequence or a step",
                do="pass --layout wide if the columns are the steps of one channel, or --layout long for a row a step",
            )
        return "long"

    def _without_id(self) -> DataError:
        likely = likely_options(self.roles, self.roles.channels, True)
        likely.setdefault("id", self._few_valued())
        return DataError(
            got=f"{self.source} without a column id",
            wanted="one, since each sequence has a label",
            do=f"name the column that tells the sequences apart with {as_options(likely)}, or pass --layout wide if "
            "each row is a sequence",
        )

    def _few_valued(self) -> str:
        """A column that may tell sequences apart."""
        likely = [
            name
            for name in self.frame.columns
            if name not in (self.roles.time, *self.roles.target)
            and self.frame[name].dtype.kind not in "f"
            and 1 < self.frame[name].nunique() <= len(self.frame) / 2
        ]
        return likely[0] if likely else "NAME"

    # A row a step

    def _long(self) -> TableRead:
        times = self._times()
        order = np.lexsort((times.values, self.codes)) if times else np.argsort(self.codes, kind="stable")
        if times is not None:
            refuse_misread(times, self.codes, self._time_cell, self._time_place)
            self._refuse_repeated(times, order)
            self._refuse_clock_that_goes_back(times)
        lengths = np.bincount(self.codes, minlength=len(self.ids)).astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        self._leave_out_row_numbers(order, starts)
        self._refuse_no_channels()
        y, per_step = self._targets(order, starts, lengths)
        as_written = None
        if self.roles.time is not None:
            column = self.frame.pop(self.roles.time)
            as_written = (
                np.asarray(column.astype(object) if column.dtype.kind != "M" else column)[order]
                if self.predicting
                else None
            )
        values, categories = self._values(order)
        first = _first_row(self.table)
        self._tell_leaks(values, starts, lengths, y)
        sequences = Sequences(
            values,
            lengths,
            y=y,
            per_step=per_step,
            channels=self.roles.channels,
            categories=categories,
            ids=self.ids if self.roles.id is not None else None,
            times=as_written,
            rows=order + first,
            source=self.source,
        )
        found = TimeColumn.of(times, order, starts) if times is not None else None
        refuse_infinite(sequences)
        return TableRead(sequences, self._found(times, per_step), self.notes, found)

    def _times(self) -> Times | None:
        name = self.roles.time
        if name is None:
            if self.predicting and self.reading.time is not None:
                self.notes.append(f"no column {self.reading.time!r}: the order of the rows counts")
            return None
        column = self.frame[name]
        self._refuse_empty(column, "a time", "fill it, or leave the row out")

        def place(row: int) -> str:
            return f"{self.source}, {self.table.place(row)}"

        times = None
        if self.reading.time_format is not None:
            try:
                times = read_times(column, place, self.reading.time_format)
            except DataError:
                # Another notation than in training is fine where it can be told.
                if not self.predicting:
                    raise
        if times is None:
            times = read_times(self._with_points(column), place)
        if times.note:
            self.notes.append(times.note)
        return times

    def _time_cell(self, row: int) -> str:
        return str(self.frame[self.roles.time].iloc[row])

    def _time_place(self, row: int) -> str:
        return f"in {self.source}, {self.table.place(row)}, column {self.roles.time!r}"

    def _refuse_repeated(self, times: Times, order: np.ndarray) -> None:
        in_order, sequence = times.values[order], self.codes[order]
        same = (sequence[1:] == sequence[:-1]) & (in_order[1:] == in_order[:-1])
        if not same.any():
            return
        at = int(same.argmax())
        first, second = (int(row) for row in order[at : at + 2])
        when = self.frame[self.roles.time].iloc[first]
        which = f" in {self.roles.id} {self.ids[sequence[at]]!s}" if self.roles.id else ""
        raise DataError(
            got=f"{self.roles.time} {when!s} twice{which} in {self.source}, {self.table.place(first)} and "
            f"{self.table.place(second)}",
            wanted="each time once in a sequence",
            do=self._why_repeated(times, float(same.mean())),
        )

    def _why_repeated(self, times: Times, share: float) -> str:
        """What would tell repeated steps apart, in words."""
        import pandas as pd

        keys = pd.DataFrame({"sequence": self.codes, "time": times.values})
        for name in self.roles.channels:
            column = self.frame[name]
            few = column.dtype.kind not in "f" and column.nunique() <= len(column) / 2
            if few and not keys.assign(other=column.to_numpy()).duplicated().any():
                if self.roles.id is None:
                    return f"pass --id {name}, which tells the series apart"
                return f"join {self.roles.id!r} and {name!r} to one column id: together they tell the series apart"
        if self.roles.id is None:
            return "add a column id that tells the series apart and name it with --id, or remove repeated rows"
        if share > 0.4:
            return "remove the repeated rows, or give the sequences ids of their own"
        return "remove the repeated row"

    def _refuse_clock_that_goes_back(self, times: Times) -> None:
        """Refuse times of day that are not in order in the file: they may have passed midnight."""
        if times.kind != "time of day":
            return
        in_file = np.argsort(self.codes, kind="stable")
        back = (np.diff(times.values[in_file]) < 0) & (np.diff(self.codes[in_file]) == 0)
        if back.any():
            row = int(in_file[int(back.argmax()) + 1])
            raise DataError(
                got=f"{self._time_cell(row)}, earlier than the row before, {self._time_place(row)}",
                wanted="times of day that go on, or dates: the next day may have begun",
                do="add the date to each time, or sort the rows of each sequence",
            )

    def _values(self, order: np.ndarray) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
        """The channels side by side in order [S, I]; each column is let go as soon as it is there."""
        values = np.empty((len(order), len(self.roles.channels)))
        categories: dict[str, tuple[str, ...]] = {}
        for k, name in enumerate(self.roles.channels):
            column = self.frame.pop(name)
            if name not in (self.reading.categorical or ()) and (numbers := _written_numbers(column)) is not None:
                values[:, k] = numbers[order]
            elif name in (self.reading.categorical or ()) or not _is_number(column):
                codes, categories[name] = self._text_channel(name, column)
                values[:, k] = codes[order]
            else:
                values[:, k] = column.to_numpy(dtype=np.float64, na_value=np.nan)[order]
        return values, categories

    def _text_channel(self, name: str, column: pandas.Series) -> tuple[np.ndarray, tuple[str, ...]]:

        if column.dtype.kind in "mM" or str(column.dtype).startswith(("datetime", "period", "timedelta")):
            raise DataError(
                got=f"the channel {name!r} of {self.source} of type {column.dtype}",
                wanted="numbers or text",
                do=f"pass --time {name} if it orders the steps, or name the channels with --channels",
            )
        try:
            codes, found = _composed(column.astype(object)).factorize()
        except TypeError:
            raise DataError(
                got=f"lists or other containers in the column {name!r} of {self.source}",
                wanted="numbers or text",
                do="leave the column out with --channels",
            ) from None
        as_text = [str(value) for value in found]
        if name not in (self.reading.categorical or ()):
            self._refuse_mixed(name, codes, found, as_text)
            self._refuse_decorated(name, codes, as_text)
            if len(found) > MOST_CATEGORIES or len(found) > max(20, len(column) // 2):
                raise DataError(
                    got=f"the text channel {name!r} of {self.source} with {len(found):,} different values such as "
                    f"{as_text[0]!r}",
                    wanted=f"at most {MOST_CATEGORIES} categories, each several times",
                    do=f"pass --time {name} if it orders the steps, --id {name} if it names the sequences, or name "
                    "the channels with --channels",
                )
        order = np.argsort(np.array(as_text, dtype=object), kind="stable")
        rank = np.empty(len(order) + 1)
        rank[order] = np.arange(len(order))
        rank[-1] = np.nan
        return rank[codes], tuple(as_text[k] for k in order)

    def _refuse_mixed(self, name: str, codes: np.ndarray, found: Any, as_text: list[str]) -> None:
        """Refuse numbers among text, naming the cell of the rarer kind."""
        is_number = np.array([_parses(value) for value in as_text], dtype=bool)
        if not is_number.any():
            return
        odd = is_number[codes] & (codes >= 0)
        odd = odd if odd.sum() < (codes >= 0).sum() / 2 else ~odd & (codes >= 0)
        row = int(odd.argmax())
        raise DataError(
            got=f"{as_text[codes[row]]!r} in {self.source}, {self.table.place(row)}, column {name!r}",
            wanted="numbers alone, or text alone",
            do=f"correct or empty the cell, leave the column out with --channels, or pass --categorical {name}",
        )

    def _refuse_decorated(self, name: str, codes: np.ndarray, as_text: list[str]) -> None:
        """Refuse numbers that something stands beside: thousands separators, a percent sign, a currency, a unit."""
        parts = [DECORATED.fullmatch(value.strip()) for value in as_text]
        if not parts or not all(parts):
            return
        units = {found[2] for found in parts if found}
        letters = any(re.search(r"[^\W\d_]", value) for value in as_text)
        if not letters or (len(units) == 1 and "" not in units):
            row = int((codes == 0).argmax())
            raise DataError(
                got=f"{as_text[0]!r} in {self.source}, {self.table.place(row)}, column {name!r}, and every other cell "
                "like it",
                wanted="numbers alone, or text",
                do=f"write plain numbers, pass --time {name} if it orders the steps, or --categorical {name} for text",
            )

    # Targets

    def _targets(self, order: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray | None, bool]:
        if self.predicting:
            return None, False
        if not self.roles.target:
            if self.task is None:
                return None, False
            raise DataError(
                got=f"{self.source} without {' or '.join(self.reading.target or ('y',))}",
                wanted="a target to learn",
                do=self._suggested_target(),
            )
        columns = [self.frame.pop(name) for name in self.roles.target]
        if self.task != "classification":
            columns = [self._with_points(column) for column in columns]
        if self.task == "classification" or (self.task is None and not self._all_numbers(columns)):
            if len(columns) > 1:
                raise DataError(
                    got=f"the targets {', '.join(self.roles.target)}", wanted="one label", do="name one with --target"
                )
            return self._labels(columns[0], order, starts), False
        targets = np.stack([self._numbers(column)[order] for column in columns], axis=1)
        per = self.reading.target_per
        sequence_of = np.repeat(np.arange(len(lengths)), lengths)
        constant = bool((targets == targets[starts][sequence_of]).all())
        if per is None:
            per = "sequence" if constant and len(lengths) > 1 and lengths.max() > 1 else "step"
            if per == "sequence":
                self.notes.append(
                    "the target is the same in all steps of each sequence: one target a sequence "
                    "(--target-per step for one a step)"
                )
        if per == "step":
            return targets, True
        if not constant:
            row = int(order[int((targets != targets[starts][sequence_of]).any(axis=1).argmax())])
            raise DataError(
                got=f"a second target of one sequence in {self.source}, {self.table.place(row)}",
                wanted="one a sequence, as --target-per sequence says",
                do="correct the column, or pass --target-per step",
            )
        return targets[starts], False

    def _suggested_target(self) -> str:
        names = [name for name in self.frame.columns if name != self.roles.time]
        likely = likely_options(self.roles, names, True).get("target", "NAME")
        shown = ", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")
        return f"name the column of the target with --target {likely} (columns: {shown}), or choose another file"

    def _all_numbers(self, columns: list[pandas.Series]) -> bool:
        if not self.table.written:
            return all(map(_is_number, columns))
        return all(_is_number(column) or all(map(_parses, map(str, column.unique()))) for column in columns)

    def _numbers(self, column: pandas.Series) -> np.ndarray:
        """A target column as numbers; an empty cell or text is refused with its place."""

        self._refuse_empty(column, "a target for every step", "fill it, or leave the row out")
        if _is_number(column):
            numbers = column.to_numpy(dtype=np.float64)
        else:
            codes, found = column.astype(str).str.strip().factorize()
            exact = np.array([float(one) if _parses(one) else np.nan for one in found] or [np.nan])
            numbers = exact[codes]
        bad = ~np.isfinite(numbers)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                got=f"{str(column.iloc[row])!r} in {self.source}, {self.table.place(row)}, column {column.name!r}",
                wanted="a number, since regression learns numbers",
                do="correct the cell, name another column with --target, or fit classification for labels",
            )
        return numbers

    def _labels(self, column: pandas.Series, order: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """One label a sequence, which all its rows tell."""
        self._refuse_empty(column, "a label", "fill it")
        column = _composed(column)
        codes, found = column.factorize()
        self._refuse_spellings(column, list(found))
        in_order = codes[order]
        sequence_of = self.codes[order]
        other = in_order != in_order[starts][sequence_of]
        if other.any():
            row = int(order[int(other.argmax())])
            more = ", or pass --id NAME to tell the sequences apart" if self.roles.id is None else ""
            raise DataError(
                got=f"a second label of one sequence in {self.source}, {self.table.place(row)}, column {column.name!r}",
                wanted="one label a sequence",
                do=f"correct the column, or fit regression for a target every step{more}",
            )
        labels = np.asarray(found.astype(object) if hasattr(found, "categories") else found)[in_order[starts]]
        if odd := sorted({str(one) for one in found} & set(MISSING)):
            self.notes.append(
                f"the label {odd[0]!r} is taken as a class, as it is written; leave an empty cell if none is known"
            )
        what = f"column {column.name!r} of {self.source}"
        plain = as_labels(labels, what)
        return labels_from_text(plain) if plain.dtype.kind == "U" and self.table.written else plain

    def _refuse_spellings(self, column: pandas.Series, labels: list[Any]) -> None:
        """Refuse text that is one number in two spellings, or numbers and truth values: labels of two programs."""
        truth = [label for label in labels if isinstance(label, str) and label.casefold() in ("true", "false")]
        numbers = [label for label in labels if isinstance(label, str) and PLAIN_NUMBER.fullmatch(label)]
        if len(truth) + len(numbers) < len(labels):
            return
        first: dict[Decimal, str] = {}
        twins = [(one, other) for one in numbers if (other := first.setdefault(Decimal(one), one)) != one]
        if truth and numbers:
            twins.append((truth[0], numbers[0]) if labels.index(truth[0]) else (numbers[0], truth[0]))
        if twins:
            odd, other = twins[0]
            row = int((column == odd).to_numpy().argmax())
            raise DataError(
                got=f"the labels {other!r} and {odd!r} in {self.source}, {self.table.place(row)}, column "
                f"{column.name!r}",
                wanted="each label in one spelling",
                do="write them alike, or with a letter where they are different classes",
            )

    def _refuse_truth_among_numbers(self, column: pandas.Series) -> None:
        """Refuse true and false among numbers, naming the cell of the rarer kind."""
        if column.dtype != object:
            return
        truth = np.array([isinstance(cell, (bool, np.bool_)) for cell in column], dtype=bool)
        numbers = np.array([isinstance(cell, (int, float, np.number)) and cell == cell for cell in column], dtype=bool)
        numbers &= ~truth
        if truth.any() and numbers.any():
            row = int((truth if truth.sum() <= numbers.sum() else numbers).argmax())
            raise DataError(
                got=f"{column.iloc[row]!r} in {self.source}, {self.table.place(row)}, column {column.name!r}",
                wanted="numbers alone, or True and False alone",
                do="correct the cell, or leave the column out with --channels",
            )

    def _refuse_empty(self, column: pandas.Series, wanted: str, do: str) -> None:
        empty = column.isna().to_numpy()
        if empty.any():
            row = int(empty.argmax())
            raise DataError(
                got=f"an empty cell in {self.source}, {self.table.place(row)}, column {column.name!r}",
                wanted=wanted,
                do=do,
            )

    # A row a sequence

    def _steps_of_wide(self) -> list[str]:
        """The columns of the steps in their order."""
        given = list(self.roles.channels)
        if self.reading.steps is not None and self.roles.chosen:
            n, trained = len(given), len(self.reading.steps)
            if n != trained:
                what = f"{n} steps, {given[0]!r} to {given[-1]!r}" if n > 1 else f"one step, {given[0]!r}"
                self.notes.append(f"{what}, where training had {trained} (--channels names the steps to take)")
            return given
        if self.predicting and self.roles.chosen:
            return given
        in_order = None if self.roles.chosen else numbered(given, gaps=True)
        if in_order is None and not self.roles.chosen:
            runs: dict[str, list[str]] = {}
            for name in given:
                if found := NUMBERED.fullmatch(name):
                    runs.setdefault(found[1], []).append(name)
            if len(runs) > 1 or (runs and len(next(iter(runs.values()))) < len(given)):
                only = numbered(next(iter(runs.values())), gaps=True) if len(runs) == 1 else None
                raise DataError(
                    got=f"{self.source} with the columns {', '.join(map(repr, given[:8]))}, not all numbered alike",
                    wanted="the steps of one channel",
                    do=f"name them in their order with --channels {','.join(only) if only else 'FIRST,SECOND,…'}",
                )
        names = in_order or given
        if not any("wide" in note for note in self.notes):
            shown = ", ".join(map(repr, names)) if len(names) < 7 else f"{names[0]!r}, {names[1]!r} to {names[-1]!r}"
            file_order = "of --channels" if self.roles.chosen else "of the file"
            how = "in the order of their numbers" if in_order else f"in the order {file_order}"
            self.notes.append(f"a wide table, the steps of one channel {how}: {shown}")
        return names

    def _tell_leaks(self, values: np.ndarray, starts: np.ndarray, lengths: np.ndarray, y: np.ndarray | None) -> None:
        """Say where a channel that is the same in all steps of each sequence tells its label."""
        if y is None or y.ndim != 1 or len(np.unique(y)) < 2 or lengths.max() < 2:
            return
        labels = np.unique(y, return_inverse=True)[1]
        firsts = values[starts]
        for k, name in enumerate(self.roles.channels):
            if not np.array_equal(np.repeat(firsts[:, k], lengths), values[:, k]):
                continue
            found = np.unique(firsts[:, k], return_inverse=True)[1]
            pairs = len(np.unique(np.stack([found, labels]), axis=1).T)
            if pairs == found.max() + 1 and found.max() < len(labels) - 1:
                self.notes.append(
                    f"the channel {name!r} tells the label by itself: leave it out with --channels if it is not known "
                    "beforehand"
                )

    def _wide(self) -> TableRead:
        self._refuse_no_channels()
        names = self._steps_of_wide()
        if self.roles.time is not None:
            raise DataError(
                got=f"{self.source} with the column {self.roles.time!r}",
                wanted="a row a sequence, as --layout wide says, whose columns are the steps",
                do="leave --layout out, or name the columns of the steps with --channels",
            )
        for name in names:
            if not _is_number(self.frame[name]):
                raise DataError(
                    got=f"the text column {name!r} of {self.source}",
                    wanted="numbers, the steps of one channel",
                    do="name the column of the label with --target, of the name with --id, or those of the steps "
                    "with --channels",
                )
        if self.roles.id is None:
            self.codes = np.arange(len(self.frame))
        rows = np.argsort(self.codes, kind="stable")
        y = None
        if not self.predicting and (self.task or self.roles.target):
            y, _ = self._targets(rows, np.arange(len(rows)), np.ones(len(rows), dtype=np.int64))
        values, lengths = without_trailing_holes(
            self.frame[names].to_numpy(dtype=np.float64, na_value=np.nan)[rows],
            lambda row: f"{self.source}, {self.table.place(int(rows[row]))}",
        )
        sequences = Sequences(
            values, lengths, y=y, ids=self.ids if self.roles.id is not None else None, source=self.source
        )
        refuse_infinite(sequences)
        # A row to predict for has steps of the same names, whatever else stands beside them.
        reading = replace(
            self._found(None, False),
            layout="wide",
            channels=self.reading.channels,
            steps=self.reading.steps or tuple(names),
        )
        if self.reading.left_out is None:
            beside = beside_steps([name for name in self.table.columns if name not in self.roles.named], names)
            reading = replace(reading, left_out=(*self.left_out, *beside))
        return TableRead(sequences, reading, self.notes)

    def _found(self, times: Times | None, per_step: bool) -> Reading:
        """What was said and found, without how this one file is written."""
        return Reading(
            id=self.roles.id or (self.reading.id if self.predicting else None),
            time=self.roles.time or (self.reading.time if self.predicting else None),
            target=self.roles.target or None,
            channels=self.roles.channels if self.roles.chosen else None,
            categorical=self.reading.categorical,
            time_format=times.format if times is not None else self.reading.time_format,
            layout="long",
            target_per=None if self.task != "regression" else "step" if per_step else "sequence",
            left_out=self.left_out if self.reading.left_out is None else self.reading.left_out,
        )


def without_trailing_holes(table: np.ndarray, place: Callable[[int], str]) -> tuple[np.ndarray, np.ndarray]:
    """The steps of rows [N, T] that end in NaN where they are shorter, as [S, 1], and their lengths."""
    real = ~np.isnan(table)
    lengths = (table.shape[1] - real[:, ::-1].argmax(axis=1)).astype(np.int64)
    if (empty := ~real.any(axis=1)).any():
        row = int(empty.argmax())
        raise DataError(got=f"{place(row)} without a single value", wanted="at least one step", do="leave the row out")
    steps = np.arange(table.shape[1]) < lengths[:, None]
    return table[steps][:, None], lengths


def _counts(numbers: np.ndarray) -> bool:
    """Whether numbers count rows: all of a range in any order, or up by one with new beginnings."""
    once = len(np.unique(numbers)) == len(numbers) == int(numbers.max()) - int(numbers.min()) + 1
    return once or bool(((np.diff(numbers) == 1) | (numbers[1:] == numbers[0])).all())


def _counts_up(numbers: np.ndarray) -> bool:
    """Whether numbers go up by one from 0 or 1."""
    return len(numbers) > LEAST_COUNTED and numbers[0] in (0, 1) and bool((np.diff(numbers) == 1).all())


def _what_counts(numbers: np.ndarray, order: np.ndarray, starts: np.ndarray, up: np.ndarray) -> str | None:
    """What the numbers of a column count, if anything; `up` are their differences within sequences."""
    if (numbers != np.round(numbers)).any():
        return None
    in_order, n = numbers[order], len(numbers)
    several, low = len(starts) > 1, numbers.min()
    whole = several and n >= LEAST_SHUFFLED
    if _counts_up(numbers) or _counts_up(in_order) or (whole and (np.diff(numbers) == 1).all()):
        return "the rows of the file"
    if whole and low in (0, 1) and (np.sort(numbers) == low + np.arange(n)).all():
        return "the rows of the file"
    if several and len(up) >= LEAST_COUNTED and (up == 1).all() and (in_order[starts] == in_order[0]).all():
        return "the rows of each sequence"
    return None


def _composed(column: pandas.Series) -> pandas.Series:
    """Text in Unicode's composed form, in which é is one character."""
    if column.dtype.kind in "biufcmM":
        return column
    other = {
        text: composed
        for text in column.unique()
        if isinstance(text, str) and (composed := unicodedata.normalize("NFC", text)) != text
    }
    return column.astype(object).replace(other) if other else column


def _is_number(column: pandas.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column.dtype)) or _holds_number_objects(column)


def _written_numbers(column: pandas.Series) -> np.ndarray | None:
    """Numbers for text that is numbers, or True and False, all through but for empty cells; none for any other."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return None
    try:
        codes, found = column.astype(object).factorize()
    except TypeError:
        return None
    as_text = [str(value).casefold() for value in found]
    if as_text and set(as_text) <= {"true", "false"}:
        return np.array([*(value == "true" for value in as_text), np.nan])[codes]
    if as_text and all(map(_parses, as_text)):
        return np.array([*map(float, as_text), np.nan])[codes]
    return None


def _holds_number_objects(column: pandas.Series) -> bool:
    return column.dtype == object and all(
        value is None or value != value or isinstance(value, (int, float, np.number)) for value in column
    )


def _parses(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and not re.fullmatch(r"\s*[+-]?(nan|inf|infinity)\s*", text, re.IGNORECASE)


def _first_row(table: NamedColumns) -> int:
    """What a person calls the first row."""
    found = re.search(r"row (\d+)$", table.place(0))
    return int(found[1]) if found else 0
