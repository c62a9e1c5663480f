"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tidegate.errors import RunError

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def write_whole(path: Path, content: str | bytes | memoryview, *, parents: bool = False) -> Path:
    """Write a file, text as UTF-8, and return its path; RunError where it cannot be written.

    Whoever reads it meanwhile, or after a crash, finds the old file or the new one. A link keeps pointing to the file
    that is written, and a device or a pipe is written to as it is. With `parents`, the folder is made where it is
    missing.
    """
    if isinstance(content, str):
        content = content.encode()
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if target.exists() and not target.is_file():
            path.write_bytes(content)
            return path
        writing = target.with_name(f".{target.name}.writing")
        try:
            write_through(writing, content)
            writing.replace(target)
        finally:
            writing.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            got=f"{path}, which cannot be written ({reason(error)})", wanted="a writable path", do=remedy(error)
        ) from None
    return path


def write_through(path: Path, content: bytes | memoryview) -> None:
    """Write a file down to the disk: some report only then that they are full."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def reason(error: OSError) -> str:
    """What the system says, without the path."""
    return error.strerror or str(error) or type(error).__name__


def remedy(error: OSError, other: str = "choose another") -> str:
    """What helps: room where the disk is full, or else another path."""
    return "free some space" if error.errno in FULL else other
