"""From sound to what a network hears: log-mel features, or ready ones, centered and scaled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data.audio import Resampler, read_sound, resample
from tidegate.errors import ConfigError, DataError, missing_extra
from tidegate.preparation.scale import FAR, Scaler

MOST_RATE, LEAST_RATE = 16_000, 2_000
"""Hz; speech has little above 8 kHz, so that a higher rate than 16 kHz is not chosen unasked."""
BINS, MOST_BINS = 40, 256
PRIOR = 50
"""Frames that the mean of the training data counts in a running mean."""
FULL_SCALE = 32768.0
"""Of Kaldi's waveforms."""


@dataclass(frozen=True)
class LogMel:
    """The logarithm of the energy in bands of the mel scale, by kaldi-native-fbank.

    >>> LogMel(8000)(np.zeros(8000, dtype=np.float32)).shape
    (100, 40)
    """

    sample_rate: int
    """Hz; waveforms of other rates are resampled to it."""
    bins: int = BINS
    frame_ms: float = 25.0
    shift_ms: float = 10.0
    low_hz: float = 20.0
    preemphasis: float = 0.97
    window: str = "povey"

    def __post_init__(self) -> None:
        for name, least, most in (("sample_rate", LEAST_RATE, 192_000), ("bins", 1, MOST_BINS)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
                shown = "mel_bins" if name == "bins" else name
                raise ConfigError(
                    got=f"{shown}={value!r}", wanted=f"a whole number from {least:,} to {most:,}", do=f"correct {shown}"
                )
        try:
            self._bank()
        except ValueError:
            raise ConfigError(
                got=f"mel_bins={self.bins} at {self.sample_rate:,} Hz, of which some would hold no frequency",
                wanted="fewer bands",
                do="correct mel_bins",
            ) from None

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """A waveform [S] in -1..1 to its features [T, bins]."""
        found = [*self.stream([waveform])]
        return np.concatenate(found) if found else np.empty((0, self.bins), dtype=np.float32)

    def stream(self, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same of the pieces of a waveform, as soon as their frames are whole."""
        bank, done = self._bank(), 0

        def ready() -> Iterator[np.ndarray]:
            nonlocal done
            if bank.num_frames_ready > done:
                yield np.stack([bank.get_frame(n) for n in range(done, bank.num_frames_ready)])
                # What was given is forgotten, so that a stream can go on for days.
                bank.pop(bank.num_frames_ready - done)
                done = bank.num_frames_ready

        for piece in pieces:
            if len(piece):
                bank.accept_waveform(float(self.sample_rate), np.asarray(piece, dtype=np.float32) * FULL_SCALE)
                yield from ready()
        bank.input_finished()
        yield from ready()

    def _bank(self) -> Any:
        try:
            import kaldi_native_fbank
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        options = kaldi_native_fbank.FbankOptions()
        frames, mel = options.frame_opts, options.mel_opts
        frames.samp_freq, frames.frame_length_ms, frames.frame_shift_ms = self.sample_rate, self.frame_ms, self.shift_ms
        frames.preemph_coeff, frames.window_type = self.preemphasis, self.window
        frames.dither, frames.snip_edges = 0.0, False
        mel.num_bins, mel.low_freq, mel.high_freq = self.bins, self.low_hz, 0.0
        return kaldi_native_fbank.OnlineFbank(options)

    def read(self, path: Path) -> np.ndarray:
        """The features of an audio file."""
        return self.of(*read_sound(path), str(path))

    def of(self, waveform: np.ndarray, rate: int, what: str) -> np.ndarray:
        """The features of a waveform at any rate."""
        found = self(resample(waveform, rate, self.sample_rate))
        if len(found) == 0:
            raise self._too_short(len(waveform), rate, what)
        return found

    def _too_short(self, samples: int, rate: int, what: str) -> DataError:
        return DataError(
            got=f"{what} of {1000 * samples / rate:.3g} ms",
            wanted=f"at least {self.shift_ms / 2:g} ms",
            do="leave it out",
        )


@dataclass(frozen=True)
class Acoustics:
    """What was learned of the sound of the training data; the same code hears what is predicted for."""

    mel: LogMel | None
    """None for ready features."""
    scaler: Scaler
    """Of the features."""
    running: bool
    """Center on the mean up to each frame, as a stream can; else on the mean of the recording (cepstral mean
    normalization, Atal 1974)."""

    @classmethod
    def fit(cls, features: Sequence[np.ndarray], mel: LogMel | None, running: bool) -> Acoustics:
        """Measure the features of training data, each [T, C]."""
        frames = sum(map(len, features))
        mean = sum(one.sum(axis=0, dtype=np.float64) for one in features) / frames
        # In both directions the spread is that around the mean of each recording, of which what changes between
        # recordings is no part.
        centers = (mean if running else one.mean(axis=0, dtype=np.float64) for one in features)
        squares = sum(np.square(one - center).sum(axis=0) for one, center in zip(features, centers, strict=True))
        scale = np.sqrt(squares / frames)
        scale[scale <= np.finfo(np.float32).eps * np.abs(mean)] = 1
        return cls(mel, Scaler(mean, scale), running)

    @property
    def channels(self) -> int:
        return len(self.scaler.mean)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [T, C] as the network takes them, float32."""
        if self.running:
            return Centering(self.scaler)(features)
        centered = features - features.mean(axis=0, dtype=np.float64)
        return np.clip(centered / self.scaler.scale, -FAR, FAR).astype(np.float32)

    def stream(self, pieces: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
        """Pieces of a waveform at a rate, as features that the network takes.

        Raises DataError where all of them are too short for a frame.
        """
        assert self.mel is not None and self.running
        center, samples, frames = Centering(self.scaler), 0, 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal samples
            for piece in pieces:
                samples += len(piece)
                yield piece

        for found in self.mel.stream(Resampler(rate, self.mel.sample_rate)(counted())):
            frames += len(found)
            yield center(found)
        if frames == 0:
            raise self.mel._too_short(samples, rate, "a stream")

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "mel": None if self.mel is None else asdict(self.mel),
            "scaler": self.scaler.to_config(),
            "running": self.running,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Acoustics:
        mel = None if config["mel"] is None else LogMel(**config["mel"])
        return cls(mel, Scaler.from_config(config["scaler"]), bool(config["running"]))


class Centering:
    """Brings features to mean 0 and standard deviation 1, around the mean of all frames so far.

    The mean of the training data counts as `PRIOR` frames before the first. However a recording is cut, the result
    has the same bits: sums are added up one after the other.
    """

    def __init__(self, scaler: Scaler) -> None:
        self.scaler = scaler
        self.total, self.count = scaler.mean * PRIOR, PRIOR

    def __call__(self, features: np.ndarray) -> np.ndarray:
        sums = np.cumsum(np.concatenate([self.total[None], features.astype(np.float64)]), axis=0)[1:]
        counts = self.count + np.arange(1, len(features) + 1)[:, None]
        if len(features):
            self.total, self.count = sums[-1], self.count + len(features)
        centered = (features - sums / counts) / self.scaler.scale
        return np.clip(centered, -FAR, FAR).astype(np.float32)


def resampled(rates: Sequence[int], to: int) -> list[str]:
    """A note on files that have other rates.

    >>> resampled([8000, 16000], 16000)
    ['1 file of 8,000 Hz is resampled to 16,000 Hz']
    """
    others = [rate for rate in rates if rate != to]
    if not others:
        return []
    count = "1 file" if len(others) == 1 else f"{len(others):,} files"
    named = " and ".join(f"{rate:,}" for rate in sorted(set(others)))
    return [f"{count} of {named} Hz {'is' if len(others) == 1 else 'are'} resampled to {to:,} Hz"]


def usual_rate(rates: Sequence[int]) -> int:
    """The rate that most have, 16 kHz at most.

    >>> usual_rate([8000, 8000, 44100]), usual_rate([48000])
    (8000, 16000)
    """
    found = max(sorted(set(rates)), key=lambda rate: list(rates).count(rate))
    return int(min(found, MOST_RATE))
