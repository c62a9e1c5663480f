"""Sound that tests make: a tone for each letter, silence for a space."""

from __future__ import annotations

import numpy as np

TONES = {"a": 400, "b": 800, "c": 1400, "d": 2200, " ": 0}
RATE = 8000


def spoken(text: str, rate: int = RATE, seed: int = 0, length: float = 0.12) -> np.ndarray:
    """A waveform [S] in which each letter of a text is a tone, with a short fall between two."""
    noise = np.random.default_rng(seed)
    t = np.arange(int(length * rate)) / rate
    shape = np.sin(np.pi * t / t[-1])
    parts = [shape * np.sin(2 * np.pi * TONES[sign] * t) for sign in text]
    waveform = np.concatenate(parts) if parts else np.zeros(0)
    return (0.4 * waveform + 0.003 * noise.normal(size=len(waveform))).astype(np.float32)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Texts of one to three words of the letters that have a tone."""
    random = np.random.default_rng(seed)
    words = ["ab", "cad", "bad", "dab", "cab", "ad"]
    return [" ".join(random.choice(words, random.integers(1, 4))) for _ in range(count)]
