"""From channels as they were read to the columns that a network takes: matched by name, filled, encoded, scaled."""

from __future__ import annotations

import difflib
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidegate.data import Sequences
from tidegate.data.sequences import refuse_missing
from tidegate.errors import ConfigError, DataError, DataWarning
from tidegate.preparation.columns import folded
from tidegate.preparation.scale import Scaler

MISSING = ("refuse", "interpolate", "mask")


@dataclass(frozen=True)
class Preparation:
    """What was learned of the training data's channels; the same code prepares what is predicted for.

    Columns of the result: each number channel as it is, each text channel as a column for each of its categories
    (one-hot), and after them a column that is 1 where a value was missing, for each channel of `masked`.
    """

    n_channels: int
    channels: tuple[str, ...] | None
    """Names; none where the training data had none."""
    categories: dict[str, tuple[str, ...]]
    """Of each text channel."""
    missing: str
    """refuse; interpolate: numbers along the sequence, text carried forward, the nearest value at the ends, the mean
    where a sequence has none; or mask: the mean, or no category, and a column that says so."""
    fill: np.ndarray
    """[I] the mean of each number channel; 0 where `missing` is refuse, and nothing is filled."""
    masked: tuple[int, ...]
    """Channels with missing values in training, where `missing` is mask."""
    scaler: Scaler
    """Of the columns."""

    @classmethod
    def fit(
        cls,
        sequences: Sequences,
        *,
        missing: str = "refuse",
        standardize: bool = True,
        scale_on: Sequences | None = None,
    ) -> Preparation:
        """Learn from training data, means and scale from a part of it where `scale_on` is given.

        Raises DataError where a value is missing and `missing` says refuse, or a channel has no values at all.
        """
        if missing not in MISSING:
            raise ConfigError(got=f"missing={missing!r}", wanted=f"one of {', '.join(MISSING)}", do="correct the name")
        values, names = sequences.values, sequences.channels
        holes = np.isnan(values).any(axis=0)
        if missing == "refuse" and holes.any():
            refuse_incomplete(sequences)
        part = sequences if scale_on is None else scale_on
        fill = np.zeros(values.shape[1])
        for channel in range(values.shape[1]) if missing != "refuse" else ():
            column = part.values[:, channel]
            real = column[~np.isnan(column)] if holes[channel] else column
            if len(real) == 0:
                real = values[~np.isnan(values[:, channel]), channel]
            if len(real) == 0:
                named = f"channel {names[channel]!r}" if names else f"channel {channel}"
                raise DataError(got=f"{named} without a single value", wanted="some", do="leave the channel out")
            if not (names and names[channel] in sequences.categories):
                fill[channel] = real.mean(dtype=np.float64)
        masked = tuple(int(k) for k in np.flatnonzero(holes)) if missing == "mask" else ()
        fitted = cls(
            n_channels=values.shape[1],
            channels=names,
            categories=_present(sequences),
            missing=missing,
            fill=fill,
            masked=masked,
            scaler=Scaler.none(0),
        )
        if not standardize:
            return replace(fitted, scaler=Scaler.none(fitted.n_columns))
        # NumPy goes several times faster through a column that lies in one piece.
        scalers = [
            Scaler.fit(np.ascontiguousarray(column)[:, None]) for column in fitted._columns(*fitted._complete(part))
        ]
        mean, scale = (np.concatenate([getattr(one, name) for one in scalers]) for name in ("mean", "scale"))
        return replace(fitted, scaler=Scaler(mean, scale))

    @property
    def n_columns(self) -> int:
        """The input size of the network."""
        extra = sum(len(names) - 1 for names in self.categories.values())
        return self.n_channels + extra + len(self.masked)

    def encode(self, sequences: Sequences) -> Sequences:
        """The columns of sequences, not scaled yet; nothing is copied where there is nothing to do.

        Raises DataError where channels are missing, unknown or of another kind, or a value is missing.
        """
        sequences, holes = self._complete(sequences)
        if not self.categories and not self.masked:
            return sequences
        columns = np.stack(list(self._columns(sequences, holes)), axis=1)
        return replace(sequences, values=columns, channels=None, categories={})

    def _complete(self, sequences: Sequences) -> tuple[Sequences, np.ndarray]:
        """The channels of training, filled; and where a value was missing [S, I]."""
        sequences = self.matched(sequences)
        holes = np.isnan(sequences.values)
        some = holes.any(axis=0)
        if some.any():
            self._check_holes(sequences, some)
            sequences = replace(sequences, values=self._filled(sequences, holes))
        return sequences, holes

    def _columns(self, sequences: Sequences, holes: np.ndarray) -> Iterator[np.ndarray]:
        """The columns of complete sequences, each [S]."""
        values = sequences.values
        for channel in range(self.n_channels):
            name = self.channels[channel] if self.channels else ""
            column = values[:, channel]
            if name in self.categories:
                yield from ((column == code).astype(values.dtype) for code in range(len(self.categories[name])))
            else:
                yield column
        yield from (holes[:, channel].astype(values.dtype) for channel in self.masked)

    def matched(self, sequences: Sequences) -> Sequences:
        """The channels in the order of training, text as the categories of training."""
        what = sequences.source
        if sequences.channels is None or self.channels is None:
            return self._by_position(sequences)
        given = {name: k for k, name in enumerate(sequences.channels)}
        order = [given[found] for found in match(self.channels, sequences.channels, what)]
        values = sequences.values if order == list(range(len(given))) else sequences.values[:, order]
        for channel, name in enumerate(self.channels):
            there = sequences.channels[order[channel]]
            is_text, was_text = there in sequences.categories, name in self.categories
            if is_text != was_text and not np.isnan(values[:, channel]).all():
                kinds = {True: "text", False: "numbers"}
                raise DataError(
                    got=f"{kinds[is_text]} in the channel {name!r} of {what}",
                    wanted=f"{kinds[was_text]}, as in training",
                    do="correct the column",
                )
            if is_text and was_text and tuple(sequences.categories[there]) != self.categories[name]:
                values = values.copy() if values is sequences.values else values
                values[:, channel] = self._as_trained(name, values[:, channel], sequences.categories[there])
        return replace(sequences, values=values, channels=self.channels, categories=self.categories)

    def _by_position(self, sequences: Sequences) -> Sequences:
        what = sequences.source
        if sequences.n_channels != self.n_channels:
            named = f" ({', '.join(self.channels)})" if self.channels else ""
            raise DataError(
                got=f"sequences of {sequences.n_channels} channel{'s'[: sequences.n_channels != 1]}",
                wanted=f"{self.n_channels}, as in training{named}: X has {sequences.n_channels} features, but tidegate "
                f"is expecting {self.n_channels} features as input",
                do="check the data and the order of its axes (n, time, channels)",
            )
        if self.categories or sequences.categories:
            named = next(iter(self.categories or sequences.categories))
            raise DataError(
                got=f"{what} without {'the text channel' if self.categories else 'names of channels, for the text in'} "
                f"{named!r}",
                wanted="channels as in training",
                do="pass a table or DataFrames with the columns of training",
            )
        if self.channels is not None:
            warnings.warn(
                f"{what} does not have valid feature names, but the model was fitted with feature names: its channels "
                f"are taken as {', '.join(self.channels)}, in this order",
                DataWarning,
                stacklevel=2,
            )
        return sequences

    def _as_trained(self, name: str, codes: np.ndarray, given: Sequence[str]) -> np.ndarray:
        """Codes of the categories of training; -1 for one that was not there."""
        known = {category: code for code, category in enumerate(self.categories[name])}
        # A number is the same category however it is written, 1 or 1.0.
        meanings = {_meaning(category): category for category in known}
        as_known = {category: meanings.get(_meaning(category), category) for category in given}
        used = sorted({as_known[given[int(code)]] for code in np.unique(codes[~np.isnan(codes)])} - set(known))
        if used:
            warnings.warn(
                f"{name!r} holds {used[0]!r}{f' and {len(used) - 1} more' if len(used) > 1 else ''}, never seen in "
                "training: read as none of the known categories",
                DataWarning,
                stacklevel=2,
            )
        to = np.array(
            [known.get(as_known.get(category, category), -1) for category in given] or [-1], dtype=codes.dtype
        )
        holes = np.isnan(codes)
        return np.where(holes, np.nan, to[np.where(holes, 0, codes).astype(int)])

    def _check_holes(self, sequences: Sequences, some: np.ndarray) -> None:
        if self.missing == "refuse":
            refuse_incomplete(sequences)
        if self.missing == "mask":
            new = [channel for channel in np.flatnonzero(some) if channel not in self.masked]
            if new:
                step = int(np.isnan(sequences.values[:, new[0]]).argmax())
                raise DataError(
                    got=f"a missing value in {sequences.place(step, int(new[0]))}",
                    wanted="one in a channel that had missing values in training",
                    do="fill it, or train with missing=interpolate or with such values",
                )

    def _filled(self, sequences: Sequences, holes: np.ndarray) -> np.ndarray:
        values = sequences.values.copy()
        S = len(values)
        start = np.repeat(sequences.starts, sequences.lengths)
        end = start + np.repeat(sequences.lengths, sequences.lengths)
        step = np.arange(S)
        for channel in np.flatnonzero(holes.any(axis=0)):
            column, hole = values[:, channel], holes[:, channel]
            is_text = self.channels is not None and self.channels[channel] in self.categories
            nothing = -1 if is_text else self.fill[channel]
            if self.missing == "mask":
                column[hole] = nothing
                continue
            at = np.flatnonzero(hole)
            # The nearest values before and after each hole, where its own sequence has them.
            before = np.maximum.accumulate(np.where(hole, -1, step))[at]
            after = np.minimum.accumulate(np.where(hole, S, step)[::-1])[::-1][at]
            has_before, has_after = before >= start[at], after < end[at]
            left = np.where(has_before, column[before], column[np.minimum(after, S - 1)])
            if is_text:
                filled = left
            else:
                right = np.where(has_after, column[np.minimum(after, S - 1)], left)
                filled = left + (right - left) * (at - before) / np.maximum(after - before, 1)
            column[at] = np.where(has_before | has_after, filled, nothing)
            if empty := int(np.logical_and.reduceat(hole, sequences.starts).sum()):
                name = repr(self.channels[channel]) if self.channels else str(channel)
                warnings.warn(
                    f"channel {name} has no value in {empty} of {len(sequences)} sequence{'s'[: len(sequences) != 1]}: "
                    f"{'no category' if is_text else 'its mean in training'} stands for it",
                    DataWarning,
                    stacklevel=2,
                )
        return values

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "n_channels": self.n_channels,
            "channels": None if self.channels is None else list(self.channels),
            "categories": {name: list(found) for name, found in self.categories.items()},
            "missing": self.missing,
            "fill": self.fill.tolist(),
            "masked": list(self.masked),
            "scaler": self.scaler.to_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preparation:
        channels = config["channels"]
        return cls(
            n_channels=int(config["n_channels"]),
            channels=None if channels is None else tuple(channels),
            categories={name: tuple(found) for name, found in config["categories"].items()},
            missing=config["missing"],
            fill=np.array(config["fill"], dtype=np.float64),
            masked=tuple(config["masked"]),
            scaler=Scaler.from_config(config["scaler"]),
        )


