"""IDX files, the format of MNIST and its kin: a magic number, the sizes, then the numbers (LeCun 1998)."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import numpy as np

from tidegate.data.sequences import Dataset, Sequences, as_sequences
from tidegate.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAME = re.compile(r"(?:^|.*[-_.])(?P<part>train|t10k|test)[-_.](?P<kind>images|labels)[-_.].*", re.IGNORECASE)


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file, plain or gzip.

    Raises DataError where the file is empty, truncated, or not what its header says.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error, OSError) as error:
            raise DataError(
                got=f"{path}, a gzip file that cannot be unpacked ({error})",
                wanted="a whole one",
                do="download it again",
            ) from None
    if len(content) < 4:
        raise DataError(got=f"{path} with {len(content)} bytes", wanted="an IDX file", do="download it again")
    zeros, code, ndim = content[:2], content[2], content[3]
    if zeros != b"\0\0" or code not in TYPES or ndim == 0:
        raise DataError(
            got=f"{path} that begins with 0x{content[:4].hex()}",
            wanted="the magic number of an IDX file, such as 0x00000803 for images or 0x00000801 for labels",
            do="check that it is the right file",
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(got=f"{path}, cut off in its header", wanted="a whole file", do="download it again")
    shape = np.frombuffer(content, ">u4", ndim, offset=4).astype(np.int64)
    dtype = np.dtype(TYPES[code])
    wanted = start + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(content) != wanted:
        raise DataError(
            got=f"{path} of {len(content)} bytes unpacked",
            wanted=f"{wanted}, as its header says ({' x '.join(map(str, shape))})",
            do="download it again",
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def read_idx_folder(folder: Path, name: str | None = None) -> Dataset:
    """Read `train-images…`, `train-labels…` and, where they are, `t10k-…` or `test-…`, each image row by row."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and (match := NAME.match(path.name)):
            part = "train" if match["part"].lower() == "train" else "test"
            # A plain file sorts before its .gz twin and is taken.
            found.setdefault((part, match["kind"].lower()), path)
    train = _part(found, "train")
    if train is None:
        raise DataError(
            got=f"the folder {folder} without train-images and train-labels files",
            wanted="IDX files named like MNIST's, plain or gz",
            do="check the path",
        )
    test = _part(found, "test")
    if test is not None and _size(test) != _size(train):
        raise DataError(
            got=f"{folder} with test images of {_size(test)} and training images of {_size(train)} pixels",
            wanted="one size",
            do="check the files",
        )
    return Dataset(name or folder.name, train, test, image=True)


def _size(images: Sequences) -> tuple[int, int]:
    return images.longest, images.n_channels


def _part(found: dict[tuple[str, str], Path], part: str) -> Sequences | None:
    images_path, labels_path = found.get((part, "images")), found.get((part, "labels"))
    if images_path is None and labels_path is None:
        return None
    if images_path is None or labels_path is None:
        there, missing = (labels_path, "images") if images_path is None else (images_path, "labels")
        raise DataError(got=f"{there} without its {missing}", wanted="both files", do=f"add the {missing} file")
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3:
        raise DataError(
            got=f"{images_path} with {images.ndim} dimensions",
            wanted="3: images, rows, columns",
            do="check that it is the images file",
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            got=f"{labels_path} with {labels.ndim} dimensions of {labels.dtype}",
            wanted="one row of whole numbers",
            do="check that it is the labels file",
        )
    if len(images) != len(labels):
        raise DataError(
            got=f"{len(images)} images in {images_path} and {len(labels)} labels in {labels_path}",
            wanted="as many of each",
            do="check that the two files belong together",
        )
    return as_sequences(images, what=str(images_path)).with_targets(labels.astype(np.int64))
