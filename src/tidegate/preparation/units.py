"""What a text is made of: characters, bytes or subwords, as numbers and back."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tidegate.errors import ConfigError, missing_extra

NAMES = {"char": "characters", "byte": "bytes", "bpe": "subwords"}
"""What units of each kind are called."""
KINDS = tuple(NAMES)
DEFAULT_SIZE, LEAST_SIZE, MOST_SIZE = 8000, 300, 1_000_000
"""Subwords that a vocabulary has where nothing is said, at least (256 of them are bytes), and at most."""
MOST_CHARACTERS = 20_000
PIECE = 100_000
"""Characters that are cut into subwords at once, up to the end of a line."""
LINE_END = re.compile(r"\n(?=\S)")


@dataclass(frozen=True)
class Units:
    """A vocabulary, as learned from the training text. Its last number stands for the border between two documents.

    >>> units = Units.fit(["abcab"], "char")
    >>> units.size, units.encode("cab?").tolist(), units.decode([2, 0, 1])
    (5, [2, 0, 1, 3], 'cab')
    """

    kind: str
    signs: str = ""
    """The characters, in order; the number behind them stands for one that was never seen."""
    tokenizer: str = ""
    """The JSON of a tokenizer of subwords."""

    @classmethod
    def fit(cls, texts: Sequence[str], kind: str, vocab_size: int | None = None) -> Units:
        """Learn a vocabulary from texts; `vocab_size` is of subwords, or the most characters."""
        if kind == "byte":
            return cls(kind)
        if kind == "char":
            counts: Counter[str] = Counter()
            for text in texts:
                counts.update(text)
            most = vocab_size or MOST_CHARACTERS
            return cls(kind, "".join(sorted(sign for sign, _ in counts.most_common(most))))
        tokenizers = _tokenizers()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size or DEFAULT_SIZE, min_frequency=2, show_progress=False,
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        )  # fmt: skip
        tokenizer.train_from_iterator((line for text in texts for line in _pieces(text)), trainer)
        return cls(kind, tokenizer=tokenizer.to_str())

    @cached_property
    def size(self) -> int:
        """Numbers in all, with those for the unknown and for the border."""
        if self.kind == "char":
            return len(self.signs) + 2
        return 257 if self.kind == "byte" else self._bpe.get_vocab_size() + 1

    @property
    def border(self) -> int:
        """The number that stands before each document."""
        return self.size - 1

    @property
    def unknown(self) -> int | None:
        """The number of a character that was never seen; none where everything can be written."""
        return len(self.signs) if self.kind == "char" else None

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text [N], int32."""
        if self.kind == "byte":
            return np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int32)
        if self.kind == "char":
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
            places = np.searchsorted(self._points, points).clip(max=max(0, len(self._points) - 1))
            known = self._points[places] == points if len(self._points) else np.zeros(len(points), dtype=bool)
            return np.where(known, places, len(self.signs)).astype(np.int32)
        found = self._bpe.encode_batch(list(_pieces(text)))
        return np.concatenate([np.empty(0, dtype=np.int32), *(np.array(one.ids, dtype=np.int32) for one in found)])

    def encode_all(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The numbers of each of several short texts."""
        if self.kind == "bpe":
            return [np.array(one.ids, dtype=np.int32) for one in self._bpe.encode_batch(list(texts))]
        return [self.encode(text) for text in texts]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers; a border is nothing, and the unknown is U+FFFD."""
        return "".join(self.stream(numbers))

    def stream(self, numbers: Iterable[int], between: str = "") -> Iterator[str]:
        """The text piece by piece, as soon as its bytes make characters, with `between` for a border."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for number in numbers:
            if number == self.border:
                if piece := decoder.decode(b"", True) + between:
                    yield piece
                continue
            if self.kind == "char":
                yield self.signs[number] if number < len(self.signs) else "\ufffd"
            else:
                data = bytes([number]) if self.kind == "byte" else self._bytes[number]
                if piece := decoder.decode(data):
                    yield piece
        if rest := decoder.decode(b"", True):
            yield rest

    def pieces(self, numbers: Iterable[int]) -> list[str]:
        """The text of each number on its own; bytes that make no character alone are U+FFFD."""
        return ["".join(self.stream([number])) for number in numbers]

    @cached_property
    def _points(self) -> np.ndarray:
        return np.array([ord(sign) for sign in self.signs], dtype=np.uint32)

    @cached_property
    def _bpe(self) -> Any:
        try:
            return _tokenizers().Tokenizer.from_str(self.tokenizer)
        except ConfigError:
            raise
        except Exception as error:  # of whatever kind tokenizers raises
            raise ValueError(f"a tokenizer that cannot be read: {error}") from None

    @cached_property
    def _bytes(self) -> list[bytes]:
        """The bytes of each subword: each is written in 256 characters that can be seen (Radford et al. 2019)."""
        seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
        byte_of = {chr(one): one for one in seen}
        byte_of |= {chr(256 + n): one for n, one in enumerate(sorted(set(range(256)) - set(seen)))}
        words = sorted(self._bpe.get_vocab().items(), key=lambda item: item[1])
        return [bytes(byte_of[sign] for sign in word) for word, _ in words]

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Units:
        units = cls(**config)
        if units.kind not in KINDS:
            raise ValueError(f"units of kind {units.kind!r}")
        if units.kind == "bpe" and not units._bytes:
            raise ValueError("a tokenizer without subwords")
        return units


def check_units(kind: Any, vocab_size: Any) -> None:
    """Raise ConfigError where there are no such units."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(got=f"unit={kind!r}", wanted=f"one of {', '.join(KINDS)}", do="correct unit")
    if vocab_size is None:
        return
    if kind == "byte":
        raise ConfigError(got=f"vocab_size={vocab_size} for bytes", wanted="none: there are 256", do="leave it out")
    least = LEAST_SIZE if kind == "bpe" else 1
    if not least <= vocab_size <= MOST_SIZE:
        raise ConfigError(
            got=f"vocab_size={vocab_size} for {kind}", wanted=f"{least:,} to {MOST_SIZE:,}", do="correct vocab_size"
        )


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that end at a line break before a word, where no subword goes on."""
    begin = 0
    while begin < len(text):
        found = LINE_END.search(text, min(begin + PIECE, len(text)))
        end = found.end() if found else len(text)
        yield text[begin:end]
        begin = end


def _tokenizers() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    return tokenizers
