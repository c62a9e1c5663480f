"""MNIST: 70,000 handwritten digits of 28x28 pixels (LeCun, Cortes & Burges)."""

from __future__ import annotations

from tidegate.data.download import fetch, find_or_cache
from tidegate.data.idx import read_idx_folder
from tidegate.data.sequences import Dataset

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def mnist() -> Dataset:
    """Each image as 28 rows of 28 pixels in 0..1; 60,000 to train with and 10,000 to test.

    Looked for in $TIDEGATE_DATA/mnist, then in the user's cache; downloaded there if it is in neither.
    """
    folder, complete = find_or_cache("mnist", list(MD5))
    if not complete:
        for name, md5 in MD5.items():
            fetch([mirror + name for mirror in MIRRORS], folder / name, md5)
    return read_idx_folder(folder, name="mnist")
