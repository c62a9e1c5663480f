"""Speech: what is said in a recording, by characters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MetricCollection

from tidegate.data import batches_by_length
from tidegate.data.audio import MOST_RATE, as_features, as_waveform, is_features, read_features, sample_rate_of
from tidegate.errors import ConfigError, DataError
from tidegate.layers import initialize, layer_of
from tidegate.layers.stream import Stream
from tidegate.preparation.acoustics import BINS, Acoustics, LogMel, usual_rate
from tidegate.preparation.transcripts import BLANK, Transcripts, aligned_frames
from tidegate.tasks.base import Estimator, Tell, Training
from tidegate.tasks.ctc import BeamSearch, Greedy, Scorer
from tidegate.tasks.dropout import LockedDropout
from tidegate.tasks.error_rates import error_rates
from tidegate.tasks.speech_material import SpeechMaterial
from tidegate.training import Examples, Learner, Settings, similar_batches
from tidegate.training.settings import check_at_least, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEFAULT_STEPS, LEAST_EPOCHS = 3600, 10
"""Optimizer steps where nothing is said, or more: so many passes over the data."""
CONTEXT = 3
"""Patches that the first layer sees at once: one, and those before it."""
VALIDATION_SHARE, LEAST_VALIDATION = 0.05, 25
"""Of the recordings, which choose the kept weights; fewer are not held out."""
TIME_MASK, MOST_MASKED = 40, 0.1
"""Frames that a mask hides at most, and the share of a recording."""
FEATURE_MASK = 0.25
"""Share of the features that a mask hides at most."""
UNCHANGED_SHARE = 0.2
"""Of the steps of training in one direction, at its beginning, in which nothing is hidden or stretched: an alignment is
found sooner."""
SORTED_TOGETHER = 8
"""Batches of training whose recordings are sorted by length, so that little is padded."""
MOST_RECORDINGS, MOST_FRAMES = 32, 65_536
"""That run together where nothing is learned, and their padded frames."""


class SpeechNetwork(nn.Module):
    """Frames side by side, recurrent layers, and a linear layer to the signs and the blank.

    Args:
        channels: features of a frame.
        signs: numbers in all, with the blank.
        cell, hidden_size, num_layers, bidirectional: the recurrent layers.
        patch: frames that are one step of the recurrence.
        dropout: share of features put to 0 in training, before each layer but the first, in all steps alike.
    """

    def __init__(
        self,
        channels: int,
        signs: int,
        *,
        cell: str,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        patch: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.patch, self.dropout = patch, LockedDropout(dropout, steps=0)
        features = hidden_size * (2 if bidirectional else 1)
        sizes = [channels * patch * CONTEXT, *[features] * (num_layers - 1)]
        self.layers = nn.ModuleList(layer_of(cell)(size, hidden_size, bidirectional=bidirectional) for size in sizes)
        for layer in self.layers:
            initialize(layer, "open" if cell == "lstm" else "torch")  # type: ignore[arg-type]
        self.output = nn.Linear(features, signs)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Frames x [B, T, C] to log-probabilities [ceil(T / patch), B, V], and the lengths in these steps.

        Args:
            lengths: the real frames of each recording [B]; none where all have T.
            before: the `CONTEXT - 1` patches of frames before x; zeros where none.
        """
        if lengths is not None:
            lengths = steps_of(lengths, self.patch)
        x = self._windows(x, before).transpose(0, 1)
        for n, layer in enumerate(self.layers):
            x, _ = layer(self.dropout(x) if n else x, lengths=lengths)
        return self.output(self.dropout(x)).log_softmax(dim=2), lengths

    def _windows(self, x: Tensor, before: Tensor | None) -> Tensor:
        """Each step sees its own patch and those before it: [B, T, C] to [B, ceil(T / patch), CONTEXT · patch · C]."""
        if before is None:
            before = x.new_zeros(x.shape[0], (CONTEXT - 1) * self.patch, x.shape[2])
        x = F.pad(torch.cat([before, x], dim=1), (0, 0, 0, -x.shape[1] % self.patch))
        return x.unfold(1, CONTEXT * self.patch, self.patch).flatten(2)


def steps_of(frames: Any, patch: int) -> Any:
    """How many steps of the recurrence frames are."""
    return (frames + patch - 1) // patch


