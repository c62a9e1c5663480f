"""A trained model on disk: a folder with `config.json` and `model.safetensors`.

Loading runs no code from the folder and unpickles nothing. The config holds the checksum of the weights and of itself,
so that a damaged or edited bundle is refused; this is no protection against someone who means harm.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tidegate.errors import BundleError
from tidegate.files import reason, remedy, write_through

FORMAT = 2
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def write_bundle(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a bundle, whole or not at all; an older bundle in its place is replaced.

    Raises BundleError where the folder holds anything else, or cannot be written.
    """
    weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    content = {"format": FORMAT, **config, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    content["config_sha256"] = _digest(content)
    try:
        if folder.exists() and not is_bundle(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise BundleError(
                got=f"{folder}, which exists and is no saved model",
                wanted="a new or an empty folder",
                do="choose another",
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            new, old = Path(scratch) / "new", Path(scratch) / "old"
            new.mkdir()
            write_through(new / CONFIG, (json.dumps(content, indent=2) + "\n").encode())
            write_through(new / WEIGHTS, weights)
            _put(new, folder, old)
    except OSError as error:
        raise BundleError(
            got=f"{folder}, which cannot be written ({reason(error)})",
            wanted="a folder with the right to write",
            do=remedy(error),
        ) from None


def _put(new: Path, folder: Path, old: Path) -> None:
    """Put the new folder in the place of the one that is there, which comes back where that fails."""
    replaced = folder.exists()
    if replaced:
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if replaced:
            old.rename(folder)
        raise


def read_bundle(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the config and the weights of a bundle.

    Raises BundleError where it is missing, damaged, edited, or of a newer format.
    """
    if not (folder / CONFIG).is_file():
        raise BundleError(
            got=f"{folder} without {CONFIG}", wanted="a saved model or a finished run", do="check the path"
        )
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
    except (OSError, ValueError) as error:
        raise BundleError(
            got=f"{folder} that cannot be read ({error})", wanted="a whole bundle", do="copy it again"
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise BundleError(got=f"{folder / CONFIG} without a format", wanted="a bundle's config", do="copy it again")
    if config["format"] > FORMAT:
        raise BundleError(
            got=f"{folder} of format {config['format']}",
            wanted=f"format {FORMAT} or older",
            do="install a newer tidegate",
        )
    if config.pop("config_sha256", None) != _digest(config):
        raise BundleError(
            got=f"{folder / CONFIG} that was edited or damaged", wanted="the file as it was saved", do="copy it again"
        )
    if hashlib.sha256(weights).hexdigest() != config["weights_sha256"]:
        raise BundleError(
            got=f"{folder / WEIGHTS} that is truncated, damaged or from another model",
            wanted=f"the file that belongs to its {CONFIG}",
            do="copy it again",
        )
    try:
        return config, load(weights)
    except SafetensorError as error:
        raise BundleError(
            got=f"{folder / WEIGHTS} that is not in safetensors format ({error})",
            wanted="a whole bundle",
            do="copy it again",
        ) from None


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds a bundle, going by the names of its files."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _digest(config: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
