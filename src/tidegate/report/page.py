"""A page: one file that opens offline, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from tidegate import __version__
from tidegate.errors import RunError


def render(template: str, **content: Any) -> str:
    """The HTML of a template."""
    environment = Environment(loader=PackageLoader("tidegate.report"), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(version=__version__, **content)


def write_whole(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all; RunError where it cannot be written."""
    writing = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write_text(text, encoding="utf-8")
        writing.replace(path)
    except OSError as error:
        raise RunError(
            got=f"{path}, which cannot be written ({error.strerror})", wanted="a writable path", do="choose another"
        ) from None
    return path
