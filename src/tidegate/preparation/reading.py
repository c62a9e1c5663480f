"""What a person says of a table: which column is what, and how it is written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tidegate.data.table import TableFormat
from tidegate.errors import ConfigError

LAYOUTS = ("long", "wide")
PER = ("sequence", "step")


@dataclass(frozen=True)
class Reading:
    """How to read a table; what is None is detected from the table, or refused with the option that resolves it.

    Column names are compared case-insensitively if none matches exactly. On the command line each field is an option,
    such as `--time-format`.
    """

    id: str | None = None
    """The column that identifies the sequence; by default `id`."""
    time: str | None = None
    """The column that orders the steps; by default `time`, otherwise the order of the rows."""
    target: str | Sequence[str] | None = None
    """The column of the label or target, or several of targets; by default `y`."""
    channels: str | Sequence[str] | None = None
    """The input columns; by default all others."""
    categorical: str | Sequence[str] | None = None
    """Channels that are categories although they look like numbers."""
    time_format: str | None = None
    """The format of dates, as for strptime: %d.%m.%Y %H:%M."""
    layout: str | None = None
    """long: one row per step; wide: one row per sequence, whose columns are the steps of one channel."""
    target_per: str | None = None
    """sequence or step: what has a target, if both are possible."""
    separator: str | None = None
    """The separator of cells in a text file: a character, or tab, comma, semicolon, space."""
    decimal: str | None = None
    """The decimal sign of a text file: `.` or `,`."""
    encoding: str | None = None
    """The encoding of a text file, such as utf-8 or cp1252."""
    source: str | None = None
    """In translation, the column of the texts to translate; `target` is that of their translations, or a file."""
    future: str | Sequence[str] | None = None
    """In forecasting, the columns that are known ahead, such as holidays and prices."""
    sample_rate: int | None = None
    """The sampling rate in Hz to which audio is resampled; by default that of most files, at most 16,000."""
    mel_bins: int | None = None
    """Number of mel features of a frame; by default 40."""
    left_out: Sequence[str] | None = None
    """Columns that were found to be no channels, in a table that was read; row numbers are not looked for again."""
    steps: Sequence[str] | None = None
    """The columns of the steps, in a wide table that was read; another may have more of them or fewer."""

    def __post_init__(self) -> None:
        for name in ("id", "time", "time_format", "source"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        for name in ("sample_rate", "mel_bins"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _whole(name, getattr(self, name)))
        for name in ("target", "channels", "categorical", "future", "left_out", "steps"):
            value = getattr(self, name)
            if isinstance(value, str):
                # As in a CSV file: a name with a comma stands in double quotes.
                value = [part.strip() for part in next(csv.reader([value], skipinitialspace=True), []) if part.strip()]
            if value is not None:
                several = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
                object.__setattr__(self, name, tuple(map(str, several)))
        for name, allowed in (("layout", LAYOUTS), ("target_per", PER)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise ConfigError(
                    got=f"{name}={value!r}",
                    wanted=f"one of {', '.join(allowed)}",
                    do=f"correct --{name.replace('_', '-')}",
                )

    @property
    def format(self) -> TableFormat:
        return TableFormat(self.separator, self.decimal, self.encoding)

    def or_else(self, other: Reading) -> Reading:
        """What is said here, and for the rest what `other` says."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        # Channels that a person names are all there are.
        other = replace(other, steps=None) if self.channels is not None else other
        return replace(other, **{name: value for name, value in said.items() if value is not None})

    def refuse_other_sound(self, sample_rate: int | None, mel_bins: int | None) -> None:
        """Raise ConfigError where features are wanted that are not those of training."""
        for name, trained in (("sample_rate", sample_rate), ("mel_bins", mel_bins)):
            given = getattr(self, name)
            if given is not None and given != trained:
                raise ConfigError(
                    got=f"--{name.replace('_', '-')} {given}",
                    wanted=f"{trained}, as in training" if trained else "no option of sound",
                    do="leave it out",
                )

    def of_another_file(self) -> Reading:
        """The same of a file that may be written otherwise."""
        return replace(self, separator=None, decimal=None, encoding=None)

    def to_config(self) -> dict[str, Any]:
        """As JSON, without what is not said."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value is not None
        }


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ConfigError(
            got=f"{name}={value!r}", wanted="a whole number", do=f"correct --{name.replace('_', '-')}"
        ) from None


SOUND = ("sample_rate", "mel_bins")
"""What can be said of sound alone."""
OPTIONS = tuple(field.name for field in fields(Reading) if field.name not in ("left_out", "steps"))
"""The names of what can be said."""
