"""Which column of a table is what: by what was said, by its name, or refused with the option that says it."""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.errors import DataError
from tidegate.preparation.reading import Reading

UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)*|)", re.IGNORECASE)
INDEX = ("index", "level_0", "level_1", "rownames")
LIKE_TIME = (
    "timestamp", "datetime", "date", "date_time", "ds", "ts", "t", "step", "frame", "tick", "timestep", "time_step",
    "seconds", "sec", "elapsed", "epoch", "unix", "zeit", "datum",
)  # fmt: skip
TIME_AND_UNIT = re.compile(r"(time|t)[ _]?[(\[]?(s|ms|us|ns|sec|seconds|min|h)[)\]]?")
LIKE_ID = (
    "series", "sequence", "recording", "session", "trial", "subject", "unit", "segment", "sample", "patient",
    "participant", "user", "case", "instance",
)  # fmt: skip
LIKE_TARGET = ("label", "class", "target", "activity", "category", "outcome")
NUMBERED = re.compile(r"(.*?)[_\- .]?(\d+)")


@dataclass(frozen=True)
class Roles:
    """What the columns are."""

    id: str | None
    time: str | None
    target: tuple[str, ...]
    """None, one, or several."""
    channels: tuple[str, ...]
    chosen: bool
    """Whether the channels were chosen by name; others are left out then."""

    @property
    def named(self) -> list[str]:
        """The columns that are no channels."""
        return [name for name in (self.id, self.time, *self.target) if name is not None]


