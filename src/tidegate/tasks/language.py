"""Language: what comes next in a text, by characters, bytes or subwords."""

from __future__ import annotations

import bz2
import lzma
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map

from tidegate.errors import ConfigError, DataError
from tidegate.layers import initialize, layer_of
from tidegate.preparation import Reading
from tidegate.preparation.texts import fingerprint_of, read_texts, with_test, without_end
from tidegate.preparation.units import NAMES, Units, check_units
from tidegate.tasks.base import Estimator, Material, Say, Tell, Training
from tidegate.tasks.dropout import LockedDropout
from tidegate.training import Examples, Learner, Settings
from tidegate.training.settings import check_at_least, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tidegate.tasks.run import Run

DEFAULT_STEPS = 3000
VALIDATION_SHARE = 0.05
"""Of a text before its test part: its end chooses the kept weights."""
FEW_PASSES = 25
"""How often a text is read at most where nothing is held out: it is not learned by heart then, and to learn from its
end, which is nearest to what comes after it, is worth more."""
VALIDATION_STREAMS = 32
SCORED_AT_ONCE = 4096
"""Steps of a text that are scored in one pass."""
SMALL_VOCABULARY, SMALL_EMBEDDING = 512, 128
STRETCHES = 50
"""Of the test part, over which cells are compared."""
MOST_PACKED = 20_000_000
"""Characters of the training text that xz and bzip2 are shown first."""
TIED = "output.weight"
"""The name of what is the embedding again, where the sizes allow."""
DOCUMENT_BREAK = "\n\n"
"""Between two documents that are written one after the other."""
NATS_PER_BIT = math.log(2)
CODE_POINTS = 0x110000
"""Of which one costs log(CODE_POINTS) nats where all are as probable."""


class LanguageNetwork(nn.Module):
    """An embedding, a recurrent layer and a linear layer, which is the embedding again where the sizes allow.

    Args:
        vocabulary: how many units there are.
        embedding_size: features of a unit.
        cell, hidden_size, num_layers: the recurrent layer.
        dropout: share of features put to 0 in training, before and after the layers in all steps of a chunk alike.
    """

    def __init__(
        self, vocabulary: int, embedding_size: int, *, cell: str, hidden_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_size)
        self.rnn: nn.RNNBase = layer_of(cell)(
            embedding_size, hidden_size, num_layers, dropout=dropout if num_layers > 1 else 0.0
        )
        self.dropout = LockedDropout(dropout, steps=0)
        self.output = nn.Linear(hidden_size, vocabulary)
        initialize(self.rnn, "open" if cell == "lstm" else "torch")
        self.tied = embedding_size == hidden_size
        if self.tied:
            # Press & Wolf 2017.
            nn.init.normal_(self.embedding.weight, std=hidden_size**-0.5)
            self.output.weight = self.embedding.weight

    def forward(self, x: Tensor, state: Any = None, resets: Tensor | None = None) -> tuple[Tensor, Any]:
        """Units [T, B] to the logits of the next [T, B, V], and the state after the last."""
        output, state = self.rnn(self.dropout(self.embedding(x)), state, resets=resets)
        return self.output(self.dropout(output)), state


class Chunk(NamedTuple):
    """Some steps of texts that are read side by side."""

    x: Tensor
    """[T, B] units."""
    y: Tensor
    """[T, B] the unit after each."""
    resets: Tensor | None
    """[T, B] where a document begins; none where none does."""
    begins: bool
    """Whether the state begins anew in all of them."""


