"""Print the lowest version of each dependency that pyproject.toml allows, as constraints for pip."""

import re
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

EXTRAS = ("tasks", "audio")
"""What users install; developers' tools are as new as they come."""

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in [
    *project["dependencies"],
    *(one for extra in EXTRAS for one in project["optional-dependencies"][extra]),
]:
    if bound := re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement):
        print(f"{bound[1]}=={bound[2]}")