def folded(name: str) -> str:
    """A name as it is compared: without case, in one Unicode form.

    >>> folded("Größe") == folded("GRO\u0308SSE")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def roles_of(columns: Sequence[str], reading: Reading, source: str, *, strict: bool = True) -> Roles:
    """The role of each column.

    Args:
        columns: their names.
        reading: what was said of them.
        source: the name of the table in a message.
        strict: refuse a name that was said and is not there; else it is not there, as in data to predict for.
    """
    target = reading.target if reading.target is not None else ("y",)
    asked = strict and reading.target is not None
    found_targets = [find_column(name, columns, source, "target", asked) for name in target]
    found_id = find_column(
        "id" if reading.id is None else reading.id, columns, source, "id", strict and reading.id is not None
    )
    found_time = find_column(
        "time" if reading.time is None else reading.time, columns, source, "time", strict and reading.time is not None
    )
    named = [name for name in (found_id, found_time, *found_targets) if name is not None]
    if repeated := [name for name in named if named.count(name) > 1]:
        raise DataError(
            got=f"the column {repeated[0]!r} of {source} in two roles",
            wanted="one of --id, --time and --target for each column",
            do="correct the options",
        )
    channels: tuple[str, ...]
    steps = _trained_steps([name for name in columns if name not in named], reading, source)
    if steps is not None:
        channels = steps
    elif reading.channels is not None:
        chosen = [find_column(name, columns, source, "channels", True) for name in reading.channels]
        channels = tuple(name for name in chosen if name is not None)
        if repeated := [name for name in channels if channels.count(name) > 1]:
            raise DataError(
                got=f"the channel {repeated[0]!r} of {source} twice", wanted="each once", do="correct --channels"
            )
        if both := [name for name in channels if name in named]:
            raise DataError(
                got=f"the column {both[0]!r} of {source} among --channels and in another role",
                wanted="one role for each column",
                do="correct the options",
            )
    else:
        channels = tuple(name for name in columns if name not in named)
        if strict:
            refuse_twins(columns, source)
    found = tuple(name for name in found_targets if name is not None)
    return Roles(found_id, found_time, found, channels, reading.channels is not None or steps is not None)


def refuse_twins(columns: Sequence[str], source: str) -> None:
    """Raise DataError where two columns differ in case, or in the form of Unicode, alone."""
    first: dict[str, str] = {}
    for name in columns:
        other = first.setdefault(folded(name), name)
        if other != name:
            what = "case" if other.casefold() == name.casefold() else "the form of Unicode"
            raise DataError(
                got=f"the column {name!r} of {source} beside {other!r}, which differs in {what} alone",
                wanted="to know which is which",
                do="name the channels with --channels, or rename one",
            )


def _trained_steps(columns: Sequence[str], reading: Reading, source: str) -> tuple[str, ...] | None:
    """The steps of a wide table, in order, where `reading` knows those of training; a sequence may have any length."""
    if reading.steps is None or reading.layout != "wide":
        return None
    trained = list(reading.steps)
    steps, known = trained, set(map(folded, trained))
    there = {folded(name): name for name in columns}
    # Where some of them were left out in training, those that were chosen are all there are.
    chosen = bool(beside_steps(reading.left_out or (), trained))
    new = [name for name in beside_steps(columns, trained) if folded(name) not in known and not chosen]
    refuse_twins([name for name in columns if folded(name) in known or name in new], source)
    what = f"the steps of training, {trained[0]!r} to {trained[-1]!r}"
    by_hand = "name the steps in their order with --channels"
    if numbered(trained, gaps=True, least=1) == trained:
        last = _number_of(trained[-1])
        further = sorted((name for name in new if _number_of(name) > last), key=_number_of)
        new = [name for name in new if _number_of(name) <= last]
        steps = [*trained, *further]
        if numbered(steps, gaps=numbered(trained, least=1) is None, least=1) is None:
            raise DataError(
                got=f"{source} with further steps, {', '.join(map(repr, further[:8]))}, that skip or repeat a number",
                wanted="a column for each step",
                do=f"correct the names, or {by_hand}",
            )
        while len(steps) > 1 and folded(steps[-1]) not in there:
            steps.pop()
    if new:
        raise DataError(
            got=f"{source} with the column {new[0]!r}, no step of training and none after the last",
            wanted=f"{what}, or further ones after them",
            do=f"leave it out, or {by_hand}",
        )
    if absent := [name for name in steps if folded(name) not in there]:
        raise DataError(
            got=f"{source} without the column {absent[0]!r}",
            wanted=f"{what}, of which the last alone may be missing",
            do=f"add it, or {by_hand}",
        )
    return tuple(there[folded(name)] for name in steps)


def run_of(name: str) -> str | None:
    """What numbered names that belong together begin with."""
    found = NUMBERED.fullmatch(name)
    return folded(found[1]) if found else None


def _number_of(name: str) -> int:
    found = NUMBERED.fullmatch(name)
    return int(found[2]) if found else 0


def beside_steps(columns: Sequence[str], steps: Sequence[str]) -> list[str]:
    """Columns that are numbered as the steps are, and are none of them."""
    runs = {run_of(name) for name in steps} - {None}
    known = set(steps)
    return [name for name in columns if name not in known and run_of(name) in runs]


def find_column(name: str, columns: Sequence[str], source: str, option: str, needed: bool = True) -> str | None:
    """The column of a name, without case where none is spelled the same."""
    if name in columns:
        return name
    alike = [column for column in columns if folded(column) == folded(name)]
    if len(alike) > 1:
        raise DataError(
            got=f"the columns {' and '.join(map(repr, alike))} in {source}",
            wanted=f"one for {option}",
            do=f"name it with --{option}",
        )
    if alike:
        return alike[0]
    if not needed:
        return None
    near = difflib.get_close_matches(name, columns, n=1)
    raise DataError(
        got=f"{source} without the column {name!r}",
        wanted=f"one of {', '.join(map(repr, columns[:20]))}{', …' if len(columns) > 20 else ''}",
        do=f"pass --{option} {near[0]}" if near else f"correct --{option}",
    )


def likely_options(roles: Roles, columns: Sequence[str], asks_target: bool) -> dict[str, str]:
    """What the columns that have no role yet look like, by their names: the option of each role and its column."""
    found: dict[str, str] = {}
    wanted = [("id", LIKE_ID, roles.id is None), ("time", LIKE_TIME, roles.time is None)]
    for option, like, free in [*wanted, ("target", LIKE_TARGET, asks_target and not roles.target)]:
        for name in columns:
            plain = folded(name)
            is_like = plain in like or (option == "id" and re.fullmatch(r".*[_ ]id", plain) is not None)
            is_like = is_like or (option == "time" and TIME_AND_UNIT.fullmatch(plain) is not None)
            if free and is_like and name not in (roles.id, roles.time, *roles.target):
                found.setdefault(option, name)
    return found


def as_options(found: Mapping[str, str]) -> str:
    """Options as they are typed."""
    return " ".join(f"--{option} {shlex.quote(name)}" for option, name in found.items())


def refuse_unclaimed(roles: Roles, source: str, asks_target: bool) -> None:
    """Raise DataError where a column looks like the sequence's name or the time, and nothing says so."""
    likely = likely_options(roles, roles.channels, asks_target)
    told = {option: name for option, name in likely.items() if option != "target"}
    if roles.chosen or not told:
        return
    option, name = next(iter(told.items()))
    what = {"id": "the name of a sequence", "time": "the time of a step"}[option]
    raise DataError(
        got=f"{source} without a column {option}, and with {name!r}, which looks like {what}",
        wanted="to know what it is",
        do=f"pass {as_options(likely)}, or name the channels with --channels",
    )


def numbered(names: Sequence[str], gaps: bool = False, least: int = 3) -> list[str] | None:
    """Names that differ in a running number alone, such as t0, t1, t2, in the order of that number; else none.

    With `gaps`, numbers may be left out. Of fewer than `least` names nothing is said.

    >>> numbered(["t10", "t9", "t11"]), numbered(["x", "y1", "y2"])
    (['t9', 't10', 't11'], None)
    """
    matches = [NUMBERED.fullmatch(name) for name in names]
    if len(names) < least or not all(matches) or len(set(map(run_of, names))) > 1:
        return None
    if re.search(r"-$|lag|prev|back", names[0][: names[0].rfind(matches[0][2])] if matches[0] else "", re.IGNORECASE):
        # t-1 is later than t-2, and lag1 than lag2.
        return None
    by_number = {int(found[2]): name for found, name in zip(matches, names, strict=True) if found}
    numbers = sorted(by_number)
    if len(by_number) < len(names) or (not gaps and numbers[-1] - numbers[0] >= len(numbers)):
        return None
    return [by_number[number] for number in numbers]