class Chunks(Examples):
    """A text as streams that are read side by side, chunk by chunk, the state carried on; a row is one of a stream.

    In training the streams of each epoch begin at another place of the text, which goes round.

    Args:
        units: [N] the text, with a border before each document.
        border: its number.
        streams: side by side.
        steps: of a chunk.
        whole: read the rest of each stream that is shorter than a chunk, too.
    """

    def __init__(self, units: np.ndarray, border: int, streams: int, steps: int, whole: bool = False) -> None:
        self.units = torch.from_numpy(units.astype(np.int64))
        self.border, self.T = border, steps
        self.documents = int((self.units == border).sum())
        self.B = max(1, min(streams, (len(units) - 1) // steps))
        self.length = (len(units) - 1) // self.B
        self.count = math.ceil(self.length / steps) if whole else max(1, self.length // steps)

    def __len__(self) -> int:
        return self.count * self.B

    def items(self, rows: Tensor) -> int:
        chunks = rows.div(self.B, rounding_mode="floor")
        return int((self.length - chunks * self.T).clamp(max=self.T).sum())

    def order(self, epoch: int, seed: int) -> Tensor:
        """In the order of the text."""
        return torch.arange(len(self))

    def portions(self) -> list[Tensor]:
        return list(torch.arange(len(self)).split(self.B))

    def parts(self, rows: Tensor, mine: Tensor, at: tuple[int, int, int] | None = None) -> Iterator[Chunk]:
        rolled = 0 if at is None else int(np.random.default_rng(at[:2]).integers(len(self.units)))
        chunk, streams = int(rows[0]) // self.B, rows[mine] % self.B
        steps = torch.arange(min(self.T, self.length - chunk * self.T)).unsqueeze(1)
        places = (rolled + streams * self.length + chunk * self.T + steps) % len(self.units)
        x, y = self.units[places], self.units[(places + 1) % len(self.units)]
        resets = x == self.border if self.documents > 1 or at is not None else None
        yield Chunk(x, y, resets, chunk == 0)


class Language(Learner):
    """The mean negative log-likelihood of the next unit, in nats; the state goes from chunk to chunk."""

    network: LanguageNetwork

    def __init__(self, network: LanguageNetwork) -> None:
        super().__init__(network)
        self.states: dict[bool, Any] = {True: None, False: None}
        """After the last chunk of training, and of validation."""

    def output(self, part: Chunk) -> Tensor:
        training = self.network.training
        state = None if part.begins else self.states[training]
        logits, state = self.network(part.x, state, part.resets)
        self.states[training] = tree_map(Tensor.detach, state)
        return logits

    def losses(self, output: Tensor, part: Chunk) -> Tensor:
        return F.cross_entropy(output.flatten(0, 1), part.y.flatten(), reduction="sum")

    def state_dict(self) -> dict[str, Any]:
        state = self.states[True]
        return {} if state is None else {"state": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        device = next(self.network.parameters()).device
        self.states[True] = tree_map(lambda s: s.to(device), state["state"])


class LanguageModel(Estimator):
    """Predict the next unit of a text, and continue texts.

    Args:
        cell: rnn, lstm or gru.
        hidden_size: number of hidden units.
        num_layers: number of stacked recurrent layers.
        unit: char, byte, or bpe for subwords (Sennrich et al. 2016).
        vocab_size: for bpe the number of subwords, 8,000 if None; for char the largest number of characters, of which
            the rarest are left out.
        embedding_size: features of a unit. None: 128 for a small vocabulary, otherwise `hidden_size`, where the output
            layer shares the weights of the embedding (Press & Wolf 2017).
        chunk: number of steps over which gradients flow back (truncated backpropagation through time, Williams & Peng
            1990).
        batch_size: number of places of the text that are read in parallel.
        dropout: share of features set to 0 in training.
        parameters: all others are those of `tidegate.tasks.base.Estimator`.

    Attributes:
        units_: the vocabulary.
        network_: the trained torch module.
        history_: one row for every check during training.

    >>> import tidegate
    >>> model = tidegate.LanguageModel(hidden_size=32, steps=150, chunk=32, batch_size=8)
    >>> model = model.fit("the tide comes and goes. " * 100)
    >>> model.generate("the tide", length=17, temperature=0.1)
    ' comes and goes. '
    >>> model.score("the tide comes and goes. ")["nats_per_character"] < 1
    True
    """

    task = "language"
    prepared_by = Units
    material: ClassVar[type[Material]]

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 512,
        num_layers: int = 1,
        *,
        unit: str = "char",
        vocab_size: int | None = None,
        embedding_size: int | None = None,
        chunk: int = 128,
        dropout: float = 0.3,
        steps: int | None = None,
        learning_rate: float = 4e-3,
        batch_size: int = 32,
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
        self.chunk = chunk

    def settings(self) -> Settings:
        check_at_least("chunk", self.chunk, 1)
        check_at_least("batch_size", self.batch_size, 1)
        check_at_least("vocab_size", self.vocab_size, 1, optional=True)
        check_at_least("embedding_size", self.embedding_size, 1, optional=True)
        check_units(self.unit, self.vocab_size)
        settings = super().settings()
        return settings if settings.steps or settings.epochs else replace(settings, steps=DEFAULT_STEPS)

    def fit(self, X: Any, y: Any = None, validation_data: Any = None) -> LanguageModel:
        """Train on a text, or on several documents.

        If training reads them more than 25 times, or `validation_share` is given, their end is held out and chooses the
        best checkpoint.

        Args:
            X: a text, or a list of independent texts.
            y: ignored; the targets are in the text.
            validation_data: texts that choose the best checkpoint, instead of the end of X.

        Returns:
            The fitted estimator itself.

        Raises:
            DataError: there is no text, or less than a chunk.
            ConfigError: a parameter has a value that cannot work.
            TrainingError: the loss is not finite.
        """
        return self._whole_or_not(lambda: self._fit(X, validation_data))

    def _fit(self, X: Any, validation_data: Any) -> None:
        held = () if validation_data is None else _texts(validation_data, "validation_data")
        self.train(*self.set_up(_texts(X, "X"), held), progress=self.verbose)

    def set_up(self, texts: Sequence[str], held: Sequence[str] = ()) -> tuple[Chunks, Chunks | None]:
        settings = self.settings()
        self.fitted_parameters_ = self.parameters_as_json()
        self.passes_ = self._passes(texts, settings)
        share = settings.validation_share
        if share is None:
            share = VALIDATION_SHARE if self.passes_ > FEW_PASSES else 0.0
        if not held:
            before, after = without_end(texts, share)
            # What is less than a chunk says little, and is worth learning from.
            if sum(map(len, after)) > int(self.chunk):
                texts, held = before, after
        self.holds_out_ = bool(held)
        self.learned_ = tuple(texts)
        self.units_ = self.preparation_ = Units.fit(texts, str(self.unit), self.vocab_size)
        train = self._encoded(texts)
        if len(train) <= int(self.chunk):
            raise DataError(
                got=f"{len(train) - len(texts):,} {self._named} to learn from",
                wanted=f"a chunk of {self.chunk} at least",
                do="pass a smaller chunk, or more text",
            )
        small = self.units_.size <= SMALL_VOCABULARY
        embedding = SMALL_EMBEDDING if small else int(self.hidden_size)
        embedding = embedding if self.embedding_size is None else int(self.embedding_size)
        self.design_ = {"embedding_size": embedding, "documents": len(texts) > 1}
        self.network_ = self.untrained()
        chunks = Chunks(train, self.units_.border, int(self.batch_size or 1), int(self.chunk))
        # To check it on all that it learns from would take long.
        validation = self._encoded(held or without_end(texts, VALIDATION_SHARE)[1])
        if len(validation) <= int(self.chunk):
            return chunks, None
        return chunks, Chunks(validation, self.units_.border, VALIDATION_STREAMS, int(self.chunk), whole=True)

    def _passes(self, texts: Sequence[str], settings: Settings) -> float:
        """How often training reads the texts, as far as their characters tell."""
        if settings.epochs:
            return float(settings.epochs)
        read = (settings.steps or 0) * int(self.batch_size or 1) * int(self.chunk)
        return read / max(1, sum(map(len, texts)))

    def _settings_of(self, train: Any) -> Settings:
        # A short text has fewer streams than a batch could hold.
        return replace(self.settings(), batch_size=train.B)

    @property
    def _named(self) -> str:
        return NAMES[str(self.unit)]

    def _encoded(self, texts: Sequence[str]) -> np.ndarray:
        """The numbers of texts, with a border before each."""
        border = np.array([self.units_.border], dtype=np.int32)
        return np.concatenate([border[:0], *(part for text in texts for part in (border, self.units_.encode(text)))])

    def build(self) -> LanguageNetwork:
        return LanguageNetwork(
            self.units_.size,
            self.design_["embedding_size"],
            cell=str(self.cell),
            hidden_size=int(self.hidden_size),
            num_layers=int(self.num_layers),
            dropout=float(self.dropout or 0.0),
        )

    def learner(self) -> Language:
        return Language(self.network_)

    def _fitted_config(self) -> dict[str, Any]:
        return {}

    def _restore(self, fitted: dict[str, Any]) -> None:
        self.units_ = self.preparation_

    def _tensors(self) -> dict[str, Tensor]:
        return {name: one for name, one in super()._tensors().items() if not (self.network_.tied and name == TIED)}

    def _load_tensors(self, tensors: dict[str, Tensor]) -> None:
        super()._load_tensors({**tensors, TIED: tensors["embedding.weight"]} if self.network_.tied else tensors)

    def surprise(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """The negative log-likelihood of each unit of a text in nats [N], and the last layer's hidden state before it
        [N, H].

        A character outside the vocabulary additionally costs the choice among all others.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: there is no text.
        """
        self._check_fitted()
        (text,) = _texts(text, "text")
        units = torch.from_numpy(self._encoded([text]).astype(np.int64))
        nats, states, state = [], [], None
        device = next(self.network_.parameters()).device
        with torch.inference_mode():
            for begin in range(0, len(units) - 1, SCORED_AT_ONCE):
                some = units[begin : begin + SCORED_AT_ONCE + 1].to(device)
                output, state = self.network_.rnn(self.network_.embedding(some[:-1].unsqueeze(1)), state)
                logits = self.network_.output(output[:, 0])
                nats.append(F.cross_entropy(logits, some[1:], reduction="none").cpu())
                states.append(output[:, 0].cpu())
        costs = torch.cat(nats).double().numpy()
        if self.units_.unknown is not None:
            costs[units[1:].numpy() == self.units_.unknown] += math.log(CODE_POINTS - len(self.units_.signs))
        return costs, torch.cat(states).numpy()

    def score(self, X: Any, y: Any = None) -> dict[str, float]:
        """The negative log-likelihood of one or several texts, in nats and bits per character, and the perplexity per
        unit.

        Args:
            X: a text, or a list of texts.
            y: ignored.

        Returns:
            nats_per_character, bits_per_character, perplexity, n (characters), units, and unknown: the number of
            characters outside the vocabulary. Each of them costs the unit that represents all of them, and
            log(1,114,112 − known) nats for the choice among them.

        Raises:
            NotFittedError: the model has not been fitted.
            DataError: there is no text.
        """
        self._check_fitted()
        total, units, characters, unknown = 0.0, 0, 0, 0
        for text in _texts(X, "X"):
            nats = self.surprise(text)[0]
            total, units, characters = total + float(nats.sum()), units + len(nats), characters + len(text)
            if self.units_.unknown is not None:
                unknown += int((self.units_.encode(text) == self.units_.unknown).sum())
        return {
            "nats_per_character": total / characters,
            "bits_per_character": total / characters / NATS_PER_BIT,
            "perplexity": math.exp(min(total / units, 700)),
            "n": characters,
            "units": units,
            "unknown": unknown,
        }

    def predict(self, X: Any = None) -> NoReturn:
        """Raise ConfigError: what comes after a text is drawn, by `generate`."""
        raise ConfigError(
            got="predict of a LanguageModel", wanted="generate, which continues a text", do="call generate(prompt)"
        )

    def generate(
        self, prompt: str = "", length: int = 500, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0
    ) -> str:
        """Continue a prompt, and return the continuation without the prompt.

        The arguments and errors are those of `stream`.
        """
        return "".join(self.stream(prompt, length, temperature, top_p, seed))

    def stream(
        self, prompt: str = "", length: int = 500, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0
    ) -> Iterator[str]:
        """Continue a prompt piece by piece, as the text is generated; the same seed gives the same text.

        Args:
            prompt: the beginning of the text; empty for the beginning of a document.
            length: number of units to generate. A model of several documents may end one and begin the next after an
                empty line.
            temperature: divisor of the logits; towards 0 the most probable unit is taken.
            top_p: sample from the most probable units that together have this probability (nucleus sampling, Holtzman
                et al. 2020).
            seed: seed of the sampling.

        Yields:
            Pieces of the text.

        Raises:
            NotFittedError: the model has not been fitted.
            ConfigError: an argument has a value that cannot work.
            DataError: the prompt is not text.
        """
        self._check_fitted()
        check_at_least("length", length, 0)
        check_number("temperature", temperature, least=0)
        check_number("top_p", top_p, above=0)
        if top_p > 1:
            raise ConfigError(got=f"top_p={top_p}", wanted="a share up to 1", do="correct top_p")
        check_at_least("seed", seed, 0)
        if not isinstance(prompt, str):
            raise DataError(got=f"a prompt of {type(prompt).__name__}", wanted="text", do="pass a string")
        _check_writable(prompt, "the prompt")
        numbers = self._numbers(prompt, int(length), float(temperature), float(top_p), int(seed))
        return self.units_.stream(numbers, DOCUMENT_BREAK)

    def _numbers(self, prompt: str, length: int, temperature: float, top_p: float, seed: int) -> Iterator[int]:
        network, random = self.network_, np.random.default_rng(seed)
        border = self.units_.border
        never = [] if self.units_.unknown is None else [self.units_.unknown]
        if not self.design_["documents"]:
            never.append(border)
        device = next(network.parameters()).device
        embeddings = network.embedding.weight
        with torch.inference_mode():
            read = torch.from_numpy(self._encoded([prompt]).astype(np.int64)).to(device).unsqueeze(1)
            state: Any = None
            for some in read.split(SCORED_AT_ONCE):
                output, state = network.rnn(network.embedding(some), state)
            logits = network.output(output[-1, 0]).cpu().numpy()
        for _ in range(length):
            logits = logits.astype(np.float64)
            logits[never] = -np.inf
            number = _drawn(logits, temperature, top_p, random.random())
            yield number
            with torch.inference_mode():
                # A document begins from nothing.
                output, state = network.rnn(embeddings[number].view(1, 1, -1), None if number == border else state)
                logits = network.output(output[0, 0]).cpu().numpy()


def _drawn(logits: np.ndarray, temperature: float, top_p: float, at: float) -> int:
    """The unit that a draw from [0, 1) falls on."""
    if temperature < 1e-6:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()) / temperature)
    if top_p < 1:
        order = np.argsort(-shares, kind="stable")
        sums = shares[order].cumsum()
        shares[order[int(np.searchsorted(sums, top_p * sums[-1])) + 1 :]] = 0.0
    sums = shares.cumsum()
    return int(np.searchsorted(sums, at * sums[-1], side="right"))


def _texts(X: Any, name: str) -> tuple[str, ...]:
    """A text, or several, as a tuple."""
    found = (X,) if isinstance(X, str) else tuple(X) if isinstance(X, (list, tuple)) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise DataError(got=f"{name} of {type(X).__name__}", wanted="a text or a list of texts", do="pass strings")
    if not any(found):
        raise DataError(got=f"{name} without text", wanted="a text", do="check how it was made")
    for one in found:
        _check_writable(one, name)
    return tuple(one for one in found if one)


def _check_writable(text: str, name: str) -> None:
    """Raise DataError for what no encoding writes: a half of a surrogate pair, as a byte that is no UTF-8 becomes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            got=f"{name} with {text[error.start]!r} at {error.start}, which is no character",
            wanted="text",
            do="read it in its encoding",
        ) from None


def packed_bits(train: Sequence[str], test: Sequence[str]) -> dict[str, float]:
    """Bits a character that xz, bzip2 and the shares of single characters need for a text, after the training text."""
    known, text = "".join(train)[-MOST_PACKED:], "".join(test)
    before, both = known.encode(), (known + text).encode()
    found = {}
    for name, pack in (("xz", _lzma), ("bzip2", bz2.compress)):
        found[name] = max(0, 8 * (len(pack(both)) - len(pack(before)))) / len(text)
    counts = Counter(known)
    total, kinds = len(known), len(set(known) | set(text))
    costs = (n * math.log2((total + kinds) / (counts[sign] + 1)) for sign, n in Counter(text).items())
    found["single characters"] = sum(costs) / len(text)
    return found


def _lzma(data: bytes) -> bytes:
    """As xz, without what its files have around."""
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 9}])


class TextMaterial(Material):
    """A text, or several, whose end is the test part where none is given."""

    compared = "nats a character"

    def __init__(
        self, estimator: LanguageModel, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.reading = estimator.reading_ = reading or Reading()
        self.read = read_texts(data, self.reading)
        self.train, self.test = with_test(self.read)
        self.fingerprint = fingerprint_of(self.read)

    def set_up(self, estimator: LanguageModel) -> tuple[Examples, Examples | None]:
        train, validation = estimator.set_up(self.train, self.read.validation)
        self.holds_out = estimator.holds_out_
        return train, validation

    def held_out(self, validation: Examples) -> str:
        if not self.holds_out:
            return "training data"
        return f"{validation.items(torch.arange(len(validation))):,} validation units"

    def notes(self, estimator: LanguageModel, validation: Examples | None) -> list[str]:
        lines = list(self.read.notes)
        if not estimator.holds_out_:
            often = f"{estimator.passes_:.3g} times" if estimator.passes_ >= 1 else "less than once"
            lines.append(f"the text is read {often}, and none of it is held out to choose the kept model")
        unknown = estimator.units_.unknown
        if unknown is not None:
            count = sum(int((estimator.units_.encode(text) == unknown).sum()) for text in self.test)
            if count:
                lines.append(f"{count:,} characters of the test part are not in the vocabulary")
        return lines

    @property
    def description(self) -> str:
        count = sum(map(len, self.train)), sum(map(len, self.test))
        signs = len(set("".join(self.train)))
        tested = "the test file" if self.read.test else "the end"
        return f"{self.read.name}: {count[0]:,} characters, {signs:,} different; tested on {tested}, {count[1]:,}"

    def metrics(self, estimator: LanguageModel) -> dict[str, Any]:
        # As much of what was learned as there is of the test text.
        learned = estimator.learned_
        _, end = without_end(learned, min(1.0, sum(map(len, self.test)) / sum(map(len, learned))))
        return {"train": estimator.score(end), "test": _beside_baselines(estimator, self.train, self.test)}

    def errors(self, estimator: LanguageModel) -> np.ndarray:
        """Nats a character over stretches of the test part."""
        return _by_stretch(np.concatenate([estimator.surprise(text)[0] for text in self.test]), self.test)

    def baseline_errors(self, estimator: LanguageModel) -> dict[str, np.ndarray]:
        known, text = "".join(self.train), "".join(self.test)
        counts = Counter(known)
        total = len(known) + len(set(known) | set(text))
        costs = np.array([math.log(total / (counts[sign] + 1)) for sign in text])
        return {"single characters": _by_stretch(costs, self.test)}

    @staticmethod
    def evaluate(
        model: LanguageModel, data: str | None, reading: Reading | None, run: Run | None, say: Say
    ) -> dict[str, Any]:
        """The scores of the test part of the run's text, or of the whole of another."""
        if data is None:
            assert run is not None
            read = read_texts(run.data, (reading or Reading()).or_else(model.reading_ or Reading()))
        else:
            read = read_texts(data, reading or Reading())
        if run is not None and (data is None or fingerprint_of(read) == run.data_fingerprint):
            if fingerprint_of(read) != run.data_fingerprint:
                say(f"{run.data} has changed since the model was trained on it: its end may be training data")
            if data is not None:
                say("this is the text that the model was trained on: its test part is scored")
            train, test = with_test(read)
            return {"test": _beside_baselines(model, train, test)}
        for line in read.notes:
            say(line)
        scored = model.score((*read.train, *read.validation, *read.test))
        if scored["unknown"]:
            say(f"{scored['unknown']:,} characters are not in the vocabulary")
        return {"test": scored}

    @staticmethod
    def predict(*given: Any, **named: Any) -> NoReturn:
        raise ConfigError(
            got="a model for language", wanted="one that predicts for sequences or series", do="use tidegate generate"
        )

    @staticmethod
    def forecast(*given: Any, **named: Any) -> NoReturn:
        TextMaterial.predict()


def _by_stretch(costs: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """The nats a character of up to STRETCHES stretches, so weighted that their mean is that of all texts."""
    stretches = np.array_split(costs, min(STRETCHES, len(costs)))
    return np.array([part.sum() for part in stretches]) * len(stretches) / sum(map(len, texts))


def _beside_baselines(model: LanguageModel, train: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """What the model scores on a text, and what simple methods need for it."""
    baselines = {name: {"bits_per_character": bits} for name, bits in packed_bits(train, test).items()}
    return {**model.score(test), "baselines": baselines}


LanguageModel.material = TextMaterial
