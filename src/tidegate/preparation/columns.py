"""Which column of a table is what: by what was said, by its name, or refused with the option that says it."""

from __future__ import annotations

import difflib
import re
import shlex
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


def roles_of(columns: Sequence[str], reading: Reading, source: str, *, strict: bool = True) -> Roles:
    """The role of each column.

    Args:
        columns: their names.
        reading: what was said of them.
        source: the name of the table in a message.
        strict: refuse a name that was said and is not there; else it is not there, as in data to predict for.
    """
    target = reading.target if reading.target is not None else ("y",)
    found_targets = [_find(name, columns, source, "target", strict and reading.target is not None) for name in target]
    found_id = _find(
        "id" if reading.id is None else reading.id, columns, source, "id", strict and reading.id is not None
    )
    found_time = _find(
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
    if reading.channels is not None:
        chosen = [_find(name, columns, source, "channels", True) for name in reading.channels]
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
        twins = {name.casefold() for name in named}
        if strict and (twin := next((name for name in channels if name.casefold() in twins and name), None)):
            raise DataError(
                got=f"the column {twin!r} of {source} beside another that differs in case alone",
                wanted="to know which is which",
                do="name the channels with --channels, or rename one",
            )
    found = tuple(name for name in found_targets if name is not None)
    return Roles(found_id, found_time, found, channels, reading.channels is not None)


def _find(name: str, columns: Sequence[str], source: str, option: str, needed: bool) -> str | None:
    """The column of a name, without case where none is spelled the same."""
    if name in columns:
        return name
    alike = [column for column in columns if column.casefold() == name.casefold()]
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
            plain = name.casefold()
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


def numbered(names: Sequence[str], gaps: bool = False) -> list[str] | None:
    """Names that differ in a running number alone, such as t0, t1, t2, in the order of that number; else none.

    With `gaps`, numbers may be left out.

    >>> numbered(["t10", "t9", "t11"]), numbered(["x", "y1", "y2"])
    (['t9', 't10', 't11'], None)
    """
    matches = [NUMBERED.fullmatch(name) for name in names]
    if len(names) < 3 or not all(matches) or len({found[1] for found in matches if found}) > 1:
        return None
    if re.search(r"-$|lag|prev|back", names[0][: names[0].rfind(matches[0][2])] if matches[0] else "", re.IGNORECASE):
        # t-1 is later than t-2, and lag1 than lag2.
        return None
    by_number = {int(found[2]): name for found, name in zip(matches, names, strict=True) if found}
    numbers = sorted(by_number)
    if len(by_number) < len(names) or (not gaps and numbers[-1] - numbers[0] >= len(numbers)):
        return None
    return [by_number[number] for number in numbers]
