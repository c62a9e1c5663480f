"""Where real data lies, if it does: $TIDEGATE_DATA, else ../shared/data beside the checkout."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("TIDEGATE_DATA") or REPOSITORY.parent / "shared" / "data")


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (REAL_DATA / name).exists(), reason=f"no {name} under $TIDEGATE_DATA")