class Part(NamedTuple):
    """Recordings that run together."""

    x: Tensor
    """[B, T, C] features."""
    lengths: Tensor
    """[B] their frames."""
    y: Tensor
    """The signs of all, one recording after the other."""
    signs: Tensor
    """[B] how many each has."""
    said: list[str]
    """The texts of all, in which there may be signs that have no number."""


class Utterances(Examples):
    """A row a recording.

    Args:
        features: of each [T, C], as the network takes them.
        numbers: the signs that are said in each.
        texts: what is said in each, as the model writes it.
        patch: frames that are one step.
        batch_size: of training, whose recordings are of similar length.
        masks: stretches of frames, and of features, that are hidden in training at every step, at most.
        stretch: by how much a recording is made slower or faster in training, at most.
        unchanged: steps of training before that begins.
    """

    def __init__(
        self,
        features: Sequence[np.ndarray],
        numbers: Sequence[np.ndarray],
        texts: Sequence[str],
        patch: int,
        batch_size: int,
        masks: int = 0,
        stretch: float = 0.0,
        unchanged: int = 0,
    ) -> None:
        self.texts, self.unchanged = texts, unchanged
        self.features = [torch.from_numpy(one) for one in features]
        self.numbers = [torch.from_numpy(one) for one in numbers]
        self.lengths = np.array([len(one) for one in features])
        self.patch, self.batch_size, self.masks, self.stretch = patch, batch_size, masks, stretch

    def __len__(self) -> int:
        return len(self.features)

    def order(self, epoch: int, seed: int) -> Tensor:
        """At random, but for the lengths: batches of similar ones, themselves in random order."""
        random = np.random.default_rng((seed, epoch))
        return similar_batches(self.lengths, self.batch_size, SORTED_TOGETHER, random)

    def parts(self, rows: Tensor, mine: Tensor, at: tuple[int, int, int] | None = None) -> Iterator[Part]:
        features = [self.features[row] for row in rows[mine].tolist()]
        numbers = [self.numbers[row] for row in rows[mine].tolist()]
        if at is not None and at[1] * math.ceil(len(self) / self.batch_size) + at[2] >= self.unchanged:
            features = [
                self.changed(one, said, np.random.default_rng((*at, place)))
                for one, said, place in zip(features, numbers, mine.tolist(), strict=True)
            ]
        yield Part(
            nn.utils.rnn.pad_sequence(features, batch_first=True),
            torch.tensor([len(one) for one in features]),
            torch.cat(numbers),
            torch.tensor([len(one) for one in numbers]),
            [self.texts[row] for row in rows[mine].tolist()],
        )

    def changed(self, x: Tensor, said: Tensor, random: np.random.Generator) -> Tensor:
        """Features [T, C] made slower or faster, with frames and features hidden (SpecAugment, Park et al. 2019)."""
        if self.stretch:
            frames = round(len(x) * random.uniform(1 - self.stretch, 1 + self.stretch))
            frames = max(frames, min(len(x), self.patch * aligned_frames(said.numpy())), 1)
            x = F.interpolate(x.T[None], size=frames, mode="linear", align_corners=False)[0].T
        if not self.masks:
            return x
        x = x.clone()
        T, C = x.shape
        for _ in range(self.masks):
            width = int(random.integers(0, min(TIME_MASK, int(MOST_MASKED * T)) + 1))
            begin = int(random.integers(0, T - width + 1))
            x[begin : begin + width] = 0
            width = int(random.integers(0, int(FEATURE_MASK * C) + 1))
            begin = int(random.integers(0, C - width + 1))
            x[:, begin : begin + width] = 0
        return x

    def portions(self) -> list[Tensor]:
        return [torch.from_numpy(rows) for rows in batches_by_length(self.lengths, MOST_RECORDINGS, MOST_FRAMES)]


class Speech(Learner):
    """The loss of connectionist temporal classification (Graves et al. 2006): the negative logarithm of the
    probability of all alignments of what is said."""

    monitor, mode = "wer", "min"

    def __init__(self, network: SpeechNetwork, transcripts: Transcripts) -> None:
        super().__init__(network)
        self.transcripts = transcripts

    def losses(self, output: tuple[Tensor, Tensor], part: Part) -> Tensor:
        log_probs, steps = output
        return F.ctc_loss(log_probs, part.y, steps, part.signs, blank=BLANK, reduction="sum")

    def metrics(self, device: torch.device) -> MetricCollection:
        from torchmetrics.text import CharErrorRate, WordErrorRate

        return MetricCollection({"wer": WordErrorRate(), "cer": CharErrorRate()}, compute_groups=False).to(device)

    def update(self, metrics: MetricCollection, output: tuple[Tensor, Tensor], part: Part) -> None:
        log_probs, steps = output
        heard = []
        for b, count in enumerate(steps.tolist()):
            greedy = Greedy()
            greedy(log_probs[:count, b].detach().cpu().numpy())
            heard.append(self.transcripts.decode(greedy.numbers))
        metrics.update(heard, part.said)


