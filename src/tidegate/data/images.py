"""Image files: each is a sequence of its rows of pixels, gray, in 0..1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tidegate.data.sequences import Dataset, as_sequences
from tidegate.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".webp")


def read_image(path: Path) -> Dataset:
    """Read one image, or every image of a folder in order of name."""
    from PIL import Image, UnidentifiedImageError

    paths = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS) if path.is_dir() else [path]
    if not paths:
        raise DataError(got=f"the folder {path} without images", wanted="PNG or other images", do="check the path")
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
    return Dataset(path.stem, as_sequences(rows, what=str(path)), image=True)
