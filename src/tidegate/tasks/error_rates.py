"""How far texts that were heard are from those that were said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.errors import missing_extra


def error_rates(said: Sequence[str], heard: Sequence[str]) -> dict[str, Any]:
    """Word and character error rates, by jiwer.

    >>> error_rates(["one two", "three"], ["one too", "three"])["wer"]
    0.3333333333333333
    """
    try:
        import jiwer
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    said, heard = list(said), list(heard)
    words = jiwer.process_words(said, heard)
    return {
        "wer": float(words.wer),
        "cer": float(jiwer.cer(said, heard)),
        "substitutions": words.substitutions,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "words": sum(len(text.split()) for text in said),
        "n": len(said),
    }
