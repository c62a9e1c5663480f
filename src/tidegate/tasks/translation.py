"""Translation: a text in one language to the same in another, by an encoder, attention and a decoder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection

from tidegate.data import batches_by_length
from tidegate.data.pairs import Pairs
from tidegate.errors import ConfigError, DataError, DataWarning, missing_extra
from tidegate.layers import initialize, layer_of
from tidegate.preparation import Reading
from tidegate.preparation.pairs import (
    fingerprint_of,
    held_out,
    lines_of,
    read_pairs,
    read_parts,
    texts_in,
    with_test,
    with_whole_paths,
)
from tidegate.preparation.units import NAMES, Units, check_units
from tidegate.tasks.attention import Attention
from tidegate.tasks.base import Estimator, Material, Say, Tell, Training
from tidegate.tasks.beam import beam_search
from tidegate.tasks.dropout import LockedDropout
from tidegate.training import Examples, Learner, Settings, similar_batches
from tidegate.training.settings import check_at_least, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tidegate.tasks.run import Run

DEFAULT_STEPS = 4500
SUBWORDS, SUBWORDS_OF_MANY, MANY = 4000, 8000, 100_000
"""Joint subwords for fewer pairs and for many: rare subwords are learned badly from few (Sennrich & Zhang 2019)."""
MOST_HELD = 1000
MOST_COMPARED = 100_000
"""Training texts among which the most similar one is looked for."""
MOST_UNITS = 8192
"""Padded units of a side that run at once, or one pair."""
MOST_RATIO = 0.999
"""The quantile of how many times longer a target is than its source, by which translations end at the latest."""
POOL = 50
"""Batches among which pairs of similar length run together."""
MOST_AT_ONCE = 64
"""Texts that are translated at once."""
TIED = "output.weight"
"""The name of what is the embedding again."""
IGNORED = -100


class TranslationNetwork(nn.Module):
    """An encoder that reads in both directions, and a decoder with attention over all its states.

    Attention comes after the first layer of the decoder and before the others (as in Wu et al. 2016), not into its
    input: so the layers run the whole target at once in training. With one layer this is Luong et al. 2015 without
    input feeding. Both languages share the embedding, which is the output layer again (Press & Wolf 2017).

    Args:
        vocabulary: how many units there are; the last one begins and ends a text.
        embedding_size: features of a unit.
        cell, hidden_size, num_layers: the recurrent layers; half of `hidden_size` in each direction of the encoder.
        dropout: share of features put to 0 in training, in all steps of a text alike (Gal & Ghahramani 2016).
    """

    def __init__(
        self, vocabulary: int, embedding_size: int, *, cell: str, hidden_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        layer = layer_of(cell)
        between = dropout if num_layers > 1 else 0.0
        self.dropout = LockedDropout(dropout, steps=1)
        self.embedding = nn.Embedding(vocabulary, embedding_size)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
        self.encoder: nn.RNNBase = layer(
            embedding_size, hidden_size // 2, num_layers, batch_first=True, bidirectional=True, dropout=between
        )
        self.bridge = nn.Linear(hidden_size, hidden_size)
        self.decoder: nn.RNNBase = layer(embedding_size, hidden_size, batch_first=True)
        self.attention = Attention(hidden_size)
        self.upper: nn.RNNBase | None = None
        if num_layers > 1:
            self.upper = layer(
                2 * hidden_size, hidden_size, num_layers - 1, batch_first=True, dropout=between if num_layers > 2 else 0
            )
        self.combine = nn.Linear(2 * hidden_size, embedding_size)
        self.output = nn.Linear(embedding_size, vocabulary)
        self.output.weight = self.embedding.weight
        nn.init.zeros_(self.output.bias)
        for each in (self.encoder, self.decoder, self.upper):
            if each is not None:
                initialize(each, "open" if cell == "lstm" else "torch")

    def encode(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Any]:
        """Units [B, S] of these lengths to the memory [B, S, H], which of it is real [B, S], and the first state."""
        states, last = self.encoder(self.dropout(self.embedding(x)), lengths=lengths)
        real = torch.arange(x.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
        return self.dropout(states), real, (self._bridged(last), ())

    def _bridged(self, last: Any) -> Any:
        """The first state of the decoder, from those of both directions of the last layer of the encoder."""
        if isinstance(last, tuple):
            # The cell state of an LSTM is not bounded.
            return self._bridged(last[0]), self.bridge(torch.cat([last[1][-2], last[1][-1]], dim=-1)).unsqueeze(0)
        return torch.tanh(self.bridge(torch.cat([last[-2], last[-1]], dim=-1))).unsqueeze(0)

    def decode(
        self, y: Tensor, state: Any, memory: Tensor, real: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Any, Tensor]:
        """Units of the target [R, T] to the features [R, T, E] that `output` makes logits of, the state, and the
        attention weights [B, R / B * T, S]. R is B, or a multiple where several beginnings go with each text."""
        options = {} if lengths is None else {"lengths": lengths}
        first, upper = state
        states, first = self.decoder(self.dropout(self.embedding(y)), first, **options)
        queries = states.reshape(len(memory), -1, states.shape[-1])
        context, shares = self.attention(queries, memory, real)
        both = torch.cat([states, context.view_as(states)], dim=-1)
        if self.upper is not None:
            states, upper = self.upper(
                self.dropout(both), None if isinstance(upper, tuple) and not upper else upper, **options
            )
            both = torch.cat([states, context.view_as(states)], dim=-1)
        return self.dropout(torch.tanh(self.combine(both))), (first, upper), shares

    def forward(self, part: PairPart) -> Tensor:
        """The logits [N, V] of all real units of the targets, one behind the other."""
        memory, real, state = self.encode(part.x, part.x_lengths)
        features, _, _ = self.decode(part.y, state, memory, real, part.y_lengths)
        return self.output(features[part.following != IGNORED])


class PairPart(NamedTuple):
    """Pairs, padded to the longest."""

    x: Tensor
    """[B, S] units of the source."""
    x_lengths: Tensor
    """[B]"""
    y: Tensor
    """[B, T] units of the target behind the border that begins it."""
    y_lengths: Tensor
    """[B]"""
    following: Tensor
    """[B, T] what comes after each: the same units, and the border that ends it; IGNORED behind the end."""


class PairExamples(Examples):
    """A row a pair of texts. Pairs of a batch are of similar length, so that little is padded.

    Args:
        sources: the units of each source.
        targets: of each target.
        border: the unit that begins and ends a text.
        batch_size: pairs of a step, which are of similar length.
    """

    def __init__(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], border: int, batch_size: int
    ) -> None:
        self.sources = [torch.from_numpy(one.astype(np.int64)) for one in sources]
        self.targets = [torch.from_numpy(one.astype(np.int64)) for one in targets]
        self.border, self.batch_size = border, batch_size
        self.x_lengths = torch.tensor([len(one) for one in sources])
        self.y_lengths = torch.tensor([len(one) + 1 for one in targets])

    def __len__(self) -> int:
        return len(self.sources)

    def items(self, rows: Tensor) -> int:
        return int(self.y_lengths[rows].sum())

    def order(self, epoch: int, seed: int) -> Tensor:
        """At random, but those of a batch are alike in length; a rest that makes no batch comes last."""
        # Up and down, so that long targets of one length of sources do not meet the short ones of the next.
        x, y = self.x_lengths, self.y_lengths
        keys = x * 20_000 + torch.where(x % 2 == 0, y, -y)
        return similar_batches(keys.numpy(), self.batch_size, POOL, np.random.default_rng((seed, epoch)))

    def parts(self, rows: Tensor, mine: Tensor, at: tuple[int, int, int] | None = None) -> Iterator[PairPart]:
        for some in self._held(rows[mine]):
            yield self.part(some)

    def portions(self) -> list[Tensor]:
        longest = torch.maximum(self.x_lengths, self.y_lengths).numpy()
        return [torch.from_numpy(rows) for rows in batches_by_length(longest, self.batch_size, MOST_UNITS)]

    def _held(self, rows: Tensor) -> Iterator[Tensor]:
        """The rows in parts of some thousand padded units, whose logits memory holds one part after the other."""
        longest = torch.maximum(self.x_lengths[rows], self.y_lengths[rows])
        if int(longest.max()) * len(rows) <= MOST_UNITS:
            yield rows
            return
        for some in batches_by_length(longest.numpy(), len(rows), MOST_UNITS):
            yield rows[torch.from_numpy(some)]

    def part(self, rows: Tensor) -> PairPart:
        """These pairs."""
        picked = rows.tolist()
        border = torch.tensor([self.border])
        x = padded([self.sources[n] for n in picked], self.border)
        y = padded([torch.cat([border, self.targets[n]]) for n in picked], self.border)
        following = padded([torch.cat([self.targets[n], border]) for n in picked], IGNORED)
        return PairPart(x, self.x_lengths[rows], y, self.y_lengths[rows], following)


def padded(rows: Sequence[Tensor], value: int) -> Tensor:
    """Rows side by side, filled up to the longest.

    >>> padded([torch.tensor([1, 2]), torch.tensor([3])], 0).tolist()
    [[1, 2], [3, 0]]
    """
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)


class Translation(Learner):
    """The mean negative log-likelihood of the next unit of the target, in training with smoothed labels."""

    monitor, mode = "accuracy", "max"
    network: TranslationNetwork

    def __init__(self, network: TranslationNetwork, smoothing: float) -> None:
        super().__init__(network)
        self.smoothing = smoothing

    def output(self, part: PairPart) -> Tensor:
        return self.network(part)

    def losses(self, output: Tensor, part: PairPart) -> Tensor:
        # Smoothed labels would hide on validation data how probable the right unit is (Szegedy et al. 2016).
        smoothing = self.smoothing if self.network.training else 0.0
        return F.cross_entropy(output, _real(part.following), reduction="sum", label_smoothing=smoothing)

    def metrics(self, device: torch.device) -> MetricCollection:
        return MetricCollection({"accuracy": MeanMetric()}).to(device)

    def update(self, metrics: MetricCollection, output: Tensor, part: PairPart) -> None:
        following = _real(part.following)
        metrics.update((output.argmax(dim=-1) == following).float().mean(), weight=len(following))


def _real(following: Tensor) -> Tensor:
    return following[following != IGNORED]


class Translator(Estimator):
    """Translate texts, after training on pairs.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units of the decoder; the encoder has half of them in each direction.
        num_layers: number of recurrent layers of the encoder and of the decoder.
        unit: bpe for joint subwords of both languages (Sennrich et al. 2016), char or byte.
        vocab_size: number of joint subwords. None: 4,000, or 8,000 with 100,000 pairs or more.
        embedding_size: features of a unit.
        label_smoothing: share of the probability that training gives to all units alike (Szegedy et al. 2016).
        max_length: largest number of units of a text; longer pairs are not trained on, longer texts are truncated.
        beam: number of hypotheses of beam search; 1 for greedy search.
        length_penalty: exponent of the length by which log-probabilities are divided.
        batch_size: number of pairs of a step.
        dropout: share of features set to 0 in training.
        parameters: all others are those of `tidegate.tasks.base.Estimator`.

    Attributes:
        units_: the vocabulary.
        network_: the trained torch module.
        history_: one row for every check during training.

    >>> import tidegate
    >>> sources = ["one tide", "two tides", "one boat", "two boats"] * 8
    >>> targets = ["eine Tide", "zwei Tiden", "ein Boot", "zwei Boote"] * 8
    >>> settings = {"unit": "char", "steps": 150, "batch_size": 8, "dropout": 0.0}
    >>> model = tidegate.Translator(hidden_size=32, embedding_size=32, **settings)
    >>> model.fit(sources, targets).predict(["two boats", ""])
    ['zwei Boote', '']
    """

    task = "translation"
    prepared_by = Units
    material: ClassVar[type[Material]]

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 512,
        num_layers: int = 1,
        *,
        unit: str = "bpe",
        vocab_size: int | None = None,
        embedding_size: int = 256,
        label_smoothing: float = 0.1,
        max_length: int = 256,
        beam: int = 5,
        length_penalty: float = 1.0,
        dropout: float = 0.25,
        steps: int | None = None,
        learning_rate: float = 3e-3,
        batch_size: int = 128,
        weight_decay: float = 1e-2,
        **parameters: Unpack[Training],
    ) -> None:
        super().__init__(
            cell, hidden_size, num_layers, dropout, steps=steps, learning_rate=learning_rate, batch_size=batch_size,
            weight_decay=weight_decay, **parameters,
        )  # fmt: skip
        self.unit = unit
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.label_smoothing = label_smoothing
        self.max_length = max_length
        self.beam = beam
        self.length_penalty = length_penalty

    def settings(self) -> Settings:
        for name in ("embedding_size", "max_length", "beam", "batch_size"):
            check_at_least(name, getattr(self, name), 1)
        check_at_least("hidden_size", self.hidden_size, 2)
        if self.hidden_size % 2:
            raise ConfigError(
                got=f"hidden_size={self.hidden_size}",
                wanted="an even number, half for each direction of the encoder",
                do="correct hidden_size",
            )
        check_at_least("vocab_size", self.vocab_size, 1, optional=True)
        check_number("label_smoothing", self.label_smoothing, least=0, below=1)
        check_number("length_penalty", self.length_penalty, least=0)
        check_units(self.unit, self.vocab_size)
        settings = super().settings()
        return settings if settings.steps or settings.epochs else replace(settings, steps=DEFAULT_STEPS)

    def fit(self, X: Any, y: Any, validation_data: Any = None) -> Translator:
        """Train on pairs of texts, and keep the best checkpoint.

        Pairs with an empty side, or with more than `max_length` units on a side, are left out with a DataWarning.

        Args:
            X: a list of N texts.
            y: their translations.
            validation_data: (texts, translations) that choose the best checkpoint, instead of a share of X and y.

        Returns:
            The fitted estimator itself.

        Raises:
            DataError: there are no pairs, or the numbers of texts and translations differ.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        return self._whole_or_not(lambda: self._fit(X, y, validation_data))

    def _fit(self, X: Any, y: Any, validation_data: Any) -> None:
        held = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise DataError(got="validation_data", wanted="(texts, translations)", do="pass validation_data=(X, y)")
            held = _pairs(*validation_data)
        self.train(*self.set_up(_pairs(X, y), held), progress=self.verbose)

    def set_up(self, pairs: Pairs, held: Pairs | None = None) -> tuple[PairExamples, PairExamples | None]:
        settings = self.settings()
        self.fitted_parameters_ = self.parameters_as_json()
        subwords = SUBWORDS if len(pairs) < MANY else SUBWORDS_OF_MANY
        if held is None:
            share = 0.05 if settings.validation_share is None else settings.validation_share
            pairs, held = held_out(pairs, share, MOST_HELD, settings.seed)
        texts = [*pairs.source, *pairs.target]
        size = subwords if self.vocab_size is None and self.unit == "bpe" else self.vocab_size
        self.units_ = self.preparation_ = Units.fit(texts, str(self.unit), size)
        self.characters_ = "".join(sorted(set("".join(pairs.source))))
        train = self._examples(pairs, int(self.batch_size or 1))
        left_out = len(pairs) - len(train)
        if not len(train):
            raise DataError(
                got=f"{len(pairs):,} pairs, all longer than max_length={self.max_length} {self._named}",
                wanted="shorter ones",
                do="pass a larger max_length, or one sentence a line",
            )
        if left_out:
            said = "1 training pair is" if left_out == 1 else f"{left_out:,} training pairs are"
            about = f"{said} left out, of more than {self.max_length} {self._named}"
            warnings.warn(about, DataWarning, stacklevel=2)
        ratios = (train.y_lengths - 1) / train.x_lengths
        self.length_ratio_ = max(1.0, float(np.quantile(ratios.numpy(), MOST_RATIO)))
        self.design_ = {"vocabulary": self.units_.size}
        self.network_ = self.untrained()
        validation = None if held is None else self._examples(held, MOST_AT_ONCE)
        return train, validation if validation is not None and len(validation) else None

    def _examples(self, pairs: Pairs, batch_size: int) -> PairExamples:
        """The pairs that are not too long."""
        sources, targets = self.units_.encode_all(pairs.source), self.units_.encode_all(pairs.target)
        kept = [n for n in range(len(pairs)) if max(len(sources[n]), len(targets[n])) <= int(self.max_length)]
        return PairExamples([sources[n] for n in kept], [targets[n] for n in kept], self.units_.border, batch_size)

    @property
    def _named(self) -> str:
        return NAMES[str(self.unit)]

    def build(self) -> TranslationNetwork:
        return TranslationNetwork(
            self.units_.size,
            int(self.embedding_size),
            cell=str(self.cell),
            hidden_size=int(self.hidden_size),
            num_layers=int(self.num_layers),
            dropout=float(self.dropout or 0.0),
        )

    def save(self, folder: str | Path) -> None:
        """Write the fitted model with the current settings of the search; see `SequenceClassifier.save`."""
        self._check_fitted()
        self.settings()
        self.fitted_parameters_ |= {name: self.parameters_as_json()[name] for name in ("beam", "length_penalty")}
        super().save(folder)

    def decode_by(self, beam: int | None = None, length_penalty: float | None = None) -> Translator:
        """Change the settings of the search from now on.

        Args:
            beam: number of hypotheses; None keeps the current setting.
            length_penalty: exponent of the length by which log-probabilities are divided; None keeps the current
                setting.

        Returns:
            The estimator itself.

        Raises:
            ConfigError: a setting has a value that cannot work.
        """
        said = {"beam": beam, "length_penalty": length_penalty}
        self.set_params(**{name: value for name, value in said.items() if value is not None})
        self.settings()
        return self

    def learner(self) -> Translation:
        return Translation(self.network_, float(self.label_smoothing))

    def _fitted_config(self) -> dict[str, Any]:
        return {"characters": self.characters_, "length_ratio": self.length_ratio_}

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.units_ = self.preparation_
        self.characters_ = str(fitted["characters"])
        self.length_ratio_ = float(fitted["length_ratio"])

    def _tensors(self) -> dict[str, Tensor]:
        return {name: one for name, one in super()._tensors().items() if name != TIED}

    def _load_tensors(self, tensors: dict[str, Tensor]) -> None:
        super()._load_tensors({**tensors, TIED: tensors["embedding.weight"]})

    def predict(self, X: Any) -> list[str]:
        """The translation of each text, by beam search; an empty text for an empty one.

        Texts longer than `max_length` units are truncated, and characters that did not occur in training are reported,
        each with a DataWarning.

        Args:
            X: a list of N texts.

        Returns:
            A list of N translations.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: X is not a list of texts.
        """
        self._check_fitted()
        self.settings()
        texts = lines_of(X, "X")
        numbers = self.units_.encode_all(texts)
        longest = int(self.max_length)
        if cut := sum(len(one) > longest for one in numbers):
            said = "1 text has" if cut == 1 else f"{cut:,} texts have"
            is_cut = "is" if cut == 1 else "are"
            about = f"{said} more than {longest} {self._named} and {is_cut} cut"
            warnings.warn(about, DataWarning, stacklevel=2)
        strange = "".join(sorted(set("".join(texts)) - set(self.characters_)))
        if strange:
            some = ", ".join(repr(sign) for sign in strange[:5]) + ", …" * (len(strange) > 5)
            warnings.warn(f"characters that training has not seen: {some}", DataWarning, stacklevel=2)
        found = [""] * len(texts)
        rows = [n for n, text in enumerate(texts) if text.strip()]
        lengths = np.array([min(len(numbers[n]), longest) for n in rows], dtype=np.int64)
        for batch in batches_by_length(lengths, MOST_AT_ONCE, MOST_UNITS) if rows else ():
            picked = [rows[n] for n in batch.tolist()]
            for n, one in zip(picked, self._searched([numbers[n][:longest] for n in picked]), strict=True):
                found[n] = self.units_.decode(one).strip()
        return found

    def _searched(self, numbers: Sequence[np.ndarray]) -> list[list[int]]:
        """The units of the best translation of each source."""
        network, border = self.network_, self.units_.border
        device = next(network.parameters()).device
        x = padded([torch.from_numpy(one.astype(np.int64)) for one in numbers], border).to(device)
        lengths = torch.tensor([len(one) for one in numbers])
        with torch.inference_mode():
            memory, real, state = network.encode(x, lengths)

            def step(tokens: Tensor, state: Any, rows: Tensor) -> tuple[Tensor, Any]:
                features, state, _ = network.decode(tokens.unsqueeze(1), state, memory[rows], real[rows])
                logits = network.output(features[:, 0])
                if self.units_.unknown is not None:
                    logits[:, self.units_.unknown] = -torch.inf
                return logits.log_softmax(dim=-1), state

            limits = ((1.5 * self.length_ratio_ * lengths).long() + 10).to(device)
            return beam_search(step, state, border, border, limits, int(self.beam), float(self.length_penalty))

    def attention(self, source: str, target: str) -> tuple[list[str], list[str], np.ndarray]:
        """The units of a source [S], those of a target with its end [T], and the attention weights [T, S].

        Units behind `max_length` are left out.
        """
        self._check_fitted()
        longest = int(self.max_length)
        sides = [
            [one[:longest] for one in self.units_.encode_all(lines_of([text], "the pair"))] for text in (source, target)
        ]
        if not len(sides[0][0]):
            raise DataError(got="an empty source", wanted="some words", do="pass a text")
        part = PairExamples(sides[0], sides[1], self.units_.border, 1).part(torch.zeros(1, dtype=torch.int64))
        device = next(self.network_.parameters()).device
        with torch.inference_mode():
            memory, real, state = self.network_.encode(part.x.to(device), part.x_lengths)
            shares = self.network_.decode(part.y.to(device), state, memory, real)[2]
        units = self.units_
        return units.pieces(part.x[0].tolist()), [*units.pieces(part.y[0, 1:].tolist()), "end"], shares[0].cpu().numpy()

    def score(self, X: Any, y: Any) -> float:
        """BLEU of the translations of X, with y as references, from 0 to 100; see `metrics`."""
        return self.metrics(X, y)["bleu"]

    def metrics(self, X: Any, y: Any) -> dict[str, Any]:
        """BLEU (Papineni et al. 2002) and chrF (Popović 2015) by sacrebleu (Post 2018), with their signatures."""
        pairs = _pairs(X, y)
        return scored(self.predict(pairs.source), pairs.target)


