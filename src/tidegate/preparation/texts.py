"""Texts to what is learned from and what is scored; and what is understood of a source of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from tidegate.data import is_built_in
from tidegate.data.documents import Documents, read_documents
from tidegate.errors import ConfigError, DataError
from tidegate.preparation.reading import Reading

TEST_SHARE = 0.1
"""The last tenth of a text is its test part."""


def read_texts(source: str, reading: Reading) -> Documents:
    """The texts of a source; ConfigError where what is said of tables is said of them."""
    others = [name for name in reading.to_config() if name != "encoding"]
    if others:
        raise ConfigError(
            got=f"--{others[0].replace('_', '-')} for a text", wanted="no option of tables", do="leave it out"
        )
    if is_built_in(source):
        raise DataError(
            got=f"the built-in dataset {source}", wanted="a text file or a folder", do="pass a text, such as book.txt"
        )
    return read_documents(source, reading.encoding)


def with_test(read: Documents) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is learned from, and what is scored."""
    if read.test:
        return read.train, read.test
    train, test = without_end(read.train, TEST_SHARE)
    if not train or not test:
        raise DataError(
            got=f"a text of {sum(map(len, read.train))} characters", wanted="some hundred", do="pass more text"
        )
    return train, test


def without_end(texts: Sequence[str], share: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts without the last share of their characters, and that end.

    >>> without_end(["abcdef", "ghij"], 0.3)
    (('abcdef', 'g'), ('hij',))
    """
    rest = int((1 - share) * sum(map(len, texts)))
    before, after = [], []
    for text in texts:
        before.append(text[:rest])
        after.append(text[rest:])
        rest = max(0, rest - len(text))
    return tuple(text for text in before if text), tuple(text for text in after if text)


def fingerprint_of(read: Documents) -> str:
    """Changes with the texts."""
    return fingerprint([read.train, read.validation, read.test])


def fingerprint(parts: Sequence[Sequence[str]]) -> str:
    """Changes with the texts, and with the part that each is in."""
    digest = hashlib.sha256()
    for part in parts:
        for text in part:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    return digest.hexdigest()


def describe_texts(source: str, reading: Reading | None = None) -> dict[str, Any]:
    """What is understood of a text, as JSON."""
    read = read_texts(source, reading or Reading())
    train, test = with_test(read)
    texts = (*read.train, *read.validation, *read.test)
    together = "".join(texts)
    return {
        "name": read.name,
        "documents": len(texts),
        "characters": len(together),
        "different": len(set(together)),
        "lines": together.count("\n"),
        "words": len(together.split()),
        "split": {
            "training": sum(map(len, train)),
            "validation": sum(map(len, read.validation)) or None,
            "test": sum(map(len, test)),
            "test_is": "a file of its own" if read.test else "the end",
        },
        "notes": list(read.notes),
    }
