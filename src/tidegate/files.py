"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from tidegate.errors import RunError


def write_whole(path: Path, text: str, *, parents: bool = False) -> Path:
    """Write a text file, with `parents` its folder too, and return its path; RunError where it cannot be written.

    Whoever reads it meanwhile, or after a crash, finds the old file or the new one.
    """
    writing = path.with_name(f".{path.name}.writing")
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            writing.write_text(text, encoding="utf-8")
            writing.replace(path)
        finally:
            writing.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            got=f"{path}, which cannot be written ({error.strerror})", wanted="a writable path", do="choose another"
        ) from None
    return path
