"""Settings for Sphinx, which makes a site of these Markdown pages (``make docs``)."""

from __future__ import annotations

import os
import re
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

_setup = ConfigParser()
_setup.read(ROOT / "setup.cfg", "utf-8")
_urls = dict(line.split(" = ") for line in _setup["metadata"]["project_urls"].strip().splitlines())

project = _setup["metadata"]["name"]
copyright = f"the authors of {project}; Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "snippets"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# A name of this package in a docstring must exist. Names of Python, Airflow and pytest are not checked: that would need
# requests to other sites.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!airflow_provider_tencent_ci).*"),
    # Users do not call the sources of credentials: docs/connection.md.
    ("py:class", r"airflow_provider_tencent_ci\.core\.(credentials|wire\.request_credentials)\..*"),
    # Nor do they choose how a service signs and refuses.
    ("py:class", r"airflow_provider_tencent_ci\.core\.wire\.service_dialect\..*"),
]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"{project} {__version__}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_theme_options = {"source_repository": _urls["Source"], "source_branch": "main", "source_directory": "docs/"}

# The links of a release must not change with the main branch.
_REVISION = os.environ.get("READTHEDOCS_GIT_IDENTIFIER", "main")


def link_to_repository(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Let links to files outside of ``docs/`` lead to the repository: the site does not have these files."""
    source[0] = re.sub(r"\]\(\.\./([^)\s]+)\)", rf"]({_urls['Source']}/blob/{_REVISION}/\1)", source[0])


def link_to_pages(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Let docstrings that name a page lead to it."""
    lines[:] = [re.sub(r"``docs/(\w+)\.md``", r":doc:`/\1`", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Have both called by Sphinx."""
    app.connect("source-read", link_to_repository)
    app.connect("autodoc-process-docstring", link_to_pages)
