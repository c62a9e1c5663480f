"""Image files: each is a sequence of its rows of pixels, gray, in 0..1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidegate.data.folder import label_of
from tidegate.data.labels import labels_from_text
from tidegate.data.sequences import Dataset, Sequences, as_sequences
from tidegate.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".webp")


def is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS


def read_image(path: Path) -> Dataset:
    """Read one image, or every image of a folder in order of name."""
    paths = sorted(p for p in path.iterdir() if is_image(p)) if path.is_dir() else [path]
    ids = np.array([p.name for p in paths])
    return Dataset(path.stem, replace(_read(paths, path), ids=ids), image=True)


def read_image_folders(path: Path, files: Sequence[Path]) -> Dataset:
    """Read the images of a folder's folders, whose names, but for train and test, are the labels."""
    labels = [label_of(path, file) for file in files]
    y = None if None in labels else labels_from_text(np.array(labels))
    ids = np.array([str(file.relative_to(path)) for file in files])
    return Dataset(path.stem, replace(_read(files, path), y=y, ids=ids), image=True)


def _read(paths: Sequence[Path], source: Path) -> Sequences:
    from PIL import Image, UnidentifiedImageError

    rows = []
    for file in paths:
        try:
            with Image.open(file) as image:
                depth = 65535 if image.mode.startswith("I") else 255
                gray = image if depth == 65535 else image.convert("L")
                rows.append(np.asarray(gray, dtype=np.float32) / depth)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(
                got=f"{file} that cannot be read as an image ({error})", wanted="a PNG or other image", do="check it"
            ) from None
    return as_sequences(rows, what=str(source))