class SpeechRecognizer(Estimator):
    """Transcribe recordings of speech.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units, in each direction.
        num_layers: number of stacked recurrent layers.
        bidirectional: whether to read every recording from both ends; a unidirectional model can transcribe a stream.
        patch: number of frames that form one step of the recurrence (subsampling in time).
        masks: number of time masks and of frequency masks in training (SpecAugment, Park et al. 2019).
        stretch: largest share by which recordings are slowed down or sped up in training, from 0 to below 1.
        sample_rate: sampling rate in Hz of waveforms, to which files are resampled. None: that of most files, at most
            16,000; None also for precomputed features.
        mel_bins: number of mel features of a frame.
        lower: whether to convert transcripts to lower case. None: if they contain both cases.
        punctuation: whether to keep punctuation in transcripts.
        dropout: share of features set to 0 in training.
        parameters: all others are those of `tidegate.tasks.base.Estimator`.

    X is a list of waveforms [S] with values from -1 to 1, of paths, or of feature matrices [T, C]; y holds their
    transcripts.

    Attributes:
        preparation_: the feature extraction.
        transcripts_: the normalization of transcripts, and their alphabet.
        network_: the trained torch module.
        history_: one row for every check during training.

    >>> import numpy as np, tidegate
    >>> sounds = [np.repeat(np.eye(4)[[0, *word, 0]], 8, axis=0) for word in ([1, 2], [3, 1], [2, 3])]
    >>> model = tidegate.SpeechRecognizer(hidden_size=32, num_layers=1, steps=150, masks=0)
    >>> model.fit(sounds * 8, ["ab", "ca", "bc"] * 8).predict(sounds)
    ['ab', 'ca', 'bc']
    """

    task = "speech"
    prepared_by = Acoustics
    material = SpeechMaterial
    beam_: tuple[int, Any, float, float] = (1, None, 0.0, 0.0)
    """Width, language model, its weight and the bonus of a sign, where nothing else is said."""

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 160,
        num_layers: int = 3,
        *,
        bidirectional: bool = True,
        patch: int = 3,
        masks: int = 2,
        stretch: float = 0.15,
        sample_rate: int | None = None,
        mel_bins: int = BINS,
        lower: bool | None = None,
        punctuation: bool = False,
        dropout: float = 0.3,
        steps: int | None = None,
        learning_rate: float = 3e-3,
        batch_size: int = 16,
        weight_decay: float = 1e-2,
        **parameters: Unpack[Training],
    ) -> None:
        super().__init__(
            cell, hidden_size, num_layers, dropout, steps=steps, learning_rate=learning_rate, batch_size=batch_size,
            weight_decay=weight_decay, **parameters,
        )  # fmt: skip
        self.bidirectional = bidirectional
        self.patch = patch
        self.masks = masks
        self.stretch = stretch
        self.sample_rate = sample_rate
        self.mel_bins = mel_bins
        self.lower = lower
        self.punctuation = punctuation

    def settings(self) -> Settings:
        check_at_least("patch", self.patch, 1)
        check_at_least("masks", self.masks, 0)
        check_at_least("batch_size", self.batch_size, 1)
        check_number("stretch", self.stretch, least=0, below=1)
        self._check_truth("bidirectional")
        self._check_truth("lower", optional=True)
        self._check_truth("punctuation")
        if self.sample_rate is not None or self.mel_bins != BINS:
            LogMel(16_000 if self.sample_rate is None else self.sample_rate, self.mel_bins)
        return super().settings()

    def _settings_of(self, train: Any) -> Settings:
        settings = self.settings()
        if settings.steps or settings.epochs:
            return settings
        per_epoch = math.ceil(len(train) / int(self.batch_size or 1))
        return replace(settings, steps=max(DEFAULT_STEPS, LEAST_EPOCHS * per_epoch))

    def fit(self, X: Any, y: Any = None, validation_data: Any = None) -> SpeechRecognizer:
        """Train on recordings with their transcripts, and keep the best checkpoint.

        Args:
            X: waveforms [S] sampled at `sample_rate`, paths of files, or feature matrices [T, C].
            y: the transcript of each.
            validation_data: (X, y) that choose the best checkpoint. None: a twentieth of the recordings, if there are
                500 or more.

        Returns:
            The fitted estimator itself.

        Raises:
            DataError: a recording cannot be used, or is too short for its transcript.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        return self._whole_or_not(lambda: self._fit(X, y, validation_data))

    def _fit(self, X: Any, y: Any, validation_data: Any) -> None:
        self.settings()
        features, mel, names = self.first_features(X)
        texts = _texts(y, len(features))
        held: tuple[Any, Any, Any] = (), (), ()
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise DataError(got="validation_data", wanted="(X, y)", do="pass validation_data=(X, y)")
            some, other_names = self.features(validation_data[0], mel, features[0].shape[1])
            held = some, _texts(validation_data[1], len(some)), other_names
        self.train(*self.set_up((features, texts, names), held, mel), progress=self.verbose)

    def set_up(
        self,
        train: tuple[Sequence[np.ndarray], Sequence[str], Sequence[str]],
        held: tuple[Sequence[np.ndarray], Sequence[str], Sequence[str]],
        mel: LogMel | None,
    ) -> tuple[Utterances, Utterances | None]:
        """Check and prepare what is trained on, and what chooses the kept weights: features, texts and names."""
        settings = self.settings()
        self.fitted_parameters_ = self.parameters_as_json()
        features, texts, names = train
        share = VALIDATION_SHARE if settings.validation_share is None else settings.validation_share
        count = round(share * len(features))
        self.transcripts_ = Transcripts.fit(texts, self.lower, bool(self.punctuation))
        if not held[0] and count >= (LEAST_VALIDATION if settings.validation_share is None else 1):
            order = np.random.default_rng((settings.seed, len(features))).permutation(len(features))
            held = tuple([part[n] for n in order[:count]] for part in train)  # type: ignore[assignment]
            features, texts, names = ([part[n] for n in sorted(order[count:])] for part in train)
        self.preparation_ = Acoustics.fit(features, mel, running=not self.bidirectional)
        self.design_: dict[str, Any] = {}
        self.network_ = self.untrained()
        trained = self._settings_of(features)
        steps = trained.steps or int(trained.epochs or 0) * math.ceil(len(features) / int(self.batch_size or 1))
        ready = self._ready(
            features,
            texts,
            names,
            masks=int(self.masks),
            stretch=float(self.stretch),
            unchanged=0 if self.bidirectional else round(UNCHANGED_SHARE * steps),
        )
        return ready, self._ready(*held) if held[0] else None

    def _ready(
        self, features: Sequence[np.ndarray], texts: Sequence[str], names: Sequence[str], **changes: Any
    ) -> Utterances:
        said = self.said(texts, names)
        numbers = [self.transcripts_.encode(text) for text in said]
        self._check_alignable(features, numbers, names)
        ready = [self.preparation_(one) for one in features]
        return Utterances(ready, numbers, said, int(self.patch), int(self.batch_size or 1), **changes)

    def _check_alignable(
        self, features: Sequence[np.ndarray], numbers: Sequence[np.ndarray], names: Sequence[str]
    ) -> None:
        """Raise DataError where a recording has fewer steps than what is said in it needs."""
        steps = [steps_of(len(one), int(self.patch)) for one in features]
        short = [n for n in range(len(steps)) if steps[n] < aligned_frames(numbers[n])]
        if short:
            n = short[0]
            others = f", and {len(short) - 1:,} more like it" if len(short) > 1 else ""
            raise DataError(
                got=f"{names[n]} of {steps[n]} steps ({len(features[n])} frames) for {len(numbers[n])} characters"
                + others,
                wanted=f"{aligned_frames(numbers[n])} steps at least, by which CTC aligns them",
                do="correct or remove the transcript" + (", or pass a smaller patch" if self.patch > 1 else ""),
            )

    def predict(
        self,
        X: Any,
        *,
        beam: int | None = None,
        language_model: Any = None,
        weight: float | None = None,
        bonus: float | None = None,
    ) -> list[str]:
        """The transcript of each recording.

        Args:
            X: recordings, in one of the forms that `fit` takes.
            beam, language_model, weight, bonus: as in `decode_by`, for this call only.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: a recording cannot be used.
        """
        self._check_fitted()
        features, _ = self.features(X, self.preparation_.mel, self.preparation_.channels)
        return self.texts_of(features, beam=beam, language_model=language_model, weight=weight, bonus=bonus)

    def decode_by(
        self, beam: int | None = None, language_model: Any = None, weight: float = 0.5, bonus: float = 0.5
    ) -> SpeechRecognizer:
        """Change the settings of the search from now on.

        Args:
            beam: number of prefixes that beam search keeps; 1 for the most probable character of each frame. None: 1,
                or 16 with a language model.
            language_model: a `LanguageModel` of characters that scores the hypotheses.
            weight: factor of its log-probabilities.
            bonus: insertion bonus, added to the log-probability of a hypothesis for each character.

        Returns:
            The estimator itself.

        Raises:
            ConfigError: a setting has a value that cannot work.
        """
        beam = beam if beam is not None else 1 if language_model is None else 16
        check_at_least("beam", beam, 1)
        check_number("weight", weight, least=0)
        check_number("bonus", bonus)
        self.beam_ = int(beam), language_model, float(weight), float(bonus)
        self._decoder()
        return self

    def _decoder(self) -> Greedy | BeamSearch:
        width, model, weight, bonus = self.beam_
        if width == 1 and model is None:
            return Greedy()
        if model is None:
            return BeamSearch(width)
        return BeamSearch(width, Scorer(model, self.transcripts_.signs), weight, bonus)

    def texts_of(self, features: Sequence[np.ndarray], **decoding: Any) -> list[str]:
        """What is said in features that are not prepared yet."""
        before = self.beam_
        said = {name: value for name, value in decoding.items() if value is not None}
        try:
            if said:
                self.decode_by(**said)
            found = []
            for log_probs in self.log_probs(features):
                decoder = self._decoder()
                decoder(log_probs)
                found.append(self.transcripts_.decode(decoder.numbers))
            return found
        finally:
            self.beam_ = before

    def log_probs(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The log-probabilities of the signs at each step [steps, V], for features that are not prepared yet."""
        ready = [torch.from_numpy(self.preparation_(one)) for one in features]
        lengths = np.array([len(one) for one in ready])
        found: list[Any] = [None] * len(ready)
        device = next(self.network_.parameters()).device
        with torch.inference_mode():
            for rows in batches_by_length(lengths, MOST_RECORDINGS, MOST_FRAMES):
                x = nn.utils.rnn.pad_sequence([ready[n] for n in rows], batch_first=True).to(device)
                log_probs, steps = self.network_(x, torch.from_numpy(lengths[rows]))
                for b, n in enumerate(rows.tolist()):
                    found[n] = log_probs[: int(steps[b]), b].cpu().numpy()
        return found

    def stream(self, pieces: Iterable[np.ndarray], sample_rate: int | None = None) -> Iterator[str]:
        """Transcribe a waveform that arrives in pieces, word by word; the words are those of `predict` on the whole.

        Args:
            pieces: parts of a waveform [S] of any size, with values from -1 to 1 or whole numbers.
            sample_rate: their sampling rate in Hz. None: that of the model.

        Yields:
            Words, as soon as they are certain.

        Raises:
            NotFittedError: the model has not been fitted.
            ConfigError: the model is bidirectional, or takes precomputed features.
            DataError: a piece is not a waveform, or all of them are too short for a frame.
        """
        self._check_fitted()
        mel = self.preparation_.mel
        if not self.preparation_.running or mel is None:
            got = "a model of ready features" if mel is None else "a model that reads from both ends"
            raise ConfigError(
                got=f"{got}, to hear a stream",
                wanted="one of sound in one direction",
                do="train one with bidirectional=False (--no-bidirectional)",
            )
        if not hasattr(pieces, "__iter__") or isinstance(pieces, (str, bytes)):
            raise DataError(got=f"pieces of {type(pieces).__name__}", wanted="waveforms", do="pass a list or generator")
        rate = mel.sample_rate if sample_rate is None else sample_rate
        if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not 0 < rate <= MOST_RATE:
            raise ConfigError(
                got=f"sample_rate={rate!r}", wanted=f"a whole number from 1 to {MOST_RATE:,}", do="correct sample_rate"
            )
        waveforms = (as_waveform(piece, f"piece {n}") for n, piece in enumerate(pieces))
        return self._stream(self.preparation_.stream(waveforms, int(rate)))

    def _stream(self, features: Iterator[np.ndarray]) -> Iterator[str]:
        decoder, network, patch = self._decoder(), Stream(self.network_), self.network_.patch
        before = torch.zeros(1, (CONTEXT - 1) * patch, self.preparation_.channels)
        rest = torch.empty(1, 0, before.shape[2])
        open_word: list[int] = []
        space = self.transcripts_.signs.find(" ") + 1

        def hear(frames: Tensor) -> None:
            nonlocal before
            with torch.inference_mode():
                decoder(network(frames, before=before)[0][:, 0].numpy())
            before = torch.cat([before, frames], dim=1)[:, -before.shape[1] :]

        for piece in features:
            rest = torch.cat([rest, torch.from_numpy(piece)[None]], dim=1)
            if whole := rest.shape[1] // patch * patch:
                hear(rest[:, :whole])
                rest = rest[:, whole:]
                numbers = [*open_word, *decoder.take()]
                # The last word may go on.
                end = len(numbers) - numbers[::-1].index(space) if space in numbers else 0
                open_word = numbers[end:]
                yield from self.transcripts_.decode(numbers[:end]).split()
        if rest.shape[1]:
            hear(rest)
        yield from self.transcripts_.decode([*open_word, *decoder.numbers]).split()

    def score(self, X: Any, y: Any) -> float:
        """1 − word error rate; it can be negative.

        Args:
            X: recordings, in one of the forms that `fit` takes.
            y: their transcripts.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: a recording cannot be used.
        """
        return 1.0 - self.metrics(X, y)["wer"]

    def metrics(
        self,
        X: Any,
        y: Any,
        *,
        beam: int | None = None,
        language_model: Any = None,
        weight: float | None = None,
        bonus: float | None = None,
    ) -> dict[str, Any]:
        """The word error rate (wer), the character error rate (cer), and the numbers of recordings (n) and words.

        Args:
            X: recordings, in one of the forms that `fit` takes.
            y: their transcripts.
            beam, language_model, weight, bonus: as in `decode_by`, for this call only.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: a recording cannot be used.
        """
        self._check_fitted()
        features, names = self.features(X, self.preparation_.mel, self.preparation_.channels)
        said = self.said(_texts(y, len(features)), names)
        heard = self.texts_of(features, beam=beam, language_model=language_model, weight=weight, bonus=bonus)
        return error_rates(said, heard)

    def normalized(self, texts: Sequence[str]) -> list[str]:
        """Texts as the model writes them."""
        return [self.transcripts_.normalized(text) for text in texts]

    def said(self, texts: Sequence[str], names: Sequence[str]) -> list[str]:
        """Texts of recordings of these names, as the model writes them.

        Raises DataError where nothing is said in one, of which no error is a share.
        """
        found = self.normalized(texts)
        empty = [name for name, text in zip(names, found, strict=True) if not text]
        if empty:
            raise DataError(
                got=f"{empty[0]} with an empty transcript, one of {len(empty):,}",
                wanted="what is said in each recording",
                do="fill or remove those",
            )
        return found

    def first_features(self, X: Any, tell: Tell | None = None) -> tuple[list[np.ndarray], LogMel | None, list[str]]:
        """The features of training data, what made them of sound, and the names of the recordings."""
        items = _items(X)
        mel: LogMel | None = None
        if all(isinstance(one, (str, Path)) for one in items):
            paths = [_existing(one) for one in items]
            kinds = {is_features(path) for path in paths}
            if len(kinds) > 1:
                raise DataError(
                    got="files of sound beside files of features", wanted="one kind", do="move the others away"
                )
            if not kinds.pop():
                rate = usual_rate([sample_rate_of(path) for path in paths]) if self.sample_rate is None else None
                mel = LogMel(int(rate or self.sample_rate or 0), int(self.mel_bins))
        elif _dimensions(items[0]) == 1:
            if self.sample_rate is None:
                raise ConfigError(
                    got="waveforms without sample_rate", wanted="Hz of the waveforms", do="pass sample_rate=16000"
                )
            mel = LogMel(int(self.sample_rate), int(self.mel_bins))
        if mel is None and (self.sample_rate is not None or self.mel_bins != BINS):
            option = "mel_bins" if self.sample_rate is None else "sample_rate"
            name = str(items[0]) if isinstance(items[0], (str, Path)) else "X[0], a matrix"
            raise DataError(
                got=f"{option}={getattr(self, option)} for {name}",
                wanted="sound, or ready features and no option of sound",
                do=f"leave {option} out, or pass waveforms (samples), of stereo the mean of its channels",
            )
        features, names = _heard(items, mel, tell)
        for n, one in enumerate(features):
            if one.shape[1] != features[0].shape[1]:
                raise DataError(
                    got=f"{names[n]} with {one.shape[1]} features a frame",
                    wanted=f"{features[0].shape[1]}, like {names[0]}",
                    do="correct it",
                )
        return features, mel, names

    @staticmethod
    def features(X: Any, mel: LogMel | None, channels: int) -> tuple[list[np.ndarray], list[str]]:
        """The features of recordings, as many as in training, and their names."""
        features, names = _heard(_items(X), mel)
        for one, name in zip(features, names, strict=True):
            if one.shape[1] != channels:
                raise DataError(
                    got=f"{name} with {one.shape[1]} features a frame",
                    wanted=f"{channels}, as in training",
                    do="correct it",
                )
        return features, names

    def build(self) -> SpeechNetwork:
        return SpeechNetwork(
            self.preparation_.channels,
            self.transcripts_.size,
            cell=str(self.cell),
            hidden_size=int(self.hidden_size),
            num_layers=int(self.num_layers),
            bidirectional=bool(self.bidirectional),
            patch=int(self.patch),
            dropout=float(self.dropout or 0.0),
        )

    def learner(self) -> Speech:
        return Speech(self.network_, self.transcripts_)

    def _fitted_config(self) -> dict[str, Any]:
        return {"transcripts": self.transcripts_.to_config()}

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.transcripts_ = Transcripts.from_config(fitted["transcripts"])


