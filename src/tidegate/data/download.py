"""Files from the network: looked for on this machine first, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from tidegate.errors import DataError

TIMEOUT = 30  # seconds without a byte


def find_or_cache(name: str, files: Iterable[str]) -> tuple[Path, bool]:
    """Return a dataset's folder and whether it holds all files: $TIDEGATE_DATA/NAME, else the user's cache.

    A file counts with and without `.gz`.
    """
    folders = [cache() / name]
    if root := os.environ.get("TIDEGATE_DATA"):
        folders.insert(0, Path(root) / name)
    wanted = list(files)
    for folder in folders:
        if all((folder / file).exists() or (folder / file.removesuffix(".gz")).exists() for file in wanted):
            return folder, True
    return folders[-1], False


def cache() -> Path:
    """The user's cache folder: $XDG_CACHE_HOME/tidegate, else ~/.cache/tidegate."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidegate"


def fetch(urls: Iterable[str], to: Path, md5: str) -> None:
    """Download the first of `urls` that answers with the right content; leave nothing half-written.

    Raises DataError with what each mirror said, where none does.
    """
    if to.exists() and hashlib.md5(to.read_bytes()).hexdigest() == md5:
        return
    failures = []
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
                content = response.read()
        except (OSError, urllib.error.URLError, ValueError) as error:
            failures.append(f"{url}: {getattr(error, 'reason', error)}")
            continue
        if (found := hashlib.md5(content).hexdigest()) != md5:
            failures.append(f"{url}: content with md5 {found}")
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=to.parent, prefix=f".{to.name}-", delete=False) as file:
            file.write(content)
        Path(file.name).replace(to)
        return
    raise DataError(
        got=f"no answer with the right content for {to.name} ({'; '.join(failures)})",
        wanted=f"a file with md5 {md5}",
        do=f"check the network, or put the file into {to.parent} or $TIDEGATE_DATA/{to.parent.name}",
    )
