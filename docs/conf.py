"""The documentation site; `make docs` builds it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import commands

import tidegate

project = "tidegate"
author = "The tidegate contributors"
release = version = tidegate.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["images", "static"]

myst_enable_extensions = ["colon_fence", "deflist", "html_image"]
myst_heading_anchors = 4

default_role = "py:obj"
smartquotes = False  # they turn --option into a dash
autodoc_member_order = "bysource"
autodoc_typehints = "none"
python_maximum_signature_line_length = 88
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"tidegate {release}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def without_align_top(app, document, source):
    """GitHub needs it to line pictures up; docutils does not know it."""
    source[0] = source[0].replace(' align="top"', "")


def setup(app):
    app.connect("source-read", commands.write_commands)
    app.connect("source-read", without_align_top)