def _items(X: Any) -> list[Any]:
    if isinstance(X, (str, Path)) or not hasattr(X, "__iter__"):
        raise DataError(
            got=f"X of {type(X).__name__}", wanted="a list of waveforms, paths or matrices", do="pass a list"
        )
    items = list(X)
    if not items:
        raise DataError(got="X without recordings", wanted="at least one", do="check the data")
    if not isinstance(items[0], (str, Path)) and not hasattr(items[0], "__len__"):
        raise DataError(got=f"X of {type(items[0]).__name__}", wanted="a list of waveforms", do="pass [X]")
    return items


def _dimensions(item: Any) -> int:
    """The axes of an array; 0 for what is none."""
    try:
        return np.ndim(item)
    except ValueError:  # rows of unequal length
        return 0


def _existing(path: Any) -> Path:
    found = Path(path).expanduser()
    if not found.is_file():
        raise DataError(got=f"{path}, a path where no file is", wanted="audio or features", do="check the path")
    return found


def _heard(items: Sequence[Any], mel: LogMel | None, tell: Tell | None = None) -> tuple[list[np.ndarray], list[str]]:
    """The features of recordings, and their names."""
    features, names = [], []
    for n, item in enumerate(items):
        name = str(item) if isinstance(item, (str, Path)) else f"X[{n}]"
        features.append(_heard_one(item, mel, name))
        names.append(name)
        if tell is not None:
            tell(n + 1, len(items))
    return features, names


def _heard_one(item: Any, mel: LogMel | None, name: str) -> np.ndarray:
    is_path = isinstance(item, (str, Path))
    if is_path and is_features(_existing(item)):
        item, is_path = read_features(_existing(item)), False
    if mel is None:
        if is_path or _dimensions(item) == 1:
            raise DataError(
                got=f"{name}, which is sound",
                wanted="a matrix of features (frames, features), as the model was trained on",
                do="pass features, or train on sound",
            )
        return as_features(item, name)
    if is_path:
        return mel.read(_existing(item))
    return mel.of(as_waveform(item, name), mel.sample_rate, name)


def _texts(y: Any, count: int) -> list[str]:
    """What is said in each of so many recordings."""
    found = None if y is None or isinstance(y, str) or not hasattr(y, "__iter__") else list(y)
    if found is None or len(found) != count or not all(isinstance(one, str) for one in found):
        got = type(y).__name__ if found is None else f"{len(found)} texts" if len(found) != count else "no strings"
        raise DataError(got=f"y of {got} for {count} recordings", wanted="a text for each", do="correct y")
    return [str(one) for one in found]
