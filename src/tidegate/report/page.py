"""A page: one file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader

from tidegate import __version__


def render(template: str, **content: Any) -> str:
    """The HTML of a template."""
    environment = Environment(loader=PackageLoader("tidegate.report"), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(version=__version__, **content)


def facts(metrics: dict[str, Any], history: Sequence[dict[str, float]]) -> dict[str, str]:
    """What a section says of any finished run beside its scores."""
    return {
        "trainable parameters": f"{metrics['parameters']:,}",
        "training time": f"{metrics['seconds']:.0f} s",
        "best checkpoint": f"step {metrics['kept']['step']:,} of {int(history[-1]['step']):,}",
        "chosen on": metrics["kept_by"],
    }