def match(wanted: Sequence[str], given: Sequence[str], what: str) -> list[str]:
    """The name in `given` for each wanted one: the same, or the same but for case.

    Raises DataError that names a missing, an unknown or an ambiguous one.
    """
    found = []
    for name in wanted:
        alike = [name] if name in given else [other for other in given if folded(other) == folded(name)]
        if len(alike) != 1:
            near = difflib.get_close_matches(name, given, n=1)
            raise DataError(
                got=f"{what} {'with two columns like' if alike else 'without the channel'} {name!r}",
                wanted=f"the channels of training: {', '.join(wanted)}",
                do=f"rename {near[0]!r} if it is the one" if near and not alike else "correct its columns",
            )
        found.append(alike[0])
    if unknown := [name for name in given if name not in found]:
        raise DataError(
            got=f"{what} with the unknown channel {unknown[0]!r}",
            wanted=f"the channels of training: {', '.join(wanted)}",
            do="leave it out",
        )
    return found


def _present(sequences: Sequences) -> dict[str, tuple[str, ...]]:
    """Of each text channel the categories that occur: a table may have others in its test part."""
    found = {}
    for name, categories in sequences.categories.items():
        column = sequences.values[:, (sequences.channels or ()).index(name)]
        found[name] = tuple(categories[int(code)] for code in np.unique(column[~np.isnan(column)]))
    return found


def _meaning(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return unicodedata.normalize("NFC", text)


def constant_channels(sequences: Sequences) -> list[str]:
    """The names, or numbers, of channels that hold one value."""
    names = sequences.channels or [str(k) for k in range(sequences.n_channels)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanmin(sequences.values, axis=0), np.nanmax(sequences.values, axis=0)
    return [name for name, same in zip(names, low == high, strict=True) if same]


def refuse_incomplete(sequences: Sequences) -> None:
    """Raise DataError where a value is missing, with its place and what can be done."""
    refuse_missing(sequences, do="fill it, or train with --missing interpolate or --missing mask (in Python: missing=)")
