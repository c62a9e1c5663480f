"""What is said, as the signs that a network writes: one way of spelling, an alphabet, numbers and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tidegate.errors import DataError

INSIDE = "'’-"
"""Signs that belong to a word where letters stand on both sides."""
BLANK = 0
"""The number of the blank of CTC; signs are counted from 1."""


@dataclass(frozen=True)
class Transcripts:
    """How transcripts are written, and the signs they are made of, as learned from the training data.

    Always: Unicode's composed form (NFC), one space between words, none at the ends.

    >>> transcripts = Transcripts.fit(["It's on.", "On  it!"])
    >>> transcripts.normalized("ON-it, it's"), transcripts.signs
    ("on-it it's", " 'inost")
    """

    signs: str = ""
    """The alphabet, in order."""
    lower: bool = False
    """Letters become lower case."""
    punctuation: bool = True
    """Punctuation stays."""

    @classmethod
    def fit(cls, texts: Sequence[str], lower: bool | None = None, punctuation: bool = False) -> Transcripts:
        """Learn the alphabet of texts.

        Args:
            lower: whether letters become lower case; none for where the texts have both cases.
            punctuation: whether what is no letter, digit or space stays, as none of it is heard.
        """
        if lower is None:
            lower = any(text != text.upper() for text in texts) and any(text != text.lower() for text in texts)
        plain = cls(lower=lower, punctuation=punctuation)
        signs = "".join(sorted({sign for text in texts for sign in plain.normalized(text)}))
        if not signs.strip():
            raise DataError(got="transcripts without a letter", wanted="what is said", do="check the transcripts")
        return replace(plain, signs=signs)

    @property
    def size(self) -> int:
        """Numbers in all, with the blank."""
        return len(self.signs) + 1

    def normalized(self, text: str) -> str:
        """A text as it is written here."""
        text = unicodedata.normalize("NFC", text)
        if self.lower:
            text = unicodedata.normalize("NFC", text.lower())
        if not self.punctuation:
            text = "".join(sign if _is_kept(text, n) else " " for n, sign in enumerate(text))
        return " ".join(text.split())

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a normalized text [N]; signs that were never seen are left out."""
        number = {sign: n for n, sign in enumerate(self.signs, start=1)}
        return np.array([number[sign] for sign in text if sign in number], dtype=np.int64)

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of numbers without blanks, one space between words."""
        return " ".join("".join(self.signs[number - 1] for number in numbers).split())

    def unseen(self, texts: Iterable[str]) -> str:
        """Signs of normalized texts that are not in the alphabet."""
        return "".join(sorted({sign for text in texts for sign in text} - set(self.signs)))

    def told(self, texts: Sequence[str]) -> str:
        """What is done to texts, in words; empty where they are left as they are."""
        done = []
        if self.lower:
            done.append("in lower case")
        if not self.punctuation and any(not _is_kept(text, n) for text in texts for n in range(len(text))):
            done.append("without punctuation")
        return f"transcripts are written {' and '.join(done)}" if done else ""

    def to_config(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Transcripts:
        return cls(str(config["signs"]), bool(config["lower"]), bool(config["punctuation"]))


def _is_kept(text: str, n: int) -> bool:
    """Whether the sign at a place is heard: a letter, a mark on one, a digit, a space, or a sign inside a word."""
    sign = text[n]
    if sign.isspace() or unicodedata.category(sign)[0] in "LMN":
        return True
    return sign in INSIDE and 0 < n < len(text) - 1 and text[n - 1].isalnum() and text[n + 1].isalnum()


def aligned_frames(numbers: np.ndarray) -> int:
    """The frames that CTC needs for numbers: one each, and a blank between two equal ones.

    >>> aligned_frames(np.array([3, 3, 1]))
    4
    """
    return len(numbers) + int((numbers[1:] == numbers[:-1]).sum())