def scored(translations: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """BLEU and chrF of translations beside their references."""
    try:
        import sacrebleu
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    bleu = sacrebleu.BLEU(tokenize="13a" if _has_spaces(references) else "char")
    chrf = sacrebleu.CHRF()
    return {
        "bleu": bleu.corpus_score(list(translations), [list(references)]).score,
        "chrf": chrf.corpus_score(list(translations), [list(references)]).score,
        "n": len(references),
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
    }


def _has_spaces(texts: Sequence[str]) -> bool:
    """Whether words are written apart, as they are not in Chinese, Japanese and Thai."""
    together = "".join(texts)
    return together.count(" ") * 20 >= len(together) or len(together) < 100


def _pairs(X: Any, y: Any) -> Pairs:
    """Texts and their translations, without the pairs of which a side is empty."""
    source, target = lines_of(X, "X"), lines_of(y, "y")
    if len(source) != len(target):
        raise DataError(
            got=f"{len(source):,} texts and {len(target):,} translations",
            wanted="equally many",
            do="pair them one to one",
        )
    kept = Pairs(source, target).without_empty()
    if not len(kept):
        raise DataError(got="no pair of texts", wanted="a few hundred", do="check how they were made")
    if left := len(source) - len(kept):
        said = "1 pair is" if left == 1 else f"{left:,} pairs are"
        warnings.warn(f"{said} left out, as a side is empty", DataWarning, stacklevel=2)
    return kept


class PairMaterial(Material):
    """Pairs of texts; some drawn at random are the test part where none is given."""

    compared = "chrF"

    @staticmethod
    def as_said(data: str, reading: Reading | None) -> Reading | None:
        return None if reading is None else with_whole_paths(data, reading)

    def __init__(
        self, estimator: Translator, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.reading = estimator.reading_ = with_whole_paths(data, reading or Reading())
        self.read = read_pairs(data, self.reading)
        self.fingerprint = fingerprint_of(self.read)

    @property
    def test(self) -> Pairs:
        assert self.read.test is not None
        return self.read.test

    def set_up(self, estimator: Translator) -> tuple[Examples, Examples | None]:
        return estimator.set_up(self.read.train, self.read.validation)

    def held_out(self, validation: Examples) -> str:
        return f"{len(validation):,} validation pairs"

    def notes(self, estimator: Translator, validation: Examples | None) -> list[str]:
        lines = list(self.read.notes)
        if validation is None:
            lines.append("no pairs are held out: the training data chooses the kept model")
        return lines

    @property
    def description(self) -> str:
        words = (sum(len(text.split()) for text in side) for side in (self.read.train.source, self.read.train.target))
        counted = " to ".join(f"{count:,}" for count in words)
        return f"{self.read.name}: {len(self.read.train):,} pairs, {counted} words; tested on {len(self.test):,}"

    def metrics(self, estimator: Translator) -> dict[str, Any]:
        # As many of the training pairs as there are test pairs.
        count = min(len(self.read.train), len(self.test))
        some = self.read.train[np.linspace(0, len(self.read.train) - 1, count).astype(int).tolist()]
        return {
            "train": estimator.metrics(some.source, some.target),
            "test": _beside_baselines(estimator, self.read.train, self.test),
        }

    def errors(self, estimator: Translator) -> np.ndarray:
        """1 less the chrF of each translation."""
        return _distances(estimator.predict(self.test.source), self.test.target)

    def baseline_errors(self, estimator: Translator) -> dict[str, np.ndarray]:
        simple = simple_translations(self.read.train, self.test)
        return {name: _distances(texts, self.test.target) for name, texts in simple.items()}

    @staticmethod
    def evaluate(
        model: Translator, data: str | None, reading: Reading | None, run: Run | None, say: Say
    ) -> dict[str, Any]:
        """The scores of the test part of the run's pairs, or of all pairs of another source."""
        if data is None:
            assert run is not None
            read = read_pairs(run.data, (reading or Reading()).or_else(Reading(**run.reading)))
            if fingerprint_of(read) != run.data_fingerprint:
                say(f"{run.data} has changed since the model was trained on it: its test part may hold training data")
            assert read.test is not None
            return {"test": _beside_baselines(model, read.train, read.test)}
        trained = model.reading_ or Reading()
        trained = trained.of_another_file()
        if trained.target is not None and Path(trained.target[0]).is_absolute():
            # The file of the translations belongs to the source of then.
            trained = replace(trained, target=None)
        read = read_parts(data, (reading or Reading()).or_else(trained))
        if run is not None:
            own = with_test(read)
            if own.test is not None and fingerprint_of(own) == run.data_fingerprint:
                say("these are the pairs that the model was trained on: their test part is scored")
                return {"test": _beside_baselines(model, own.train, own.test)}
        for line in read.notes:
            say(line)
        part = read.train if read.test is None else read.test
        return {"test": model.metrics(part.source, part.target)}

    @staticmethod
    def predict(
        model: Translator, source: str, reading: Reading | None, probabilities: bool
    ) -> tuple[list[str], list[list[Any]], list[str]]:
        """The translation of a text, or of each line of a file."""
        if probabilities:
            raise ConfigError(got="--probabilities", wanted="no probabilities of translations", do="leave it out")
        texts, notes = texts_in(source, reading or Reading())
        # A text that was learned may hold line breaks.
        return ["translation"], [[" ".join(text.splitlines())] for text in model.predict(texts)], notes

    @staticmethod
    def forecast(*given: Any, **named: Any) -> NoReturn:
        raise ConfigError(
            got="a model for translation and no input", wanted="a text or a file", do="write tidegate predict RUN TEXT"
        )


def _beside_baselines(model: Translator, train: Pairs, test: Pairs) -> dict[str, Any]:
    """What the translations score, and what the source itself and the nearest training pair would."""
    simple = {name: scored(texts, test.target) for name, texts in simple_translations(train, test).items()}
    kept = {name: {metric: one[metric] for metric in ("bleu", "chrf")} for name, one in simple.items()}
    return {**model.metrics(test.source, test.target), "baselines": kept}


def simple_translations(train: Pairs, test: Pairs) -> dict[str, Sequence[str]]:
    """What simple methods make of the test sources."""
    return {
        "the translation of the most similar training text": nearest(train, test.source),
        "the source itself": test.source,
    }


def _distances(translations: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """1 less the chrF of each translation [n]."""
    import sacrebleu

    pairs = zip(translations, references, strict=True)
    return np.array([1 - sacrebleu.sentence_chrf(one, [reference]).score / 100 for one, reference in pairs])


def nearest(train: Pairs, texts: Sequence[str]) -> list[str]:
    """For each text the translation of the training text that shares most with it, by TF-IDF of its words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    train = train[range(min(len(train), MOST_COMPARED))]
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\w+|[^\w\s]", dtype=np.float32)
    try:
        known = vectorizer.fit_transform(train.source)
    except ValueError:  # no word in any text
        return [train.target[0]] * len(texts)
    asked, found = vectorizer.transform(texts), []
    for begin in range(0, len(texts), 100):
        found += np.asarray((asked[begin : begin + 100] @ known.T).toarray().argmax(axis=1)).tolist()
    return [train.target[n] for n in found]


Translator.material = PairMaterial
