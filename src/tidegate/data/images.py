"""Image files: each is a sequence of its rows of pixels, gray, in 0..1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tidegate.data.labels import labels_from_text
from tidegate.data.sequences import Dataset, Sequences, as_sequences
from tidegate.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".webp")


def read_image(path: Path) -> Dataset:
    """Read one image, or every image of a folder in order of name."""
    paths = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS) if path.is_dir() else [path]
    ids = np.array([p.name for p in paths])
    return Dataset(path.stem, replace(_read(paths, path), ids=ids), image=True)


def read_image_folders(path: Path) -> Dataset:
    """Read the images of a folder's folders, whose names are the labels."""
    paths = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS)
    labels = labels_from_text(np.array([p.parent.name for p in paths]))
    ids = np.array([str(p.relative_to(path)) for p in paths])
    return Dataset(path.stem, replace(_read(paths, path), y=labels, ids=ids), image=True)


def _read(paths: list[Path], source: Path) -> Sequences:
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
