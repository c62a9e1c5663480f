"""A page: one file that opens offline."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader

from tidegate import __version__


def render(template: str, **content: Any) -> str:
    """The HTML of a template."""
    environment = Environment(loader=PackageLoader("tidegate.report"), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(version=__version__, **content)
